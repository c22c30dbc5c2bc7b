"""Whether a server shows all that a client needs to trust it, asked of a real TLS server."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.clients.stream import Stream
from provisioner.clients.tls import trust_chain
from provisioner.model.services import SERVICE_BY_NAME

IMAPS = SERVICE_BY_NAME["imaps"]
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "middle", "root")}


def _certificate(subject: str, issuer: str) -> bytes:
    now = dt.datetime.now(dt.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (subject, issuer)]
    built = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(KEYS[subject].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=subject != "leaf", path_length=None), critical=True)
        .sign(KEYS[issuer], hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


LEAF, MIDDLE = _certificate("leaf", "middle"), _certificate("middle", "root")
ROOT, ALONE = _certificate("root", "root"), _certificate("leaf", "leaf")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[bytes], Stream]]:
    """Return a function from the certificates that a server shows to a connection to it."""
    threads: list[Thread] = []

    def serve(chain: bytes) -> Stream:
        secret = KEYS["leaf"].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (tmp_path / "pair.pem").write_bytes(secret + chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "pair.pem")
        ours, theirs = socket.socketpair()
        theirs.settimeout(10)

        def greet() -> None:
            with theirs:
                try:
                    with context.wrap_socket(theirs, server_side=True) as secured:
                        secured.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                        while line := secured.recv(1024):
                            secured.sendall(line.split()[0] + b" OK done\r\n")
                except OSError:
                    return  # the client went away, as one that does not trust does

        threads.append(Thread(target=greet))
        threads[-1].start()
        return Stream(ours, 10)

    yield serve
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("chain", "roots", "trusted"),
    [
        (LEAF + MIDDLE, ROOT, True),
        (LEAF + MIDDLE + ROOT, ROOT, True),
        (LEAF, ROOT, False),
        (LEAF + MIDDLE, b"", False),
        (ALONE, ALONE, True),
    ],
)
def test_a_client_that_knows_roots_needs_the_certificates_between(
    served: Callable[[bytes], Stream], chain: bytes, roots: bytes, *, trusted: bool
) -> None:
    """A chain without its intermediate passed, and mail programs failed."""
    with served(chain) as stream:
        answer = trust_chain(stream, IMAPS, "leaf", "client.example", roots.decode())
    assert (answer.problem == "") is trusted
    assert trusted or "unable to get local issuer certificate" in answer.problem or not roots

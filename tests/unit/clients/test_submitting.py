"""Handing a message in to a server that follows a script: what it hears, and what it never does."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provisioner.clients.submitting import submit_message
from provisioner.model.names import DomainName, HostKey
from provisioner.model.services import SERVICE_BY_NAME
from provisioner.model.site import Host, Role
from provisioner.verbs.envelope import Door
from provisioner.verbs.handover import Handover, Posting, Stage

GREETED = {
    "": "220 mail.example.org ESMTP",
    "EHLO": "250-mail.example.org\r\n250-STARTTLS\r\n250-SIZE 9\r\n250 AUTH PLAIN",
    "STARTTLS": "220 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 Ok: queued as 4jYfN30S9MzNXpd",
    "QUIT": "221 bye",
}


class Scripted:
    """A server on loopback. script: what it answers to each command; None: it hangs up."""

    def __init__(self, script: Mapping[str, str | None], chain: Path) -> None:
        self.heard: list[str] = []
        self._script = {**GREETED, **script}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close does not
            self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with ExitStack() as stack, suppress(OSError):
                self._talk(stack.enter_context(connection), stack)

    def _talk(self, connection: socket.socket, stack: ExitStack) -> None:
        reader = stack.enter_context(connection.makefile("rb"))
        verb, content = "", False
        while True:
            answer = self._script["." if content and verb == "." else verb]
            if answer is None:
                return
            connection.sendall(answer.encode() + b"\r\n")
            if verb == "STARTTLS" and answer.startswith("220"):
                secured = self._context.wrap_socket(connection, server_side=True)
                connection = stack.enter_context(secured)
                reader = stack.enter_context(connection.makefile("rb"))
            content = verb == "DATA" and answer.startswith("354")
            lines = [reader.readline().decode().rstrip("\r\n")]
            while content and lines[-1] != ".":
                lines.append(reader.readline().decode().rstrip("\r\n"))
            if lines == [""]:
                return
            self.heard += lines
            verb = lines[-1].partition(" ")[0]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        made.not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "chain.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def fingerprint(chain: Path) -> str:
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    return certificate.fingerprint(hashes.SHA256()).hex()


@pytest.fixture
def serve(chain: Path) -> Iterator[Callable[..., Scripted]]:
    servers: list[Scripted] = []

    def start(**script: str | None) -> Scripted:
        servers.append(Scripted(script, chain))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def hand_in(server: Scripted, pin: str | None, login: str = "alice", text: str = "x") -> Handover:
    host = Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=(ip_address("127.0.0.1"),),
        roles=frozenset(Role),
    )
    submission = SERVICE_BY_NAME["submission"]
    service = replace(submission, port=server.port, login=bool(login))
    recipients = ("bob@example.org", "carol@example.org")
    content = f"{text}\r\n".encode()
    posting = Posting(
        Door(host, service), "alice@example.org", recipients, content, "<x@y>", login, "secret"
    )
    return submit_message(posting, hosts=[host], transports={}, fingerprint=pin)


def refused(handover: Handover) -> list[tuple[Stage, int | None]]:
    return [(each.stage, each.code) for each in handover.refusals]


def test_a_message_goes_in_as_from_a_mail_client(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve()
    got = hand_in(server, fingerprint, text=".\r\n..dots")
    assert server.heard == [
        "EHLO [127.0.0.1]",
        "STARTTLS",
        "EHLO [127.0.0.1]",
        "AUTH PLAIN AGFsaWNlAHNlY3JldA==",
        "MAIL FROM:<alice@example.org> SIZE=11",
        "RCPT TO:<bob@example.org>",
        "RCPT TO:<carol@example.org>",
        "DATA",
        "..",
        "...dots",
        ".",
        "QUIT",
    ]
    assert (got.via, got.tls, got.refusals) == ("direct", "TLSv1.3", ())
    assert got.accepted == ("bob@example.org", "carol@example.org")
    assert got.answer == "250 2.0.0 Ok: queued as 4jYfN30S9MzNXpd"


@pytest.mark.parametrize(
    ("script", "want"),
    [
        ({"": "554 5.7.1 go away"}, (Stage.CONNECT, None)),
        ({"STARTTLS": "454 4.7.0 not now"}, (Stage.TLS, None)),
        ({"EHLO": "250 mail.example.org"}, (Stage.TLS, None)),
        ({"AUTH": "535 5.7.8 no"}, (Stage.LOGIN, 535)),
        ({"AUTH": None}, (Stage.LOGIN, None)),
        ({"MAIL": "552 5.3.4 too big"}, (Stage.MAIL, 552)),
        ({"DATA": "451 4.3.0 later"}, (Stage.DATA, 451)),
        ({".": "550 5.7.1 spam"}, (Stage.DATA, 550)),
        ({".": None}, (Stage.DATA, None)),
    ],
)
def test_a_refusal_says_at_which_stage_it_came(
    serve: Callable[..., Scripted],
    fingerprint: str,
    script: dict[str, str | None],
    want: tuple[Stage, int | None],
) -> None:
    got = hand_in(serve(**script), fingerprint)
    assert (refused(got), got.accepted) == ([want], ())


def test_each_recipient_who_is_refused_is_told(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve(RCPT="550 5.1.1 unknown")
    got = hand_in(server, fingerprint)
    assert [each.recipient for each in got.refusals] == ["bob@example.org", "carol@example.org"]
    assert refused(got) == [(Stage.RCPT, 550)] * 2
    assert "DATA" not in server.heard


@pytest.mark.parametrize("pin", [None, "00" * 32])
def test_the_password_goes_to_nobody_but_the_host(
    serve: Callable[..., Scripted], pin: str | None
) -> None:
    server = serve()
    got = hand_in(server, pin)
    assert refused(got) == [(Stage.LOGIN, None)]
    assert "mailprov sent no password" in got.refusals[0].words
    assert [line for line in server.heard if line.startswith("AUTH")] == []


def test_the_password_is_not_sent_where_tls_is_not_offered(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve(EHLO="250-mail.example.org\r\n250 AUTH PLAIN")
    assert refused(hand_in(server, fingerprint)) == [(Stage.TLS, None)]
    assert server.heard == ["EHLO [127.0.0.1]"]


def test_as_another_server_a_message_goes_in_without_tls_if_need_be(
    serve: Callable[..., Scripted],
) -> None:
    server = serve(EHLO="250 mail.example.org")
    got = hand_in(server, None, login="")
    assert (got.tls, got.refusals, len(got.accepted)) == ("", (), 2)


def test_a_port_where_nobody_listens_is_a_refusal(serve: Callable[..., Scripted]) -> None:
    server = serve()
    server.close()
    got = hand_in(server, None)
    assert refused(got) == [(Stage.CONNECT, None)]
    assert got.refusals[0].words.startswith("the connection failed: direct: refused")

"""Secrets that daemons use: read where they can be, and no mistake where they cannot."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.daemon_secrets import RELAY_PASSWORD
from provisioner.model.secrets import DaemonSecrets
from provisioner.site.daemon_secrets import read_daemon_secrets
from provisioner.site.load import load_site

RELAY = "relay: {host: smtp.example.net, user: me, password: {env: P}}\n"
Read = Callable[..., tuple[DaemonSecrets, tuple[Diagnostic, ...]]]


@pytest.fixture
def read(tmp_path: Path, beginner: str) -> Read:
    """Return a function from what the beginner's site has besides to its daemons' secrets."""

    def read(
        more: str, *, look_only: bool = False, **variables: str
    ) -> tuple[DaemonSecrets, tuple[Diagnostic, ...]]:
        path = tmp_path / "site.yaml"
        path.write_text(beginner + more)
        base = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path / "config")}
        return read_daemon_secrets(
            load_site(path).site, path, base | variables, look_only=look_only
        )

    return read


def test_a_secret_has_the_same_tag_again_and_another_one_another(read: Read) -> None:
    first, _ = read(RELAY, P="open sesame")
    again, _ = read(RELAY, P="open sesame")
    other, _ = read(RELAY, P="open barley")
    assert first == again
    assert first.known[RELAY_PASSWORD].text == "open sesame"
    assert first.known[RELAY_PASSWORD].tag != other.known[RELAY_PASSWORD].tag
    assert "sesame" not in repr(first)


def test_a_tag_tells_nothing_to_who_has_not_the_controllers_key(read: Read, tmp_path: Path) -> None:
    first, _ = read(RELAY, P="open sesame")
    (tmp_path / "config/mailprov/key").unlink()
    assert read(RELAY, P="open sesame")[0].known[RELAY_PASSWORD].tag != (
        first.known[RELAY_PASSWORD].tag
    )


def test_one_that_is_not_there_is_told_with_its_place_and_is_no_mistake_yet(read: Read) -> None:
    secrets, warnings = read(RELAY)
    assert (secrets.known, warnings) == ({}, ())
    told = secrets.missing[RELAY_PASSWORD]
    assert told.summary == "relay.password: the environment variable P is not set"
    assert told.where.endswith("site.yaml:6:53")


def test_who_only_looks_reads_none(read: Read, tmp_path: Path) -> None:
    assert read(RELAY, look_only=True, P="x") == (DaemonSecrets(), ())
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("secret", [" blank", "blank "])
def test_one_that_the_daemon_would_not_see_whole_is_refused_unshown(
    read: Read, secret: str
) -> None:
    with pytest.raises(MailprovError) as refusal:
        read(RELAY, P=secret)
    assert refusal.value.exit_code is ExitCode.INVALID_SITE
    (told,) = refusal.value.diagnostics
    assert "a blank at its start or end" in told.summary
    assert "blank" not in told.got


def test_a_file_that_others_can_read_is_warned_of(read: Read, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("x\n")
    (tmp_path / "p").chmod(0o644)
    secrets, (warning,) = read(RELAY.replace("env: P", "file: p"))
    assert secrets.known[RELAY_PASSWORD].text == "x"
    assert warning.summary == "warning: relay.password: other users can read a secret"


def test_authorities_are_read_by_who_only_looks_too(read: Read, tmp_path: Path) -> None:
    pem = _authority()
    (tmp_path / "ca.pem").write_bytes(b"our own authority\n" + pem)
    relay = "relay: {host: smtp.example.net, ca_file: ca.pem}\n"
    assert read(relay, look_only=True)[0].relay_ca == pem


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_are_none_are_a_mistake(
    read: Read, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(MailprovError) as refusal:
        read("relay: {host: smtp.example.net, ca_file: ca.pem}\n")
    (told,) = refusal.value.diagnostics
    assert told.summary.startswith("relay.ca_file: ")
    assert refusal.value.exit_code is ExitCode.INVALID_SITE
    # The way back is open without them.
    relay = "relay: {host: smtp.example.net, ca_file: ca.pem}\n"
    secrets, (warning,) = read(relay, look_only=True)
    assert (secrets.relay_ca, warning.summary) == (None, f"warning: {told.summary}")


def _authority() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, begins, begins + dt.timedelta(days=30)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

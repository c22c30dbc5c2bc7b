"""The certificate that a host makes for itself (staging.sh)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.remote_parts import text_of

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")

NAME = "mail.example.org"


def make(path: Path, name: str, key: Path | str = "") -> x509.Certificate:
    """Have the function make a file, and return the certificate in it."""
    text = text_of("staging")
    script = f'{text}\nstage={path.parent}\nmake_certificate "$@"\n'
    command = ["sh", "-uc", script, "sh", str(path), name, str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return x509.load_pem_x509_certificate(path.read_bytes())


def public_key_of(path: Path) -> object:
    private = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.public_key()


def test_it_is_a_servers_and_may_sign_nothing(tmp_path: Path) -> None:
    got = make(tmp_path / "made", NAME)
    constraints = got.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = got.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_cert_sign) == (True, False)
    purposes = got.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]
    names = got.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(NAME)]
    assert got.subject == got.issuer
    assert got.version is x509.Version.v3


def test_file_and_key_belong_together_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    got = make(tmp_path / "made", NAME)
    assert public_key_of(tmp_path / "made") == got.public_key()
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made", "openssl"]


def test_of_a_key_that_is_named_it_makes_another_certificate(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    before, after = make(first, NAME), make(second, "mx.example.org", first)
    assert public_key_of(first) == public_key_of(second) == after.public_key()
    assert before.serial_number != after.serial_number


def test_a_name_that_no_common_name_holds_stands_where_clients_look(tmp_path: Path) -> None:
    name = f"{'m' * 60}.example.org"
    got = make(tmp_path / "made", name)
    names = got.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(name)]

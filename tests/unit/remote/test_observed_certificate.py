"""What the observing program says of the certificate that the host made for itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provisioner.facts.certificate import HostCertificate
from provisioner.facts.host import Introduction
from provisioner.facts.observation import parse_facts
from provisioner.remote.program import remote_programs

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")


def made(folder: Path, name: str, days: int) -> Path:
    """Make a key and a certificate in one file, as the transaction does."""
    key, certificate, both = folder / "key", folder / "certificate", folder / "both.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-days", str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def observed(path: Path) -> list[str]:
    """Return what the program answers when it is asked for the certificate."""
    rows = f"certificate\t{path}\nrecipe\tself-signed\t{path}\tmail.a.example\n"
    command = ["sh", "-c", remote_programs()["observe"], "mailprov"]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=True)
    return done.stdout.partition("@ready\n")[2].splitlines()


def read(path: Path) -> HostCertificate | None:
    return parse_facts(Introduction(os_release={}), observed(path)).certificate


def test_a_certificate_is_told_as_it_lies_there(tmp_path: Path) -> None:
    got = read(made(tmp_path, "mail.a.example", 3650))
    assert got is not None
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in"]
    said = subprocess.run(
        [*command, str(tmp_path / "certificate")], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip().partition("=")[2].replace(":", "").lower() == got.fingerprint
    assert not got.flaw("mail.a.example")
    assert got.flaw("a.example")


def test_its_key_stays_where_it_is(tmp_path: Path) -> None:
    path = made(tmp_path, "mail.a.example", 3650)
    told = "\n".join(observed(path))
    assert "BEGIN CERTIFICATE" in told
    assert "PRIVATE" not in told
    assert not set((tmp_path / "key").read_text().splitlines()[1:-1]) & set(told.splitlines())


def test_of_a_chain_only_the_first_is_told(tmp_path: Path) -> None:
    path = made(tmp_path, "mail.a.example", 3650)
    with path.open("ab") as file:
        file.write((tmp_path / "certificate").read_bytes())
    assert "\n".join(observed(path)).count("BEGIN CERTIFICATE") == 1


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"])
def test_where_there_is_none_there_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "site.pem"
    if content is not None:
        path.write_bytes(content)
    assert read(path) is None

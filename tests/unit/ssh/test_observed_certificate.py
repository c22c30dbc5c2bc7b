"""What the observing program says of the certificate that the host made for itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provisioner.ssh.remote.program import remote_programs

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")


def made(folder: Path, name: str, days: int) -> Path:
    """Make a key and a certificate in one file, as the transaction does."""
    key, certificate, both = folder / "key", folder / "certificate", folder / "both.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-days", str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def observed(path: Path, name: str) -> list[str]:
    """Return the lines of the sections `recipes` and `certificate`."""
    rows = f"certificate\t{path}\nrecipe\tself-signed\t{path}\t{name}\n"
    command = ["sh", "-c", remote_programs()["observe"], "mailprov"]
    done = subprocess.run(command, input=rows, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return lines[lines.index("@recipes") + 1 : lines.index("@end")]


def test_a_certificate_of_the_hosts_own_name_that_lasts_is_enough(tmp_path: Path) -> None:
    recipe, section, fingerprint, *_ = observed(
        made(tmp_path, "mail.a.example", 3650), "mail.a.example"
    )
    assert (recipe, section) == ("self-signed", "@certificate")
    assert fingerprint.lower().startswith("sha256 fingerprint=")


@pytest.mark.parametrize(
    ("name", "days"), [("mail.b.example", 3650), ("mail.a.example", 29), ("a.example", 3650)]
)
def test_one_of_another_name_or_that_soon_ends_is_not(tmp_path: Path, name: str, days: int) -> None:
    assert "self-signed" not in observed(made(tmp_path, "mail.a.example", days), name)


def test_where_there_is_none_nothing_is_said(tmp_path: Path) -> None:
    assert observed(tmp_path / "none.pem", "mail.a.example") == ["@certificate", ""]

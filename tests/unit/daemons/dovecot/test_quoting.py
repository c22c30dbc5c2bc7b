"""dovecot.conf and passwd-files: Dovecot itself reads back what went in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from unit.quoting.batches import batches, expressible, with_tools

from provisioner.daemons.dovecot.quoting import dovecot_path, dovecot_value, passwd_field
from provisioner.diagnostics import MailprovError


def _has_dovecot() -> bool:
    if not shutil.which("doveconf"):
        return False
    done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.startswith("2.3.")


needs_dovecot = pytest.mark.skipif(
    not _has_dovecot(),
    reason="Dovecot 2.3 is not installed: nothing to read it back with "
    "(of 2.4 a host of tests/lab/test_debian_13.py is asked)",
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="Dovecot's auth process starts as root")
_ODD = [
    "",
    "#",
    "a # b",
    "a#b",
    '"',
    '"a"',
    "'",
    "\\",
    "a\\",
    "a\\b",
    "{",
    "}",
    " a ",
    "=",
    "!include x",
]


def _settings(texts: list[str]) -> list[str]:
    """Return plugin settings of these texts, as doveconf reads them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dovecot.conf")
        rows = "".join(f"  k{number} = {text}\n" for number, text in enumerate(texts))
        file.write_text(f"plugin {{\n{rows}}}\n", encoding="utf-8")
        names = [f"plugin/k{number}" for number in range(len(texts))]
        done = subprocess.run(
            ["doveconf", "-c", str(file), "-h", *names], capture_output=True, check=True
        )
    assert not done.stderr
    return done.stdout.decode().split("\n")[: len(texts)]


@needs_dovecot
@with_tools
@given(batches)
@example(_ODD)
def test_a_value_of_dovecot_conf_reads_back(values: list[str]) -> None:
    want = expressible(dovecot_value, values)
    assert _settings(list(want.values())) == list(want)


@needs_dovecot
@with_tools
@given(batches)
@example(["maildir", "a/b", "a.b-c_d", "#", "a b", '"', "\\"])
def test_a_part_of_a_value_reads_back(values: list[str]) -> None:
    want = expressible(dovecot_path, values)
    got = _settings([f"~/{text}/x" for text in want.values()])
    assert got == [f"~/{value}/x" for value in want]


@pytest.mark.parametrize("value", ["%u", "100%", "$x", "</etc/shadow", "a\nb", "\x00"])
def test_what_dovecot_conf_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match=r"dovecot\.conf cannot express"):
        dovecot_value(value)


@pytest.mark.parametrize("value", ["a:b", "a\nb", "#a", " a", "\x00"])
def test_what_a_passwd_file_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match="passwd-file cannot express"):
        passwd_field(value)


class PrivateDovecot:
    """An instance of Dovecot with an auth process and nothing else: no port, own folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "dovecot.conf"
        self.config.write_text(
            f"""
            base_dir = {folder}/run
            state_dir = {folder}/state
            log_path = {folder}/log
            protocols =
            ssl = no
            first_valid_uid = 1
            auth_username_chars =
            auth_username_format = %u
            passdb {{
              driver = static
              args = nopassword=yes
            }}
            userdb {{
              driver = passwd-file
              args = {folder}/users-%d
              default_fields = uid=65534 gid=65534
            }}
            """,
            encoding="utf-8",
        )
        folder.chmod(0o755)
        self.process = subprocess.Popen(["dovecot", "-F", "-c", str(self.config)])
        deadline = time.monotonic() + 10
        while not (folder / "run/auth-userdb").exists():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)

    def home(self, user: str) -> str:
        """Return a user's home as the userdb has it."""
        command = ["doveadm", "-c", str(self.config), "user", "-f", "home", user]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr + (self.folder / "log").read_bytes()
        return done.stdout.decode().removesuffix("\n")

    def stop(self) -> None:
        """End it and wait for that."""
        self.process.terminate()
        self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    with tempfile.TemporaryDirectory() as folder:
        running = PrivateDovecot(Path(folder))
        yield running
        running.stop()


_numbers = count()


@needs_dovecot
@needs_root
@with_tools
@given(batches)
@example(["srv/vmail/a", "a b", "#", "a#b", "\\", '"', "$", "{x}", "é"])
def test_a_field_of_a_passwd_file_reads_back(dovecot: PrivateDovecot, values: list[str]) -> None:
    # A home is an absolute path, and `%` expands in it: no path of the model holds one.
    paths = [f"/home/{value}" for value in values if "%" not in value]
    want = list(expressible(passwd_field, paths))[:8]
    domain = f"d{next(_numbers)}.example"
    file = dovecot.folder / f"users-{domain}"
    rows = (f"u{n}@{domain}:::::{passwd_field(value)}::\n" for n, value in enumerate(want))
    file.write_text("".join(rows), encoding="utf-8")
    got = [dovecot.home(f"u{n}@{domain}") for n in range(len(want))]
    assert got == want

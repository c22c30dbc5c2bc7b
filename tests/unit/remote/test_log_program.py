"""The program that reads the log, run here on a file as a syslog daemon writes it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from provisioner.remote.program import remote_programs

LINES = (
    "dovecot[1]: pop3-login: Login: user=<alice>, session=<a>",
    "dovecot[2]: pop3-login: Login: user=<bob>, session=<b>",
    "dovecot[3]: imap(alice)<71><x+/>: Disconnected: Logged out in=1",
    "postfix/smtpd[4]: connect from unknown[192.0.2.1]",
    "postfix/smtpd[4]: warning: first",
    "dovecot[5]: pop3-login: Login: user=<alice>, session=<c>",
    "dovecot[3]: imap(alice)<99><y+/>: Disconnected: Logged out in=2",
    "postfix/smtpd[4]: warning: second",
)
STAMP = "Nov 24 10:00:00 mx "


def read(folder: Path, **rows: str) -> list[str]:
    """Return the lines of the file that the program tells, without stamps."""
    path = folder / "mail.log"
    path.write_text("".join(f"{STAMP}{line}\n" for line in LINES), encoding="utf-8")
    # Nothing that the journal of this machine may hold is of the last moment.
    wanted = {"since": f"{time.time() - 0.5:.6f}", "limit": "100", "file": str(path), **rows}
    stdin = "".join(f"{name}\t{value}\n" for name, value in wanted.items())
    program = ["sh", "-c", remote_programs()["log"]]
    done = subprocess.run(program, input=stdin, capture_output=True, text=True, check=True)
    answer = done.stdout.splitlines()
    assert answer[-1] == "@end"
    told = answer[answer.index(f"@source {path}") + 1 : -1]
    return [line.removeprefix(f"|{STAMP}") for line in told]


def test_without_a_pattern_all_lines_are_told(tmp_path: Path) -> None:
    assert read(tmp_path) == list(LINES)


def test_a_pattern_selects(tmp_path: Path) -> None:
    assert read(tmp_path, pattern="warning: |never") == [LINES[4], LINES[7]]


def test_of_context_the_last_line_of_each_wording_is_told(tmp_path: Path) -> None:
    got = read(
        tmp_path,
        pattern="warning: ",
        context=r"pop3-login: Login: user=<[^>]*>|imap\([^)]*\): Disconnected: Logged out",
    )
    assert got[:2] == [LINES[4], LINES[7]]
    assert sorted(got[2:]) == sorted([LINES[1], LINES[5], LINES[6]])


def test_the_newest_lines_are_told_and_one_more_than_the_limit(tmp_path: Path) -> None:
    assert read(tmp_path, limit="1") == list(LINES[-2:])


def read_with_journalctl(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run the program where journalctl is another program."""
    fake = folder / "journalctl"
    fake.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    fake.chmod(0o755)
    text = remote_programs()["log"]
    program = text.replace("PATH=/usr/local/sbin", f"PATH={folder}:/usr/local/sbin")
    assert program != text
    stdin = "since\t-60\nlimit\t100\npattern\terror: \n"
    return subprocess.run(
        ["sh", "-c", program], input=stdin, capture_output=True, text=True, check=False
    )


def test_a_journal_that_cannot_be_read_is_no_empty_log(tmp_path: Path) -> None:
    done = read_with_journalctl(tmp_path, "echo 'Failed to open files' >&2; exit 3")
    assert (done.returncode, done.stderr) == (3, "Failed to open files\n")
    assert "@end" not in done.stdout


@pytest.mark.parametrize(
    ("script", "want"), [("exit 0", []), ("echo fine", []), ("echo error: x", ["|error: x"])]
)
def test_a_journal_without_such_lines_is_read(tmp_path: Path, script: str, want: list[str]) -> None:
    done = read_with_journalctl(tmp_path, script)
    answer = done.stdout.splitlines()
    assert (done.returncode, answer[-1]) == (0, "@end")
    assert answer[2 : 2 + len(want)] == want
    assert [row for row in answer if row.startswith("|")] == want


def asked_for_a_daemon_that_nobody_knows(verb: str) -> subprocess.CompletedProcess[str]:
    rows = "since\t-1\nlimit\t1\ncheck\tnntpd\n"
    program = ["sh", "-c", remote_programs()[verb], "mailprov"]
    return subprocess.run(program, input=rows, capture_output=True, text=True, check=False)


def test_a_daemon_that_nobody_knows_is_an_error_and_not_another_one() -> None:
    assert asked_for_a_daemon_that_nobody_knows("log").returncode == 64
    # The rest of what is observed is told, too.
    assert (
        "@check nntpd 64\n|no such checker"
        in asked_for_a_daemon_that_nobody_knows("observe").stdout
    )

"""`mailprov user` as a person and a script meet it; no host is asked."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from provisioner.cli.main import run

PASSWORD = "seventeen grüne Ponies"
TEXT = """\
# Ours.
domain: example.org   # the company
hosts: {mail: {address: 192.0.2.10}}
users:
  alice: {password: {env: ALICE_PASSWORD}}   # the owner
"""
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def user(site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a function that runs a verb with something piped in: exit code, stdout, stderr."""

    def shell(*arguments: str, piped: str | bytes = "") -> tuple[int, str, str]:
        octets = piped if isinstance(piped, bytes) else piped.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
        verb, *rest = arguments
        names = [word for word in rest if not word.startswith("-")]
        code = run(["user", verb, *rest, *([str(site)] if names or verb == "list" else [])])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return shell


def written_hash(site: Path, name: str) -> str:
    found = re.search(rf'{name}: {{password: "\{{([A-Z0-9-]+)\}}(.*?)"', site.read_text())
    assert found, site.read_text()
    return found[2]


def test_a_piped_password_is_hashed_and_the_rest_of_the_file_stays(user: Shell, site: Path) -> None:
    code, out, err = user("add", "bob", piped=f"{PASSWORD}\n")
    assert (code, err) == (0, "")
    assert out == f"{site}: added bob@example.org; next: mailprov apply {site}\n"
    assert site.read_text().startswith(TEXT)
    assert site.read_text().count("\n") == TEXT.count("\n") + 1
    assert bcrypt.checkpw(PASSWORD.encode(), written_hash(site, "bob").encode())


def test_a_made_password_is_all_that_is_on_standard_output(user: Shell, site: Path) -> None:
    code, out, err = user("add", "bob@example.org", "--generate")
    assert code == 0
    assert re.fullmatch(r"[a-z2-9-]{23}\n", out)
    assert bcrypt.checkpw(out.strip().encode(), written_hash(site, "bob").encode())
    assert "not show the password above again" in err
    assert out.strip() not in err
    code, again, _ = user("passwd", "bob", "--generate")
    assert code == 0
    assert again != out
    assert bcrypt.checkpw(again.strip().encode(), written_hash(site, "bob").encode())


@pytest.mark.parametrize(
    ("piped", "told"),
    [
        ("", "an empty password"),
        ("\n", "an empty password"),
        ("one line here\nanother one\n", "more than one line"),
        ("with\0a NUL inside\n", "control or invisible characters"),
        (f"{{BLF-CRYPT}}$2b$12${'a' * 53}\n", "the password is a hash"),
        (b"\xff\xfe not text at all\n", "not UTF-8"),
        ("x" * 71 + "ü", "too long for BLF-CRYPT"),
        ("short", "fewer than 8"),
        ("bob likes green ponies", "the user's"),
        ("qwertyuiop", "first million guesses"),
        ("bobby@example.org!", "the domain's"),
    ],
)
def test_a_password_that_cannot_be_taken_changes_nothing(
    user: Shell, site: Path, piped: str | bytes, told: str
) -> None:
    code, out, err = user("add", "bob", piped=piped)
    assert (code, out) == (1, "")
    assert told in err
    assert "nothing was changed" in err
    assert "fix:" in err
    assert site.read_text() == TEXT


def test_a_made_password_that_cannot_be_printed_is_told(site: Path) -> None:
    told = "mailprov wrote the user, but could not print the password"
    command = [sys.executable, "-m", "provisioner", "user", "add", "bob", str(site), "--generate"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert told in done.stderr
    assert "run `mailprov user passwd bob@example.org --generate`" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "  bob: " in site.read_text()


def test_a_password_is_made_only_where_somebody_can_see_it(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user_verb = ["user", "add", "bob", str(site), "--generate"]
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        assert run(user_verb) == 1
    assert "standard output is closed" in capsys.readouterr().err
    assert site.read_text() == TEXT


def test_a_closed_standard_input_holds_no_password(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["user", "add", "bob", str(site)]) == 1
    assert "an empty password" in capsys.readouterr().err
    assert site.read_text() == TEXT


def test_one_line_end_is_no_part_of_a_password(user: Shell, site: Path) -> None:
    assert user("add", "bob", piped=f"{PASSWORD}\r\n")[0] == 0
    assert bcrypt.checkpw(PASSWORD.encode(), written_hash(site, "bob").encode())


def test_a_weak_password_is_taken_where_somebody_insists(user: Shell, site: Path) -> None:
    assert user("add", "bob", "--allow-weak", piped="secret\n")[0] == 0
    assert bcrypt.checkpw(b"secret", written_hash(site, "bob").encode())


def test_no_option_takes_a_password(user: Shell) -> None:
    for verb in ("add", "passwd"):
        code, _, err = user(verb, "bob", "--password", "x")
        assert code == 64
        assert "No such option" in err


def test_another_scheme_is_written_and_system_accounts_cannot_have_it(
    user: Shell, site: Path
) -> None:
    assert user("add", "bob", "--scheme", "ARGON2ID", piped=PASSWORD)[0] == 0
    assert "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$" in site.read_text()
    site.write_text(TEXT + "accounts: system\n")
    code, _, err = user("add", "bob", "--scheme", "ARGON2ID", piped=PASSWORD)
    assert code == 64
    assert "system account cannot have" in err


def test_a_reference_is_written_and_nothing_is_asked(user: Shell, site: Path) -> None:
    assert user("add", "bob", "--reference", "env:BOB", "--name", 'B "Bob" B')[0] == 0
    assert user("add", "carol", "--reference", "file:secrets/c: 1")[0] == 0
    assert site.read_text() == TEXT + (
        '  bob: {password: {env: BOB}, name: "B \\"Bob\\" B"}\n'
        '  carol: {password: {file: "secrets/c: 1"}}\n'
    )
    code, _, err = user("add", "dave", "--reference", "hunter2")
    assert code == 64
    assert "hunter2" not in err
    assert user("add", "dave", "--reference", "env:D", "--generate")[0] == 64
    assert user("add", "dave", "--reference", "")[0] == 64


def test_a_password_that_is_kept_elsewhere_is_changed_there(user: Shell, site: Path) -> None:
    code, _, err = user("passwd", "alice", piped=PASSWORD)
    assert code == 5
    assert "env ALICE_PASSWORD" in err
    assert site.read_text() == TEXT
    assert user("passwd", "alice", "--replace-reference", piped=PASSWORD)[0] == 0
    assert bcrypt.checkpw(PASSWORD.encode(), written_hash(site, "alice").encode())
    assert "}   # the owner\n" in site.read_text()


def test_a_user_is_switched_off_and_on_and_postmaster_is_told_of(user: Shell, site: Path) -> None:
    user("add", "bob", "--reference", "env:BOB")
    code, out, _ = user("disable", "alice")
    assert code == 0
    assert "disabled alice@example.org, whose mail still arrives; next:" in out
    assert "postmaster, root now goes to bob@example.org" in out
    assert "{env: ALICE_PASSWORD}, enabled: false}   # the owner" in site.read_text()
    assert "already disabled" in user("disable", "alice")[1]
    code, out, _ = user("enable", "alice")
    assert code == 0
    assert "postmaster, root now goes to alice@example.org" in out


def test_a_removed_user_is_told_where_the_mail_is(user: Shell, site: Path) -> None:
    user("add", "bob", "--reference", "env:BOB")
    code, out, _ = user("remove", "bob")
    assert code == 0
    assert "the mail is kept in /srv/vmail/example.org/bob on mail; next:" in out
    assert "a later user of that name gets this mail; --delete-mail deletes it" in out
    assert site.read_text() == TEXT


def test_the_last_user_stays(user: Shell, site: Path) -> None:
    for options in ((), ("--delete-mail",)):
        code, _, err = user("remove", "alice", *options)
        assert code == 3
        assert "the only user" in err
        assert site.read_text() == TEXT


@pytest.mark.parametrize("verb", ["passwd", "disable", "enable", "remove"])
def test_a_name_that_is_no_user_is_wrong_usage(user: Shell, verb: str) -> None:
    code, _, err = user(verb, "nobody-here")
    assert code == 64
    assert "nobody-here@example.org is not a user of the site" in err


@pytest.mark.parametrize("name", ["Bob", "a/b", "../x", "", "bob@", "x y", "-x"])
def test_a_name_that_nobody_can_have_is_wrong_usage(site: Path, name: str) -> None:
    assert run(["user", "add", "--", name, str(site)]) == 64
    assert site.read_text() == TEXT


@pytest.mark.parametrize(("person", "code"), [("a\tb", 64), ("a\u202eb", 64), ("a: b", 64)])
def test_a_persons_name_that_no_file_can_hold_is_told(
    site: Path, person: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["user", "add", "bob", str(site), "--name", person, "--reference", "env:B"]) == code
    assert "name" in capsys.readouterr().err
    assert site.read_text() == TEXT


def test_a_user_that_is_there_already_is_told(user: Shell, site: Path) -> None:
    code, _, err = user("add", "alice@EXAMPLE.org", piped=PASSWORD)
    assert code == 64
    assert "is already a user" in err
    assert site.read_text() == TEXT


@pytest.mark.parametrize("name", ["bob@other.example", "mailprov-probe"])
def test_a_user_whom_the_site_cannot_have_is_wrong_usage(
    user: Shell, site: Path, name: str
) -> None:
    code, _, err = user("add", name, piped="")
    assert code == 64
    assert "the site cannot have such a user" in err
    assert f"{site}:" in err
    assert not re.search(r"site\.yaml:\d", err)
    assert site.read_text() == TEXT


def test_what_would_make_the_site_invalid_is_told_before_a_password_is_asked(
    user: Shell, site: Path
) -> None:
    text = TEXT + "aliases: {bob: alice}\n"
    site.write_text(text)
    code, _, err = user("add", "bob", piped="")
    assert code == 3
    assert f"{site}:7:11: aliases.bob: an alias that is also a user" in err
    assert "password" not in err
    assert site.read_text() == text


def test_an_invalid_file_is_told_as_by_validate(user: Shell, site: Path) -> None:
    site.write_text(TEXT + "nonsense: 1\n")
    for arguments in (("add", "bob"), ("remove", "alice"), ("list",)):
        code, _, err = user(*arguments, piped=PASSWORD)
        assert code == 3
        assert "nonsense" in err


def test_the_list_says_everything_but_secrets(user: Shell, site: Path) -> None:
    site.write_text(TEXT + "aliases: {info: [alice, x@elsewhere.example]}\n")
    user("add", "bob", "--name", "Bob B", piped=PASSWORD)
    user("disable", "bob")
    code, out, _ = user("list")
    assert code == 0
    assert [row.split() for row in out.splitlines()] == [
        ["USER", "LOGIN", "PASSWORD", "NAME", "ALIASES"],
        ["alice@example.org", "enabled", "env", "ALICE_PASSWORD", "-", "info@example.org"],
        ["bob@example.org", "disabled", "hash", "BLF-CRYPT", "Bob", "B", "-"],
    ]
    listed = json.loads(user("list", "--json")[1])["users"]
    assert listed[1] == {
        "address": "bob@example.org",
        "name": "Bob B",
        "enabled": False,
        "password": "hash BLF-CRYPT",
        "aliases": [],
    }


class Terminal:
    """`mailprov user` on a terminal of its own, and what a person types there."""

    def __init__(self, *arguments: str) -> None:
        leader, follower = pty.openpty()
        self._leader = leader
        self.shown = ""
        # A session of its own: the password is asked for at the controlling terminal.
        program = (
            "import os, fcntl, sys, termios; os.setsid(); "
            "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [sys.executable, "-c", program, sys.executable, "-m", "provisioner", "user"]
        self._process = subprocess.Popen(
            [*command, *arguments], stdin=follower, stdout=follower, stderr=follower
        )
        os.close(follower)

    def wait_for(self, text: str, times: int = 1) -> None:
        deadline = time.monotonic() + 30
        while self.shown.count(text) < times:
            assert time.monotonic() < deadline, self.shown
            try:
                self.shown += os.read(self._leader, 65536).decode()
            except OSError:  # the program has left
                assert self.shown.count(text) >= times, self.shown

    def type(self, text: str | bytes) -> None:
        os.write(self._leader, text if isinstance(text, bytes) else text.encode())

    def leave(self) -> int:
        code = self._process.wait(timeout=30)
        try:
            while chunk := os.read(self._leader, 65536):
                self.shown += chunk.decode()
        except OSError:
            pass
        os.close(self._leader)
        return code


def test_at_a_terminal_a_password_is_typed_twice_and_not_shown(site: Path) -> None:
    terminal = Terminal("add", "bob", str(site))
    terminal.wait_for("New password of bob@example.org: ")
    terminal.type("short\n")
    terminal.wait_for("a weak password: it has fewer than 8 characters")
    terminal.wait_for("New password of bob@example.org: ", times=2)
    terminal.type(f"{PASSWORD}\n")
    terminal.wait_for("Repeat the password: ")
    terminal.type("something else\n")
    terminal.wait_for("the two passwords differ")
    terminal.wait_for("New password of bob@example.org: ", times=3)
    terminal.type(f"{PASSWORD}\n")
    terminal.wait_for("Repeat the password: ", times=2)
    terminal.type(f"{PASSWORD}\n")
    assert terminal.leave() == 0, terminal.shown
    assert "added bob@example.org" in terminal.shown
    assert "Ponies" not in terminal.shown
    assert bcrypt.checkpw(PASSWORD.encode(), written_hash(site, "bob").encode())


def test_bytes_that_are_no_text_are_told_and_not_shown(site: Path) -> None:
    terminal = Terminal("add", "bob", str(site), "--debug")
    terminal.wait_for("New password of bob@example.org: ")
    terminal.type(b"seventeen \xfc Ponies\n")
    assert terminal.leave() == 1, terminal.shown
    assert "is not UTF-8 text; nothing was changed" in terminal.shown
    assert "internal error" not in terminal.shown
    assert "0xfc" not in terminal.shown
    assert site.read_text() == TEXT


def test_after_three_tries_nothing_was_changed(site: Path) -> None:
    terminal = Terminal("add", "bob", str(site))
    for number in range(3):
        terminal.wait_for("New password of bob@example.org: ", times=number + 1)
        terminal.type("short\n")
    assert terminal.leave() == 1
    assert "no password after 3 tries" in terminal.shown
    assert site.read_text() == TEXT


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_leave_the_file_as_it_was(site: Path, key: str) -> None:
    terminal = Terminal("add", "bob", str(site))
    terminal.wait_for("New password of bob@example.org: ")
    terminal.type(key)
    assert terminal.leave() == 130, terminal.shown
    assert "Traceback" not in terminal.shown
    assert site.read_text() == TEXT

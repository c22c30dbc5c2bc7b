"""`mailprov send` before it connects anywhere: what was typed, and how the password comes."""

from __future__ import annotations

import getpass
import io
import json
import warnings
from pathlib import Path

import pytest

from provisioner.cli.main import run
from provisioner.cli.send_view import end_lines
from provisioner.diagnosis.trace import End, Recipient

HASH = "{BLF-CRYPT}$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
SITE = f"""
domain: example.org
hosts: {{mail: {{address: 192.0.2.10}}}}
users:
  alice: {{password: {{env: SEND_TEST_PASSWORD}}}}
  bob: {{password: "{HASH}"}}
  carol: {{password: {{env: SEND_TEST_PASSWORD}}, enabled: false}}
"""


class Typed(io.TextIOWrapper):
    """Standard input with some octets in it, which may be a terminal's."""

    def __init__(self, octets: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(octets), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEND_TEST_PASSWORD", "a password")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", Typed(b""))
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("options", "want"),
    [
        (["--to", "bob"], "--from"),
        (["--from", "alice"], "--to"),
        (["--from", "nobody", "--to", "bob"], "no user of the site may send as this address"),
        (["--from", "carol", "--to", "bob"], "this user is disabled"),
        (["--from", "alice", "--to", "b ob"], "--to: not a mail address"),
        (["--from", "alice", "--to", "bob", "--port", "25"], "no submission on this port"),
        (["--from", "alice", "--to", "bob", "--port", "x"], "not a valid integer"),
        (["--from", "alice", "--to", "bob", "--wait", "-1"], "--wait"),
        (["--from", "alice", "--to", "bob", "--wait", "nan"], "--wait"),
        (["--from", "alice", "--to", "bob", "--wait", "inf"], "--wait"),
        (["--from", "alice", "--to", "bob", "--body", "\udcff"], "--body is not UTF-8"),
        (["--from", "alice", "--to", "bob", "--subject", "a\nb"], "--subject contains control"),
        (["--from", "alice", "--to", "bob", "--limit", "web"], "--limit names no host"),
        (["--from", "bob", "--to", "alice"], "--password-stdin"),
        (["--from", "alice", "--login", "nobody", "--to", "bob"], "--login names no user"),
    ],
)
def test_what_cannot_be_sent_is_wrong_usage(
    site: str, options: list[str], want: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["send", site, *options]) == 64
    shown = capsys.readouterr()
    assert want in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("octets", "want"),
    [
        (b"\xff\n", "the password on standard input is not UTF-8"),
        (b"secret\n\xff", "the text on standard input is not UTF-8"),
    ],
)
def test_input_has_to_be_utf8(
    site: str,
    octets: bytes,
    want: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(octets))
    options = ["--from", "bob", "--to", "alice", "--password-stdin", "--body", "-"]
    assert run(["send", site, *options]) == 64
    assert want in capsys.readouterr().err


def test_a_text_is_not_read_from_a_terminal(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(b"", terminal=True))
    assert run(["send", site, "--from", "alice", "--to", "bob", "--body", "-"]) == 64
    assert "that is a terminal" in capsys.readouterr().err


def test_a_missing_site_file_is_exit_code_3(tmp_path: Path) -> None:
    assert run(["send", str(tmp_path / "none.yaml"), "--from", "a", "--to", "b"]) == 3


def test_a_host_that_cannot_be_reached_is_exit_code_4_and_a_document(
    site: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SITE.replace("192.0.2.10", "192.0.2.10, ssh: {address: 127.0.0.1, port: 1}")
    Path(site).write_text(text, encoding="utf-8")
    assert run(["send", site, "--from", "alice", "--to", "bob", "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert (document["handover"], document["recipients"]) == (None, [])
    assert document["errors"][0]["where"].startswith("mail")


@pytest.mark.parametrize(
    ("options", "want"),
    [
        (["--from", "nobody", "--to", "alice"], 64),
        (["--from", "alice", "--to", "bob"], 3),
        (["--from", "bob", "--to", "alice"], 64),
        (["--from", "x@b.example", "--to", "alice"], 4),
        (["--from", "alice", "--to", "bob", "--password-stdin"], 4),
        (["--from", "bob", "--to", "alice", "--password-stdin"], 4),
    ],
)
def test_only_the_secret_of_who_logs_in_is_read(
    site: str, options: list[str], want: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEND_TEST_PASSWORD")
    monkeypatch.setattr("sys.stdin", Typed(b"secret\n"))
    text = SITE.replace("192.0.2.10", "192.0.2.10, ssh: {address: 127.0.0.1, port: 1}")
    Path(site).write_text(text, encoding="utf-8")
    assert run(["send", site, *options]) == want


def test_standard_input_that_is_closed_is_empty(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    text = SITE.replace("192.0.2.10", "192.0.2.10, ssh: {address: 127.0.0.1, port: 1}")
    Path(site).write_text(text, encoding="utf-8")
    assert run(["send", site, "--from", "bob", "--to", "alice"]) == 64
    assert "--password-stdin" in capsys.readouterr().err
    options = ["--from", "bob", "--to", "alice", "--password-stdin", "--body", "-"]
    assert run(["send", site, *options]) == 4


def test_no_password_is_asked_for_where_the_terminal_would_show_it(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shows(prompt: str) -> str:
        warnings.warn("cannot control echo", getpass.GetPassWarning, stacklevel=2)
        return prompt

    monkeypatch.setattr("getpass.getpass", shows)
    monkeypatch.setattr("sys.stdin", Typed(b"", terminal=True))
    assert run(["send", site, "--from", "bob", "--to", "alice"]) == 64
    assert "the terminal cannot hide the input; no message was sent" in capsys.readouterr().err


def test_where_no_log_is_kept_nobody_is_told_to_wait_longer() -> None:
    unseen = Recipient("a@b.example", "a@b.example", End.NOT_SEEN, "mail", "no delivery yet")
    told = "\n".join(end_lines([unseen], 30, {"mail"}))
    assert "mail: no mail log is kept there" in told
    assert "waits longer" not in told
    assert "--wait waits longer" in "\n".join(end_lines([unseen], 30))

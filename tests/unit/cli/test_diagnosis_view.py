"""What a person sees of a diagnosis."""

from __future__ import annotations

import pytest
from support.logs import NOON, log_of, recorded

from provisioner.cli.diagnosis_view import counts_of, diagnosis_lines
from provisioner.cli.main import run
from provisioner.diagnosis.catalogue import builtin_catalogue
from provisioner.diagnosis.mail_log import MailLog
from provisioner.diagnosis.matching import HostDiagnosis, diagnose_log
from provisioner.site.load import parse_site

TEXT = """
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users: {alice: {password: {env: ALICE}}}
"""
SITE = parse_site(TEXT.encode(), "site.yaml").site


def diagnosed(log: MailLog) -> HostDiagnosis:
    return diagnose_log(builtin_catalogue(), SITE, SITE.host("mail"), log)


def text_of(log: MailLog, *, everything: bool = False) -> str:
    return "\n".join(map(str, diagnosis_lines([diagnosed(log)], "24h", everything=everything)))


def test_nothing_is_one_line() -> None:
    assert text_of(log_of("postfix/smtpd: connect from a[192.0.2.1]")) == (
        "diagnose since 24h: nothing found"
    )


def test_the_worst_comes_first_then_the_unknown_then_the_sum() -> None:
    got = text_of(
        log_of(
            "postfix/smtpd: error: gremlins",
            "postfix/smtpd: fatal: no SASL authentication mechanisms",
            "postfix/smtpd: NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 5.7.1 <v@e.example>: "
            "Relay access denied; from=<a@e.example> to=<v@e.example>",
        )
    ).splitlines()
    heads = [line for line in got if line.startswith(("error", "notice", "possible", "diagnose"))]
    assert [head.split(":")[0] for head in heads] == [
        "error",
        "notice",
        "possible errors that match no known failure",
        "diagnose since 24h",
    ]
    assert got[-1] == "diagnose since 24h: 1 error, 1 notice, 1 unknown"


def test_every_diagnosis_has_host_times_cause_fix_and_its_lines() -> None:
    got = text_of(recorded("no-login-socket"), everything=True)
    assert "error: mail: Nobody can log in to send" in got
    for label in ("  cause: ", "  fix:   ", "  | 2026-"):
        assert label in got
    assert "once, 20" in got


def test_what_is_over_is_shown_only_when_asked_for() -> None:
    log = log_of(
        "systemd: dovecot.service: Failed with result 'exit-code'.",
        "systemd: Started dovecot.service - Dovecot IMAP/POP3 email server.",
    )
    assert text_of(log) == "diagnose since 24h: nothing found"
    assert "resolved since" in text_of(log, everything=True)


def test_lines_of_a_host_cannot_pass_for_ours() -> None:
    got = text_of(log_of("postfix/smtpd: warning: x\x1b[1A\rdiagnose: nothing found"))
    (line,) = [one for one in got.splitlines() if "nothing found" in one]
    assert line.startswith("  | ")
    assert "\x1b" not in got
    assert "\r" not in got


def test_many_kinds_of_unknown_lines_are_cut_short_for_a_person() -> None:
    letters = [chr(ord("a") + number) * 3 for number in range(26)]
    got = text_of(log_of(*[f"postfix/smtpd: error: {letter}" for letter in letters]))
    assert "and 6 other kinds" in got
    assert got.endswith("26 unknown")


@pytest.mark.parametrize(
    "options", [["--since", "whenever"], ["--catalogue", "/no/such/file.toml"]]
)
def test_wrong_usage_is_told_before_any_host_is_asked(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["diagnose", "/no/such/site.yaml", *options]) == 64
    assert "want:" in (told := capsys.readouterr().err) or "fix:" in told


def test_lines_of_no_known_form_are_unknown_counted_and_escaped() -> None:
    rows = [f"mx[{n}] \x1b[2Jerror: disk {n} on fire" for n in range(3)]
    log = MailLog(NOON, (), ("journal",), unread=(*rows, "panic: other"))
    host = diagnosed(log)
    assert [(one.count, one.last) for one in host.unknown] == [(3, NOON), (1, NOON)]
    assert counts_of([host])["unknown"] == 2
    got = text_of(log)
    assert r"  | mx[2] \x1b[2Jerror: disk 2 on fire" in got
    assert got.endswith("diagnose since 24h: 2 unknown")

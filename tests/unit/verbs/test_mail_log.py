"""What a host is asked of its mail log, and what becomes of an answer that is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.refs import ref
from support.scripted_host import Program, ScriptedFleet
from support.told_facts import two_hosts

from provisioner.diagnosis.mail_log import MailLog
from provisioner.diagnostics import MailprovError
from provisioner.platforms.records import known_platforms
from provisioner.verbs.mail_log import LINE_LIMIT, SINCE_PENDING, read_mail_log

SITE = two_hosts()
ANSWER = ["@now 1796082898 +0000", "@source journal", "@end"]
MOMENT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def read(
    answer: Program, since: datetime | float | str = MOMENT, **what: object
) -> tuple[MailLog, list[list[str]]]:
    """Return what was read, and the rows that the host was asked."""
    with ScriptedFleet({ref("mail"): [answer]}) as fleet:
        run = fleet.run_over(SITE)
        log = read_mail_log(run, fleet.transport(SITE.host("mail")), since, **what)  # type: ignore[arg-type]
    sent = fleet.call("mail: log").stdin.decode()
    return log, [row.split("\t") for row in sent.splitlines()]


@pytest.mark.parametrize(
    ("since", "want"),
    [
        (MOMENT, f"{MOMENT.timestamp():.6f}"),
        (90, "-90"),
        (1.5, "-1"),
        (SINCE_PENDING, "pending"),
    ],
)
def test_a_log_is_read_since_a_moment_of_the_host_s_own_clock(
    since: datetime | float | str, want: str
) -> None:
    log, rows = read(Program("log", ANSWER), since)
    assert rows[0] == ["since", want]
    assert ["limit", str(LINE_LIMIT)] in rows
    assert log.now.timestamp() == 1796082898


def test_the_units_and_files_of_every_platform_are_looked_through() -> None:
    _, rows = read(Program("log", ANSWER))
    units = {row[1] for row in rows if row[0] == "unit"}
    assert {"postfix@-.service", "postfix.service", "dovecot.service"} <= units
    files = {row[1] for row in rows if row[0] == "file"}
    assert files == {platform.mail_log for platform in known_platforms()}
    assert {row[0] for row in rows} == {"since", "limit", "unit", "file"}


def test_lines_are_selected_on_the_host_and_checkers_run_there() -> None:
    _, rows = read(Program("log", ANSWER), pattern="a|b", context="c", checks=("postfix",))
    for row in (["pattern", "a|b"], ["context", "c"], ["check", "postfix"]):
        assert row in rows


@pytest.mark.parametrize(("lines", "status"), [(ANSWER, 1), (ANSWER[:-1], 0), ([], 0)])
def test_a_log_that_cannot_be_read_is_an_error_with_its_words(
    lines: list[str], status: int
) -> None:
    with pytest.raises(MailprovError, match="read the mail log") as caught:
        read(Program("log", lines, status, stderr="journalctl: \udcff no\n"))
    (told,) = caught.value.diagnostics
    assert told.where == "mail"
    assert told.got.startswith(f"exit status {status}, ")
    assert "journalctl" in told.got
    assert "journalctl" in told.fix


def test_an_answer_of_another_form_names_the_host() -> None:
    with pytest.raises(MailprovError, match="malformed") as caught:
        read(Program("log", ["@now yesterday", *ANSWER[1:]]))
    assert [one.where for one in caught.value.diagnostics] == ["mail"]

"""The mail log in each form that hosts keep it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnosis.mail_log import LogLine, parse_line, parse_mail_log

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
CLOCK = f"@now {int(NOW.timestamp())} +0200"


def test_a_journal_line_is_taken_apart() -> None:
    got = parse_line(
        "2026-03-01T09:59:58.250000+0000 postfix/smtpd[71]: connect from a[192.0.2.1]",
        NOW,
        journal=True,
    )
    moment = datetime(2026, 3, 1, 9, 59, 58, 250000, tzinfo=UTC)
    assert got == LogLine(moment, "postfix/smtpd", 71, "connect from a[192.0.2.1]")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-03-01T11:59:58+02:00 mx dovecot: x", datetime(2026, 3, 1, 9, 59, 58, tzinfo=UTC)),
        ("2026-03-01T09:59:58.5Z mx dovecot: x", datetime(2026, 3, 1, 9, 59, 58, 500000, UTC)),
        ("Mar  1 11:59:58 mx dovecot: x", datetime(2026, 3, 1, 9, 59, 58, tzinfo=UTC)),
        ("Dec 31 23:00:00 mx dovecot: x", datetime(2025, 12, 31, 21, 0, tzinfo=UTC)),
        ("Mar  2 11:00:00 mx dovecot: x", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
    ],
    ids=["RFC 3339", "with Z", "RFC 3164", "of last year", "a clock that runs ahead"],
)
def test_the_time_of_a_file_is_read_in_every_form(text: str, want: datetime) -> None:
    line = parse_line(text, NOW, journal=False)
    assert line is not None
    assert (line.time, line.program, line.pid, line.text) == (want, "dovecot", None, "x")


@pytest.mark.parametrize(
    "text", ["", "-- Boot 12 --", "Mar 32 11:59:58 mx a: x", "Feb 29 11:59:58 mx a: x", "no time"]
)
def test_a_line_of_no_known_form_is_kept_apart(text: str) -> None:
    log = parse_mail_log([CLOCK, "@source /var/log/mail.log", f"|{text}", "@end"], 9)
    assert (log.lines, log.unread) == ((), (text,) if text else ())


def test_lines_of_all_sources_stand_in_the_order_of_time() -> None:
    log = parse_mail_log(
        [
            CLOCK,
            "@source journal",
            "|2026-03-01T09:00:02.000000+0000 dovecot[1]: second",
            "@source /var/log/postfix.log",
            "|Mar  1 11:00:01 mx postfix/smtpd[2]: first",
            "@end",
        ],
        9,
    )
    assert [line.text for line in log.lines] == ["first", "second"]
    assert log.sources == ("journal", "/var/log/postfix.log")
    assert (log.now, log.cut) == (NOW, False)


def test_the_newest_lines_are_kept_where_there_are_too_many() -> None:
    rows = [f"|2026-03-01T09:00:0{n}.000000+0000 dovecot: {n}" for n in range(4)]
    log = parse_mail_log([CLOCK, "@source journal", *rows, "@end"], 3)
    assert ([line.text for line in log.lines], log.cut) == (["1", "2", "3"], True)


def test_an_answer_without_a_clock_is_an_error() -> None:
    with pytest.raises(ValueError, match="no clock"):
        parse_mail_log(["@source journal"], 9)


@pytest.mark.parametrize(
    ("journal", "text"),
    [
        (True, "2026-03-01T23:59:60.000000+0000 dovecot: x"),
        (True, "2026-13-01T10:00:00.000000+0000 dovecot: x"),
        (True, "0001-01-01T00:00:00.000000+1400 dovecot: x"),
        (True, f"2026-03-01T10:00:00.000000+0000 dovecot[{'7' * 5000}]: x"),
        (False, "2026-02-30T10:00:00+02:00 mx dovecot: x"),
        (False, "Mar  1 11:59:60 mx dovecot: x"),
        (False, "Foo  1 11:59:58 mx dovecot: x"),
    ],
)
def test_an_impossible_time_or_process_costs_no_more_than_its_line(
    text: str, *, journal: bool
) -> None:
    source = "journal" if journal else "/var/log/mail.log"
    log = parse_mail_log([CLOCK, f"@source {source}", f"|{text}", "@end"], 9)
    assert (log.lines, log.unread) == ((), (text,))


@given(
    st.from_regex(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d) (mx )?a(\[\d+\])?: x"
        r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mx a(\[\d+\])?: x",
        fullmatch=True,
    ),
    st.sampled_from(["journal", "/var/log/mail.log"]),
)
def test_whatever_stands_for_a_time_is_read_or_kept_apart(text: str, source: str) -> None:
    log = parse_mail_log([CLOCK, f"@source {source}", f"|{text}", "@end"], 9)
    assert len(log.lines) + len(log.unread) == 1


@given(st.text(st.characters(exclude_characters="\n\r")))
def test_any_text_is_read_or_kept_apart(text: str) -> None:
    log = parse_mail_log([CLOCK, "@source journal", f"|{text}", "@end"], 9)
    assert len(log.lines) + len(log.unread) == bool(text.strip())


def test_what_the_checkers_say_comes_last_under_their_name() -> None:
    log = parse_mail_log(
        [
            CLOCK,
            "@source journal",
            "|2026-03-01T09:00:02.000000+0000 dovecot[1]: a line",
            "@check postconf -n 0",
            "|warning: unused parameter: x=1",
            "@check postfix check 0",
            "@check doveconf -n 89",
            "@end",
        ],
        9,
    )
    got = [(line.program, line.pid, line.text) for line in log.lines]
    assert got == [
        ("dovecot", 1, "a line"),
        ("postconf -n", None, "warning: unused parameter: x=1"),
        ("doveconf -n", None, "exit status 89, no message"),
    ]
    assert log.sources == ("journal",)


def test_a_host_that_keeps_no_log_says_so_itself() -> None:
    rows = [CLOCK, "@source journal", "@check mail log 1", "|journald keeps nothing (Storage=none)"]
    assert not parse_mail_log(rows, 10).kept
    assert parse_mail_log(rows[:2], 10).kept

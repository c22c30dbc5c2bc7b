"""A message's way, out of logs that lab hosts wrote (tests/recorded/trace)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnosis.mail_log import LogLine, parse_line
from provisioner.diagnosis.trace import End, Trace, trace_message

RECORDED = Path(__file__).parents[2] / "recorded/trace"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = sorted(path.stem for path in RECORDED.glob("*.log"))


def recorded(name: str) -> tuple[str, str, Mapping[str, Sequence[LogLine]]]:
    """Return queue id, Message-ID and the lines by host; the first host is `mail`."""
    head, *rows = (RECORDED / f"{name}.log").read_text(encoding="utf-8").splitlines()
    queue_id, _, message_id = head.partition(" ")
    logs: dict[str, list[LogLine]] = {"mail": []}
    host = "mail"
    for row in rows:
        if row.startswith("@host "):
            host = row.removeprefix("@host ")
            logs[host] = []
            continue
        line = parse_line(row, NOW, journal=True)
        assert line is not None, row
        logs[host].append(line)
    return queue_id, message_id, logs


def traced(name: str) -> Trace:
    queue_id, message_id, logs = recorded(name)
    return trace_message(logs, queue_id, message_id)


def ends(trace: Trace) -> dict[str, End]:
    return {str(each): each.end for each in trace.recipients}


def detail(trace: Trace, recipient: str) -> str:
    return next(each.detail for each in trace.recipients if str(each) == recipient)


def texts(trace: Trace) -> list[str]:
    return [step.text for step in trace.steps]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("user-to-user", {"bob@example.org": End.DELIVERED}),
        ("system-accounts", {"xhyhuiying@wangsheng.com": End.DELIVERED}),
        ("plus-address", {"alice+x@example.org": End.DELIVERED}),
        ("disabled-user", {"carol@example.org": End.DELIVERED}),
        ("from-outside", {"alice@example.org": End.DELIVERED}),
        ("local-root", {"root -> bob@example.org": End.DELIVERED}),
        (
            "alias-to-two",
            {
                "sales@example.org -> alice@example.org": End.DELIVERED,
                "sales@example.org -> bob@example.org": End.DELIVERED,
            },
        ),
        (
            "mixed",
            {
                "bob@example.org": End.DELIVERED,
                "mixed@example.org -> alice@example.org": End.DELIVERED,
                "mixed@example.org -> nosuch@outside.example": End.BOUNCED,
                "mixed@example.org -> partner@outside.example": End.HANDED_ON,
            },
        ),
        ("sieve-folder", {"bob@example.org": End.DELIVERED}),
        ("sieve-away", {"bob@example.org": End.DELIVERED}),
        ("sieve-discard", {"bob@example.org": End.DISCARDED}),
        ("sieve-reject", {"bob@example.org": End.REJECTED}),
        (
            "sieve-forward",
            {"bob@example.org": End.FORWARDED, "partner@outside.example": End.HANDED_ON},
        ),
        (
            "sieve-copy",
            {"bob@example.org": End.DELIVERED, "partner@outside.example": End.HANDED_ON},
        ),
        ("relay-tls", {"someone@outside.example": End.HANDED_ON}),
        ("bounce", {"nosuch@outside.example": End.BOUNCED}),
        ("no-such-domain", {"x@nowhere.example": End.BOUNCED}),
        ("refused-connection", {"x@shut.example": End.DEFERRED}),
        ("dead-hop", {"x@dead.example": End.DEFERRED}),
        (
            "soft-bounce",
            {"x@nowhere.example": End.DEFERRED, "nosuch@outside.example": End.DEFERRED},
        ),
        ("store-down", {"alice@example.org": End.DEFERRED}),
        (
            "mailbox-broken",
            {
                "sales@example.org -> alice@example.org": End.DEFERRED,
                "sales@example.org -> bob@example.org": End.DELIVERED,
            },
        ),
        (
            "content-filter",
            {"alice@example.org": End.DELIVERED, "bob@example.org": End.DELIVERED},
        ),
        (
            "two-hosts",
            {"bob@example.org": End.DELIVERED, "someone@outside.example": End.DISCARDED},
        ),
    ],
)
def test_every_recipient_has_its_end(name: str, want: dict[str, End]) -> None:
    trace = traced(name)
    assert (ends(trace), trace.finished, trace.awaits_store) == (want, True, False)


def test_every_recording_is_asked_for_its_ends() -> None:
    (mark,) = [
        mark
        for mark in test_every_recipient_has_its_end.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]
    assert sorted(name for name, _ in mark.args[1]) == NAMES


@pytest.mark.parametrize(
    ("name", "recipient", "want"),
    [
        ("user-to-user", "bob@example.org", "INBOX"),
        ("sieve-folder", "bob@example.org", "Lists"),
        ("sieve-away", "bob@example.org", "INBOX; vacation answer to alice@example.org"),
        ("sieve-copy", "bob@example.org", "INBOX; copy forwarded to partner@outside.example"),
        ("sieve-discard", "bob@example.org", "by the recipient's filter"),
        (
            "relay-tls",
            "someone@outside.example",
            "mail.outside.example[198.18.1.252]:25 (TLSv1.3): 250 2.0.0 Ok: queued as 7984C29A289",
        ),
        (
            "refused-connection",
            "x@shut.example",
            "connect to mail.shut.example[198.18.1.253]:25: Connection refused",
        ),
    ],
)
def test_the_detail_names_folder_server_or_reason(name: str, recipient: str, want: str) -> None:
    assert detail(traced(name), recipient) == want


def test_a_bounce_is_followed_to_the_mailbox_of_the_sender() -> None:
    assert [text.partition(":")[0] for text in texts(traced("bounce"))] == [
        "bounced for nosuch@outside.example",
        "sender non-delivery notification",
        "notification delivered to alice@example.org",
    ]


def test_a_message_that_a_filter_puts_back_is_followed_under_its_new_queue_id() -> None:
    trace = traced("content-filter")
    assert len(trace.queue_ids) == 2
    assert texts(trace)[0].startswith("queued as 4jYfHM6zfzzNY30, from localhost[127.0.0.1]")
    assert texts(trace)[-2:] == [
        "delivered to alice@example.org: INBOX",
        "delivered to bob@example.org: INBOX",
    ]


def test_a_message_is_followed_to_the_next_host_of_the_site() -> None:
    trace = traced("two-hosts")
    assert {step.host for step in trace.steps} == {"mail", "elsewhere"}
    assert [each.host for each in trace.recipients if each.end is End.DISCARDED] == ["elsewhere"]


def test_what_the_next_host_of_the_site_has_not_told_yet_is_waited_for() -> None:
    queue_id, message_id, logs = recorded("two-hosts")
    alone = {"mail": logs["mail"]}
    assert trace_message(alone, queue_id, message_id).finished
    waited = trace_message(alone, queue_id, message_id, frozenset({"198.18.1.252"}))
    assert (waited.finished, "D90B629A296" in waited.queue_ids) == (False, True)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_not_finished_before_its_last_line(name: str) -> None:
    """Every beginning of a log is read without fault, and only the whole of it is the end."""
    queue_id, message_id, logs = recorded(name)
    lines = logs["mail"]
    done = [
        trace_message({**logs, "mail": lines[:count]}, queue_id, message_id).finished
        for count in range(len(lines) + 1)
    ]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (False, True)


def test_a_store_that_has_not_spoken_yet_is_noticed() -> None:
    queue_id, message_id, logs = recorded("user-to-user")
    silent = [line for line in logs["mail"] if "stored mail" not in line.text]
    trace = trace_message({"mail": silent}, queue_id, message_id)
    assert (trace.finished, trace.awaits_store) == (True, True)
    assert detail(trace, "bob@example.org").startswith("250 2.0.0 <bob@example.org>")


def test_a_message_given_up_for_its_age_is_expired() -> None:
    queue_id, message_id, logs = recorded("refused-connection")
    late = parse_line(
        f"2026-11-26T10:24:00.000000+0000 postfix/qmgr[9]: {queue_id}: "
        "from=<alice@example.org>, status=expired, returned to sender",
        NOW,
        journal=True,
    )
    assert late
    trace = trace_message({"mail": [*logs["mail"], late]}, queue_id, message_id)
    assert ends(trace) == {"x@shut.example": End.EXPIRED}


def test_other_peoples_mail_is_not_told() -> None:
    queue_id, message_id, logs = recorded("user-to-user")
    _, _, other = recorded("alias-to-two")
    trace = trace_message({"mail": [*other["mail"], *logs["mail"]]}, queue_id, message_id)
    assert trace == traced("user-to-user")


def test_the_queue_id_that_another_server_names_is_not_looked_for_here() -> None:
    queue_id, message_id, logs = recorded("relay-tls")
    other_id, _, others = recorded("user-to-user")
    lines = [
        replace(line, text=line.text.replace("7984C29A289", other_id)) for line in logs["mail"]
    ]
    trace = trace_message({"mail": [*others["mail"], *lines]}, queue_id, message_id)
    assert ends(trace) == {"someone@outside.example": End.HANDED_ON}
    assert trace.queue_ids == {queue_id}


def test_nothing_in_a_log_can_steer_a_terminal() -> None:
    line = LogLine(
        NOW,
        "postfix/smtp",
        1,
        "4jYfN30S9MzNXpd: to=<a@b.example>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/0, "
        "dsn=5.0.0, status=bounced (host x said: 550 \x1b[2J\u202e\x9b gone)",
    )
    trace = trace_message({"mail": [line]}, "4jYfN30S9MzNXpd", "<x@y>")
    shown = texts(trace) + [each.detail for each in trace.recipients]
    assert shown
    assert [text for text in shown if not text.isprintable()] == []


FRAGMENTS = st.sampled_from(
    [
        "4jYfN30S9MzNXpd: ",
        "4jYfN30S9MzNXpe: ",
        "message-id=<x@y>",
        "to=<a@b>, ",
        "orig_to=<c@d>, ",
        "relay=r[192.0.2.1]:25, ",
        "delay=1, delays=0/0/0/0, dsn=2.0.0, ",
        "status=sent (250 Ok: queued as 4jYfN30S9MzNXpe)",
        "status=bounced",
        "from=<>, size=1, nrcpt=1 (queue active)",
        "from=<>, status=expired, returned to sender",
        "removed",
        "sender non-delivery notification: 4jYfN30S9MzNXpd",
        "sender non-delivery notification: 4jYfN30S9MzNXpe",
        "client=x[1], sasl_username=y",
        "lmtp(u)<1><s>: msgid=<x@y>: ",
        "saved mail to INBOX",
    ]
)
PROGRAMS = st.sampled_from(
    [
        "postfix/qmgr",
        "postfix/smtp",
        "postfix/lmtp",
        "postfix/bounce",
        "postfix/cleanup",
        "postfix/smtpd",
        "postfix/pickup",
        "dovecot",
        "other",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=6).map("".join))


@given(st.lists(st.builds(LogLine, st.just(NOW), PROGRAMS, st.just(1), TEXTS), max_size=12))
def test_any_log_can_be_read(lines: list[LogLine]) -> None:
    trace = trace_message({"mail": lines}, "4jYfN30S9MzNXpd", "<x@y>")
    assert all(step.text.isprintable() for step in trace.steps)
    assert "4jYfN30S9MzNXpd" in trace.queue_ids

"""Single lines of the mail daemons; whole logs are in test_trace.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.rooms.message_log import (
    Activated,
    Attempted,
    Encrypted,
    Event,
    Expired,
    Filed,
    Notified,
    Received,
    Removed,
    TurnedAway,
    queued_as,
)
from provisioner.rooms.registry import log_of

ID = "4jYfN30S9MzNXpd"
SENT = (
    f"{ID}: to=<c@b.example>, orig_to=<d@e.example>, relay=mx.b.example[192.0.2.9]:25, "
    "conn_use=2, delay=1.2, delays=0/0/1/0.2, dsn=2.0.0, status=sent (250 2.0.0 Ok (yes))"
)


def event(program: str, text: str) -> Event | None:
    log = log_of(program)
    return None if log is None else log.event(program, text)


@pytest.mark.parametrize(
    ("program", "text", "want"),
    [
        (
            "postfix/submission/smtpd",
            f"{ID}: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@example.org",
            Received(ID, "unknown[192.0.2.1]", "alice@example.org"),
        ),
        (
            "postfix/smtpd",
            f"{ID}: client=a.example[192.0.2.1]",
            Received(ID, "a.example[192.0.2.1]"),
        ),
        (
            "postfix/pickup",
            f"{ID}: uid=0 from=<root>",
            Received(ID, "a program of this host (uid 0)"),
        ),
        (
            "postfix/qmgr",
            f"{ID}: from=<>, size=9, nrcpt=3 (queue active)",
            Activated(ID, "", 3),
        ),
        ("postfix/qmgr", f"{ID}: removed", Removed(ID)),
        ("postfix/postsuper", f"{ID}: removed", Removed(ID)),
        ("postfix/qmgr", f"{ID}: from=<a@b>, status=expired, returned to sender", Expired(ID)),
        (
            "postfix/qmgr",
            f"{ID}: from=<a@b>, status=force-expired, returned to sender",
            Expired(ID),
        ),
        (
            "postfix/bounce",
            "2B1F04C1: sender delay notification: 3C2F04C1",
            Notified("2B1F04C1", "sender delay", "3C2F04C1"),
        ),
        (
            "postfix/smtp",
            f"{ID}: host mx.b.example[192.0.2.9] said: 450 4.2.0 later (in reply to X)",
            TurnedAway(ID, "mx.b.example[192.0.2.9]", "450 4.2.0 later (in reply to X)"),
        ),
        (
            "postfix/relay/smtp",
            SENT,
            Attempted(
                ID,
                "c@b.example",
                "d@e.example",
                "smtp",
                "mx.b.example[192.0.2.9]:25",
                "sent",
                "250 2.0.0 Ok (yes)",
            ),
        ),
        (
            "postfix/error",
            f"{ID}: to=<c@d>, relay=none, delay=1, delays=0/0/0/0, dsn=4.1, status=SOFTBOUNCE (no)",
            Attempted(ID, "c@d", "c@d", "error", "none", "deferred", "no"),
        ),
        (
            "postfix/smtp",
            "Verified TLS connection established to b.example[2001:db8::9]:25: TLSv1.2 with cipher",
            Encrypted("b.example[2001:db8::9]:25", "TLSv1.2"),
        ),
        (
            "dovecot",
            "lmtp(a@b)<1><s>: sieve: msgid=<m>: Marked message to be discarded if not delivered",
            Filed("a@b", "s", "<m>", "discarded", ""),
        ),
        (
            "dovecot",
            "lmtp(a@b)<1><sess>: sieve: msgid=<m: x@y>: stored mail into mailbox 'A 'B''",
            Filed("a@b", "sess", "<m: x@y>", "mailbox", "A 'B'"),
        ),
        (
            "dovecot",
            "lda(a)<1><s>: msgid=unspecified: saved mail to Junk",
            Filed("a", "s", "unspecified", "mailbox", "Junk"),
        ),
    ],
)
def test_a_line_is_read_as_the_event_that_it_tells(program: str, text: str, want: Event) -> None:
    assert event(program, text) == want


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("sshd", f"{ID}: removed"),
        ("postfix/smtpd", "NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 5.1.1 no"),
        ("postfix/smtpd", "warning: hostname x does not resolve to address 192.0.2.1"),
        ("postfix/smtp", f"{ID}: removed"),
        ("postfix/local", f"{ID}: passing <a@b> to transport=lmtp"),
        ("dovecot", "imap-login: Login: user=<a>, method=PLAIN"),
        ("dovecot", "lmtp(a)<1><s>: msgid=<m>: something new"),
    ],
)
def test_other_lines_are_no_event(program: str, text: str) -> None:
    assert event(program, text) is None


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ("250 2.0.0 Ok: queued as 4jYfN30S9MzNXpd", ID),
        (
            "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 2B1F04C1",
            "2B1F04C1",
        ),
        ("250 2.0.0 <bob@example.org> uKbEHcplBWsBDAAAZU03Dg Saved", ""),
        ("", ""),
    ],
)
def test_the_queue_id_is_found_in_an_answer(words: str, want: str) -> None:
    assert queued_as(words) == want


@given(st.sampled_from(["postfix/smtp", "postfix/qmgr", "dovecot"]), st.text())
def test_any_text_is_an_event_or_none(program: str, text: str) -> None:
    event(program, f"{ID}: {text}")
    event(program, text)

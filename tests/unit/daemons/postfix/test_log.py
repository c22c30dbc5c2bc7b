"""A line of Postfix says one thing of a message, or nothing that matters here."""

from __future__ import annotations

import pytest

from provisioner.daemons.postfix.log import LOG, parse_event
from provisioner.rooms.message_log import (
    Activated,
    Attempted,
    Encrypted,
    Event,
    Expired,
    Identified,
    Notified,
    Received,
    Removed,
    TurnedAway,
)

ID = "4Bq3Zk1mTz"
HEAD = "to=<bob@example.org>, relay=none, delay=1, delays=0/1/0/0, dsn=4.4.1"


@pytest.mark.parametrize(
    ("program", "rest", "want"),
    [
        ("smtpd", "client=a.example[192.0.2.1]", Received(ID, "a.example[192.0.2.1]", "")),
        (
            "submission/smtpd",
            "client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=bob@example.org",
            Received(ID, "a[192.0.2.1]", "bob@example.org"),
        ),
        ("pickup", "uid=0 from=<root>", Received(ID, "a program of this host (uid 0)")),
        ("cleanup", "message-id=<a b@example.org>", Identified(ID, "<a b@example.org>")),
        (
            "qmgr",
            "from=<a@example.org>, size=612, nrcpt=2 (queue active)",
            Activated(ID, "a@example.org", 2),
        ),
        ("qmgr", "removed", Removed(ID)),
        ("postsuper", "removed", Removed(ID)),
        ("qmgr", "from=<a@example.org>, status=expired, returned to sender", Expired(ID)),
        ("qmgr", "from=<a@example.org>, status=force-expired, returned to sender", Expired(ID)),
        (
            "bounce",
            "sender non-delivery notification: 4Bq3Zm0yXw",
            Notified(ID, "sender non-delivery", "4Bq3Zm0yXw"),
        ),
        (
            "smtp",
            "host a.example[192.0.2.1] said: 450 later (in reply to RCPT TO command)",
            TurnedAway(ID, "a.example[192.0.2.1]", "450 later (in reply to RCPT TO command)"),
        ),
    ],
)
def test_a_line_says_what_happened_to_a_message(program: str, rest: str, want: Event) -> None:
    assert parse_event(f"postfix/{program}", f"{ID}: {rest}") == want


@pytest.mark.parametrize(
    "program", ["smtpd", "pickup", "cleanup", "qmgr", "bounce", "postsuper", "smtp"]
)
@pytest.mark.parametrize("text", [f"{ID}: what no version says", "connect from a[192.0.2.1]"])
def test_a_line_that_says_none_of_that_says_nothing(program: str, text: str) -> None:
    assert parse_event(f"postfix/{program}", text) is None


@pytest.mark.parametrize("agent", ["smtp", "lmtp", "local", "error", "qmgr"])
def test_any_program_may_try_to_deliver(agent: str) -> None:
    """While a destination is given a rest, it is the queue manager that puts its mail off."""
    got = parse_event(f"postfix/{agent}", f"{ID}: {HEAD}, status=deferred (suspended)")
    assert got == Attempted(
        ID,
        recipient="bob@example.org",
        original="bob@example.org",
        agent=agent,
        relay="none",
        status="deferred",
        words="suspended",
    )


@pytest.mark.parametrize(
    ("tail", "status", "words"),
    [
        ("status=sent (250 OK (queued))", "sent", "250 OK (queued)"),
        ("status=SOFTBOUNCE (no such user)", "deferred", "no such user"),
        ("status=sent", "sent", ""),
        # What syslog cut off has lost its bracket, and no more.
        ("status=bounced (host a.example said: 550", "bounced", "(host a.example said: 550"),
        ("status=bounced said (550)", "bounced", "said (550)"),
    ],
)
def test_an_attempt_has_a_status_and_the_words_of_whoever_answered(
    tail: str, status: str, words: str
) -> None:
    got = parse_event("postfix/smtp", f"{ID}: {HEAD}, {tail}")
    assert isinstance(got, Attempted)
    assert (got.status, got.words) == (status, words)


def test_a_recipient_that_was_rewritten_has_its_first_address() -> None:
    got = parse_event(
        "postfix/lmtp",
        f"{ID}: to=<bob@example.org>, orig_to=<sales@example.org>, relay=mail[private/lmtp], "
        "conn_use=2, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 Saved)",
    )
    assert isinstance(got, Attempted)
    assert (got.recipient, got.original) == ("bob@example.org", "sales@example.org")
    assert (got.relay, got.words) == ("mail[private/lmtp]", "250 Saved")


def test_a_connection_over_tls_names_the_server_and_the_version() -> None:
    got = parse_event(
        "postfix/smtp",
        "Trusted TLS connection established to a.example[192.0.2.1]:25: TLSv1.3 with cipher X",
    )
    assert got == Encrypted("a.example[192.0.2.1]:25", "TLSv1.3")


@pytest.mark.parametrize(
    ("text", "complains"),
    [
        ("warning: dict_nis_init: no domain", True),
        (f"{ID}: error: cannot write", True),
        ("NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 no", True),
        (f"{ID}: milter-reject: END-OF-MESSAGE from a", True),
        (f"{ID}: {HEAD}, status=deferred (later)", True),
        (f"{ID}: {HEAD}, status=sent (250 OK)", False),
        (f"{ID}: removed", False),
        ("connect from warning: x", False),
    ],
)
def test_what_did_not_go_well_is_a_complaint(text: str, *, complains: bool) -> None:
    assert LOG.complaint is not None
    assert bool(LOG.complaint.search(text)) is complains

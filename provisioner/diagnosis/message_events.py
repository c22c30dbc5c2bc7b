"""What the mail daemons say of a message, one event a line.

Postfix names the message by its queue id and writes one line for each thing that
happens to it (cleanup(8), qmgr(8), smtp(8), lmtp(8), bounce(8)); Dovecot names it by its
Message-ID, and by the session that LMTP's answer repeats (`deliver_log_format`). Much in
these lines was written by strangers: whatever has no known form is no event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from provisioner.diagnosis.mail_log import LogLine

Filing = Literal["mailbox", "forwarded", "discarded", "rejected", "answered", "failed"]


@dataclass(frozen=True, slots=True)
class Received:
    """A queue took a message. client: who handed it in. login: as whom, if anybody."""

    queue_id: str
    client: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """The Message-ID of what has a queue id."""

    queue_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Activated:
    """The queue began to deliver. sender: empty for a notification. recipients: how many."""

    queue_id: str
    sender: str
    recipients: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """How delivery to one recipient went.

    recipient: after aliases. original: before, the same where there are none. agent: which
    Postfix program tried. relay: to whom, `none` where nobody was reached. status: `sent`,
    `deferred`, `bounced` or another word of Postfix. words: the answer.
    """

    queue_id: str
    recipient: str
    original: str
    agent: str
    relay: str
    status: str
    words: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """One server of several did not take the message; the next one is tried."""

    queue_id: str
    server: str
    words: str


@dataclass(frozen=True, slots=True)
class Notified:
    """Somebody is told. kind: `sender non-delivery`, `sender delay` … notice_id: its queue id."""

    queue_id: str
    kind: str
    notice_id: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The message was too old to try again, and went back."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class Removed:
    """Nothing is left to do for this queue id."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A process of Postfix speaks TLS with a server. relay: as deliveries call it."""

    relay: str
    version: str


@dataclass(frozen=True, slots=True)
class Filed:
    """What the store did with a message. session: repeated in its answer to Postfix.

    where: the folder, the address it was forwarded to, or what went wrong.
    """

    user: str
    session: str
    message_id: str
    filing: Filing
    where: str


Event = (
    Received
    | Identified
    | Activated
    | Attempted
    | TurnedAway
    | Notified
    | Expired
    | Removed
    | Encrypted
    | Filed
)

# Short ids are hexadecimal, long ones (enable_long_queue_ids) leave out vowels.
_OF_QUEUE = re.compile(r"(?P<id>[0-9A-Za-z]{5,32}): (?P<rest>.*)", re.DOTALL)
_QUEUED_AS = re.compile(r"\bqueued as ([0-9A-Za-z]{5,32})\b")
_ENCRYPTED = re.compile(
    r"\w+ TLS connection established to (?P<relay>\S+\[[^\]]*\]:\d+): (?P<version>\S+) with cipher"
)
_FILED = re.compile(
    r"(?:lmtp|lda)\((?P<user>[^)]*)\)<\d+><(?P<session>[^>]*)>: "
    r"(?:sieve: )?msgid=(?P<message><[^>]*>|\S*): (?P<what>.*)",
    re.DOTALL,
)
_RECEIVED = re.compile(r"client=(?P<client>[^,]*)(?:.*?, sasl_username=(?P<login>[^,]*))?")
_PICKED_UP = re.compile(r"uid=(?P<uid>\d+) from=<.*>")
_IDENTIFIED = re.compile(r"(?:resent-)?message-id=(?P<message>.*)", re.DOTALL)
_ACTIVATED = re.compile(r"from=<(?P<sender>.*)>, size=\d+, nrcpt=(?P<count>\d{1,9}) \(queue ")
_EXPIRED = re.compile(r"from=<.*>, status=(?:force-)?expired, returned to sender")
_ATTEMPTED = re.compile(
    r"to=<(?P<to>.*?)>, (?:orig_to=<(?P<original>.*?)>, )?relay=(?P<relay>.*?), "
    r"(?:conn_use=\d+, )?delay=.*?, dsn=[\d.]+, status=(?P<status>[A-Za-z-]+)(?: (?P<words>.*))?",
    re.DOTALL,
)
_TURNED_AWAY = re.compile(r"host (?P<server>\S+) (?:said|refused to talk to me): (?P<words>.*)")
_NOTIFIED = re.compile(r"(?P<kind>(?:sender|postmaster) .*) notification: (?P<notice>\w{5,32})")

# With soft_bounce what would have bounced stays in the queue.
_STATUSES = {"SOFTBOUNCE": "deferred"}

# Dovecot's words for what it did, in the order in which they are looked for.
_FILINGS: tuple[tuple[Filing, re.Pattern[str]], ...] = (
    ("mailbox", re.compile(r"stored mail into mailbox '(?P<where>.*)'")),
    ("mailbox", re.compile(r"saved mail to (?P<where>.*)")),
    ("forwarded", re.compile(r"forwarded to <(?P<where>.*)>")),
    ("rejected", re.compile(r"rejected message from <(?P<where>.*)>")),
    ("answered", re.compile(r"sent vacation response to <(?P<where>.*)>")),
    ("discarded", re.compile(r"discard(?:ed)? action|[Mm]arked message to be discarded")),
    ("failed", re.compile(r"save failed to (?P<where>.*)")),
)


def parse_event(line: LogLine) -> Event | None:
    """Return what a line says of a message, None if it says nothing that matters here."""
    if line.program.startswith("dovecot"):
        return _parse_filed(line.text)
    if not line.program.startswith("postfix"):
        return None
    encrypted = _ENCRYPTED.match(line.text)
    if encrypted:
        return Encrypted(encrypted["relay"], encrypted["version"])
    found = _OF_QUEUE.fullmatch(line.text)
    if found is None:
        return None
    parse = _BY_PROGRAM.get(line.program.rpartition("/")[2], _parse_attempt)
    return parse(found["id"], found["rest"], line.program.rpartition("/")[2])


def queued_as(words: str) -> str:
    """Return the queue id in a server's answer, empty where it names none."""
    found = _QUEUED_AS.search(words)
    return found[1] if found else ""


def _parse_filed(text: str) -> Filed | None:
    found = _FILED.fullmatch(text)
    if found is None:
        return None
    for filing, pattern in _FILINGS:
        done = pattern.search(found["what"])
        if done:
            where = done.groupdict().get("where") or ""
            return Filed(found["user"], found["session"], found["message"], filing, where)
    return None


def _parse_client(queue_id: str, rest: str, _: str) -> Event | None:
    found = _RECEIVED.match(rest)
    return Received(queue_id, found["client"], found["login"] or "") if found else None


def _parse_pickup(queue_id: str, rest: str, _: str) -> Event | None:
    found = _PICKED_UP.match(rest)
    return Received(queue_id, f"a program of this host (uid {found['uid']})") if found else None


def _parse_cleanup(queue_id: str, rest: str, _: str) -> Event | None:
    found = _IDENTIFIED.fullmatch(rest)
    return Identified(queue_id, found["message"]) if found else None


def _parse_qmgr(queue_id: str, rest: str, agent: str) -> Event | None:
    if rest == "removed":
        return Removed(queue_id)
    if _EXPIRED.match(rest):
        return Expired(queue_id)
    found = _ACTIVATED.match(rest)
    if found:
        return Activated(queue_id, found["sender"], int(found["count"]))
    return _parse_attempt(queue_id, rest, agent)


def _parse_bounce(queue_id: str, rest: str, _: str) -> Event | None:
    found = _NOTIFIED.fullmatch(rest)
    return Notified(queue_id, found["kind"], found["notice"]) if found else None


def _parse_removal(queue_id: str, rest: str, _: str) -> Event | None:
    return Removed(queue_id) if rest == "removed" else None


def _parse_attempt(queue_id: str, rest: str, agent: str) -> Event | None:
    found = _ATTEMPTED.fullmatch(rest)
    if found:
        words = found["words"] or ""
        return Attempted(
            queue_id,
            recipient=found["to"],
            original=found["original"] or found["to"],
            agent=agent,
            relay=found["relay"],
            status=_STATUSES.get(found["status"], found["status"]),
            words=words[1:-1] if words[:1] == "(" and words[-1:] == ")" else words,
        )
    away = _TURNED_AWAY.match(rest)
    return TurnedAway(queue_id, away["server"], away["words"]) if away else None


_BY_PROGRAM: dict[str, Callable[[str, str, str], Event | None]] = {
    "smtpd": _parse_client,
    "pickup": _parse_pickup,
    "cleanup": _parse_cleanup,
    "qmgr": _parse_qmgr,
    "bounce": _parse_bounce,
    "postsuper": _parse_removal,
}

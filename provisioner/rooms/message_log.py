"""What a daemon says in the mail log: of messages, one event a line, and of trouble.

Much in these lines was written by strangers: whatever has no known form is no event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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


def _no_event(program: str, text: str) -> Event | None:
    del program, text
    return None


@dataclass(frozen=True, slots=True)
class LogRules:
    """How a daemon writes to the mail log.

    program: the whole name under which it writes. complaint: where one stands in a line.
    harmless: lines that are none all the same. event: what a line says of a message, by the
    program and its text.
    """

    program: re.Pattern[str]
    complaint: re.Pattern[str]
    harmless: re.Pattern[str] | None = None
    event: Callable[[str, str], Event | None] = _no_event

    def complains(self, text: str) -> bool:
        """Tell whether the daemon complains in a line of its own."""
        if self.harmless and self.harmless.search(text):
            return False
        return self.complaint.search(text) is not None


_QUEUED_AS = re.compile(r"\bqueued as ([0-9A-Za-z]{5,32})\b")


def queued_as(words: str) -> str:
    """Return the queue id in a server's answer, empty where it names none."""
    found = _QUEUED_AS.search(words)
    return found[1] if found else ""

"""A message's way through the site, out of the logs of its hosts.

It begins with the queue id that a server's answer named. From there it goes on over
everything that has the same Message-ID (a next host of the site, a filter that puts
messages back, a user's Sieve filter that forwards), over "queued as" in answers, and over
the notifications that tell a sender of failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provisioner.diagnosis.mail_log import LogLine
from provisioner.diagnosis.passage import Key, MailHistory, Passage, gather_history
from provisioner.rooms.message_log import (
    Attempted,
    Event,
    Expired,
    Filed,
    Notified,
    Received,
    TurnedAway,
    queued_as,
)

_WORDS_SHOWN = 500
_RELAY_ADDRESS = re.compile(r"\[([^\]]*)\](?::\d+)?$")
_LOOPBACK = ("127.0.0.1", "::1")


class End(StrEnum):
    """Where a message's way to one recipient ended, or waits."""

    DELIVERED = "delivered"
    FORWARDED = "forwarded"
    HANDED_ON = "handed on"
    DISCARDED = "discarded"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    REFUSED = "refused"
    NOT_SEEN = "not seen"

    @property
    def good(self) -> bool:
        """Whether the mail is where it was meant to go."""
        return self in {End.DELIVERED, End.FORWARDED, End.HANDED_ON}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened on the way. text: for a person, printable."""

    time: datetime
    host: str
    text: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient's end; the texts are printable.

    address: after aliases. original: as the message was addressed. host: where it ended.
    detail: the folder, the next server with its answer, or the reason.
    """

    address: str
    original: str
    end: End
    host: str
    detail: str

    def __str__(self) -> str:
        if self.address == self.original:
            return self.address
        return f"{self.original} -> {self.address}"


@dataclass(frozen=True, slots=True)
class Trace:
    """What the logs tell so far.

    queue_ids: all that belong to the message, those too that only were named, for looking
    further. finished: every recipient has an end, and who is to be told of a failure was
    told. awaits_store: the store took the message and has not said yet where it put it.
    unlogged: hosts that keep no mail log, of which nothing can be told.
    """

    steps: tuple[Step, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    queue_ids: frozenset[str] = frozenset()
    finished: bool = False
    awaits_store: bool = False
    unlogged: frozenset[str] = frozenset()


def trace_message(
    logs: Mapping[str, Sequence[LogLine]],
    queue_id: str,
    message_id: str,
    addresses: frozenset[str] = frozenset(),
) -> Trace:
    """Return the way of the message that a host queued under an id.

    logs: by host key. queue_id: empty where the server named none. message_id: with its
    angle brackets. addresses: of the site's hosts, so that a next host of the site is told
    from somebody else's server.
    """
    history = gather_history(logs)
    own = addresses | {*_LOOPBACK}
    way = _Way(history, _members(history, queue_id, message_id, own), own)
    first = queue_id or min((key[1] for key in way.members), default="")
    steps = [
        Step(line.time, passage.host, _printable(text))
        for passage in way.passages()
        for line, event in passage.events
        for text in way.texts(passage, line, event, first)
    ]
    return Trace(
        steps=tuple(sorted(dict.fromkeys(steps), key=lambda step: step.time)),
        recipients=tuple(way.recipients()),
        queue_ids=way.queue_ids | ({queue_id} - {""}),
        finished=way.finished and (not queue_id or any(key[1] == queue_id for key in way.members)),
        awaits_store=way.awaits_store,
    )


def _members(
    history: MailHistory, queue_id: str, message_id: str, own: frozenset[str]
) -> Mapping[Key, bool]:
    """Return all that belongs to the message; the value tells whether it is a notification."""
    members = {
        key: False
        for key, passage in history.passages.items()
        if key[1] == queue_id or passage.message_id == message_id
    }
    waiting = list(members)
    while waiting:
        key = waiting.pop()
        passage = history.passages[key]
        found = {(key[0], notice): True for notice in passage.notices}
        further = {_next_queue(attempt, own) for attempt in passage.attempts()}
        found |= {other: members[key] for other in history.passages if other[1] in further}
        for other, notice in found.items():
            if other in history.passages and other not in members:
                members[other] = notice
                waiting.append(other)
    return members


@dataclass(frozen=True)
class _Way:
    """The passages of one message. members: True for a notification. own: the site's addresses."""

    history: MailHistory
    members: Mapping[Key, bool]
    own: frozenset[str]

    def passages(self) -> Iterator[Passage]:
        return (self.history.passages[key] for key in self.members)

    def texts(self, passage: Passage, line: LogLine, event: Event, first: str) -> Iterator[str]:
        """Yield what an event means to a person; nothing for what only keeps the books."""
        notice = self.members[passage.host, passage.queue_id]
        if isinstance(event, Received) and passage.queue_id != first and not notice:
            login = f", logged in as {event.login}" if event.login else ""
            yield f"queued as {passage.queue_id}, from {event.client}{login}"
        elif isinstance(event, Attempted):
            if event.original != event.recipient:
                yield f"{event.original} -> {event.recipient} (alias)"
            end, detail = self._end(passage, event, line.pid)
            said = _SAID.get(end, f"{end} for {{}}").format(event.recipient)
            yield f"{'notification ' if notice else ''}{said}: {detail}"
        elif isinstance(event, TurnedAway):
            yield f"{event.server} refused the message: {event.words}"
        elif isinstance(event, Notified):
            yield f"{event.kind} notification: queued as {event.notice_id}"
        elif isinstance(event, Expired):
            yield "expired: the message stayed too long in the queue and bounced to its sender"

    def recipients(self) -> Iterator[Recipient]:
        found: dict[tuple[str, str], Recipient] = {}
        for passage in self.passages():
            if self.members[passage.host, passage.queue_id]:
                continue
            for attempt in passage.attempts():
                if self._went_on(attempt):
                    continue  # the next queue tells the end
                end, detail = self._end(passage, attempt, None)
                if end is End.DEFERRED and passage.expired:
                    end = End.EXPIRED
                found[attempt.recipient, attempt.original] = Recipient(
                    _printable(attempt.recipient),
                    _printable(attempt.original),
                    end,
                    passage.host,
                    _printable(detail),
                )
        yield from found.values()

    @property
    def queue_ids(self) -> frozenset[str]:
        named = {notice for passage in self.passages() for notice in passage.notices}
        for passage in self.passages():
            named |= {_next_queue(attempt, self.own) for attempt in passage.attempts()}
        return frozenset(named | {key[1] for key in self.members}) - {""}

    @property
    def finished(self) -> bool:
        if self.queue_ids - {key[1] for key in self.members}:
            return False  # named, and not yet read
        if not self.members or not all(passage.over for passage in self.passages()):
            return False
        attempts = [(p, attempt) for p in self.passages() for attempt in p.attempts()]
        names = {name for _, each in attempts for name in (each.recipient, each.original)}
        for passage, attempt in attempts:
            for filed in self.history.filings(attempt, passage.message_id):
                if filed.filing == "forwarded" and filed.where not in names:
                    return False
        return bool(attempts)

    @property
    def awaits_store(self) -> bool:
        return any(
            attempt.agent == "lmtp"
            and attempt.status == "sent"
            and not self.history.filings(attempt, passage.message_id)
            for passage in self.passages()
            for attempt in passage.attempts()
        )

    def _went_on(self, attempt: Attempted) -> bool:
        """Tell whether what the attempt handed on is found again, under another queue id."""
        further = _next_queue(attempt, self.own)
        return any(key[1] == further for key in self.members)

    def _end(self, passage: Passage, attempt: Attempted, pid: int | None) -> tuple[End, str]:
        if attempt.status != "sent":
            return _UNSENT.get(attempt.status, End.NOT_SEEN), attempt.words
        if attempt.agent == "smtp":
            version = self._version(passage.host, attempt.relay, pid)
            return End.HANDED_ON, f"{attempt.relay}{version}: {attempt.words}"
        if attempt.agent == "discard":
            return End.DISCARDED, f"by the server's own rule: {attempt.words}"
        return _filed_end(self.history.filings(attempt, passage.message_id), attempt.words)

    def _version(self, host: str, relay: str, pid: int | None) -> str:
        versions = [
            version
            for (at, process, server), version in self.history.encrypted.items()
            if at == host and server == relay and pid in {None, process}
        ]
        return f" ({versions[-1]})" if versions else ""


def _next_queue(attempt: Attempted, own: frozenset[str]) -> str:
    """Return the queue id under which the site itself has the message next, empty if none.

    What somebody else's server answers is not believed: it may name any id it likes.
    """
    found = _RELAY_ADDRESS.search(attempt.relay)
    ours = attempt.status == "sent" and found is not None and found[1] in own
    return queued_as(attempt.words) if ours else ""


_UNSENT = {"deferred": End.DEFERRED, "bounced": End.BOUNCED}
_SAID = {
    End.DELIVERED: "delivered to {}",
    End.HANDED_ON: "handed on for {}",
    End.DISCARDED: "discarded for {}",
    End.REJECTED: "rejected for {}",
    End.FORWARDED: "forwarded for {}",
}


def _filed_end(filings: Sequence[Filed], words: str) -> tuple[End, str]:
    """Return the end that the store gave to a message, the one that keeps it first."""
    where = {kind: [each.where for each in filings if each.filing == kind] for kind in _KINDS}
    answer = "".join(f"; vacation answer to {each}" for each in where["answered"])
    copies = "".join(f"; copy forwarded to {each}" for each in where["forwarded"])
    if where["mailbox"]:
        return End.DELIVERED, ", ".join(where["mailbox"]) + copies + answer
    if where["forwarded"]:
        return End.FORWARDED, f"by the recipient's filter, to {', '.join(where['forwarded'])}"
    if where["rejected"]:
        return End.REJECTED, "by the recipient's filter; a notice went to the sender"
    if where["discarded"]:
        return End.DISCARDED, f"by the recipient's filter{answer}"
    return End.DELIVERED, words


_KINDS = ("mailbox", "forwarded", "rejected", "discarded", "answered")


def _printable(text: str) -> str:
    """Return text that cannot steer a terminal, cut to a length that can be read."""
    shown = text if len(text) <= _WORDS_SHOWN else text[: _WORDS_SHOWN - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in shown)

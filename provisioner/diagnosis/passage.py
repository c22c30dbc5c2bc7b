"""What happened under each queue id, gathered from the logs of all hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.diagnosis.mail_log import LogLine
from provisioner.rooms.message_log import (
    Activated,
    Attempted,
    Encrypted,
    Event,
    Expired,
    Filed,
    Identified,
    Notified,
    Removed,
)
from provisioner.rooms.registry import log_of

Key = tuple[str, str]
"""A host's key and a queue id there."""


@dataclass
class Passage:
    """One queue id's story. events: with their lines, in the order of time."""

    host: str
    queue_id: str
    message_id: str = ""
    events: list[tuple[LogLine, Event]] = field(default_factory=list)

    def attempts(self) -> list[Attempted]:
        """Return the latest attempt for each recipient."""
        latest = {
            (event.recipient, event.original): event
            for _, event in self.events
            if isinstance(event, Attempted)
        }
        return list(latest.values())

    @property
    def notices(self) -> list[str]:
        """The queue ids of the notifications about this one."""
        return [event.notice_id for _, event in self.events if isinstance(event, Notified)]

    def has(self, kind: type[Event]) -> bool:
        """Tell whether something of that kind happened."""
        return any(isinstance(event, kind) for _, event in self.events)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen soon: all is done, or the rest waits in the queue."""
        if self.has(Removed):
            return True
        active = next((event for _, event in self.events if isinstance(event, Activated)), None)
        attempts = self.attempts()
        if active is None or len(attempts) < active.recipients:
            return False
        bounced = any(attempt.status == "bounced" for attempt in attempts)
        told = bool(self.notices) or not bounced or not active.sender
        return told and any(attempt.status == "deferred" for attempt in attempts)

    @property
    def expired(self) -> bool:
        """Whether it was given up for its age."""
        return self.has(Expired)


@dataclass
class MailHistory:
    """All passages, and what daemons said that has no queue id.

    filed: by LMTP session. encrypted: the TLS version by host, process and relay.
    """

    passages: dict[Key, Passage] = field(default_factory=dict)
    filed: dict[str, list[Filed]] = field(default_factory=dict)
    encrypted: dict[tuple[str, int | None, str], str] = field(default_factory=dict)

    def filings(self, attempt: Attempted, message_id: str) -> list[Filed]:
        """Return what the store said of a delivery to it; empty where it said nothing.

        Its answer to Postfix repeats the session. Where it does not, the Message-ID and
        the user's name decide.
        """
        for word in attempt.words.split():
            if word in self.filed:
                return self.filed[word]
        local, _, domain = attempt.recipient.lower().rpartition("@")
        base = local.partition("+")[0]
        names = {local, base, f"{local}@{domain}", f"{base}@{domain}"}
        return [
            filed
            for group in self.filed.values()
            for filed in group
            if filed.message_id == message_id and filed.user.lower() in names
        ]


def gather_history(logs: Mapping[str, Sequence[LogLine]]) -> MailHistory:
    """Return what the logs tell, by host key; lines of no known form are left out."""
    history = MailHistory()
    for host, lines in logs.items():
        for line in lines:
            event = _event_of(line)
            if isinstance(event, Filed):
                history.filed.setdefault(event.session, []).append(event)
            elif isinstance(event, Encrypted):
                history.encrypted[host, line.pid, event.relay] = event.version
            elif event is not None:
                key = (host, event.queue_id)
                passage = history.passages.setdefault(key, Passage(*key))
                passage.events.append((line, event))
                if isinstance(event, Identified):
                    passage.message_id = event.message_id
    return history


def _event_of(line: LogLine) -> Event | None:
    log = log_of(line.program)
    return None if log is None else log.event(line.program, line.text)

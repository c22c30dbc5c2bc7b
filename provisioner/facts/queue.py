"""What waits in Postfix's queue, from `postqueue -j` (postqueue(1), JSON OBJECT FORMAT).

Senders and recipients are whatever a stranger wrote: text to be shown with its control
characters escaped, never to be believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from provisioner.remote.protocol import UNREADABLE, Section, read_line

_ALL_WELL = "0"


@dataclass(frozen=True)
class Waiting:
    """A recipient that has not got a message yet. reason: why, empty before the first attempt."""

    address: str
    reason: str = ""


@dataclass(frozen=True)
class QueuedMessage:
    """A message in the queue.

    queue: Postfix's name of it, like `deferred`. arrived: seconds since 1970 by the host's
    clock. size: octets. sender: empty for a bounce (RFC 5321 section 4.5.5).
    """

    id: str
    queue: str
    arrived: int
    size: int
    sender: str
    recipients: tuple[Waiting, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it waits, each reason once; a message that nobody tried yet is in a queue."""
        told = dict.fromkeys(one.reason for one in self.recipients if one.reason)
        return tuple(told) or (f"in the queue {self.queue}",)


@dataclass(frozen=True)
class Queue:
    """total: how many messages wait. oldest: some of them, the longest waiting first."""

    total: int
    oldest: tuple[QueuedMessage, ...] = ()


def parse_queue(lines: Iterable[str]) -> Queue | None:
    """Return the queue from the remote program's section; None if it could not be read.

    Lines are JSON objects, then `total` and `ended` (the exit status of postqueue), tabbed.
    A line that cannot be read is left out; the total still counts it.
    """
    messages: list[QueuedMessage] = []
    told: dict[str, str] = {}
    for line in lines:
        if line.startswith("{"):
            messages += _parse_message(line)
        else:
            name, _, text = line.partition("\t")
            told[name] = text
    if told.get("ended") != _ALL_WELL:
        return None
    oldest = sorted(messages, key=lambda message: (message.arrived, message.id))
    total = read_line(Section.QUEUE, told.get("total", str(len(messages))), int)
    return Queue(total, tuple(oldest))


def _parse_message(line: str) -> list[QueuedMessage]:
    try:
        row: dict[str, Any] = json.loads(line)
        datetime.fromtimestamp(int(row["arrival_time"]), UTC)  # a time that there is
        return [
            QueuedMessage(
                id=str(row["queue_id"]),
                queue=str(row["queue_name"]),
                arrived=int(row["arrival_time"]),
                size=int(row["message_size"]),
                sender=str(row.get("sender", "")),
                recipients=tuple(
                    Waiting(str(one["address"]), str(one.get("delay_reason", "")))
                    for one in row.get("recipients", ())
                ),
            )
        ]
    except (*UNREADABLE, AttributeError, OSError):
        return []

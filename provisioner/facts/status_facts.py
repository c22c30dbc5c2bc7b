"""What `mailprov status` observes beyond the plan: clock, units, disk, queue.

Times are of the host's own clock, so that ages are right where the controller's differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from provisioner.facts.queue import Queue, parse_queue
from provisioner.remote.protocol import Section, read_line

_KIBIBYTE = 1024
_LONGEST_SIZES = 40
_LONGEST_TIME = 11  # digits of seconds since 1970


@dataclass(frozen=True)
class DiskSpace:
    """A file system by its mount point; sizes in octets. free: as unprivileged users see it."""

    mount: str
    size: int
    free: int


@dataclass(frozen=True)
class StatusFacts:
    """now: the host's time. applied: of its last transaction. since: by unit, when it came up.

    What could not be read, or is not there, is None or left out.
    """

    now: datetime
    applied: datetime | None = None
    since: Mapping[str, datetime] = field(default_factory=dict)
    disk: DiskSpace | None = None
    queue: Queue | None = None


def parse_status(sections: Mapping[str, Sequence[str]]) -> StatusFacts | None:
    """Return the facts from sections of the remote program's answer; None if not asked for."""
    now = _moment(sections.get(Section.CLOCK, ()))
    if now is None:
        return None
    return StatusFacts(
        now=now,
        applied=_moment(sections.get(Section.APPLIED, ())),
        since=_parse_since(sections.get(Section.SINCE, ())),
        disk=_parse_disk(sections.get(Section.DISK, ())),
        queue=parse_queue(sections[Section.QUEUE]) if Section.QUEUE in sections else None,
    )


def _moment(lines: Iterable[str]) -> datetime | None:
    text = next(iter(lines), "")
    return read_line(Section.CLOCK, text, _seconds) if text else None


def _seconds(text: str) -> datetime:
    # Far enough from the ends of the calendar for every age that is told.
    if not (text.isdecimal() and len(text) <= _LONGEST_TIME):
        raise ValueError(text)
    return datetime.fromtimestamp(int(text), UTC)


def _parse_since(lines: Iterable[str]) -> Mapping[str, datetime]:
    """Return the start of each active unit; `systemctl show --timestamp=unix` says `@SECONDS`."""
    since: dict[str, datetime] = {}
    unit = ""
    stamp = ""
    for line in [*lines, ""]:
        key, _, text = line.partition("=")
        if key == "Id":
            unit = text
        elif key == "ActiveEnterTimestamp":
            stamp = text.removeprefix("@")
        elif not line:
            if unit and stamp.isdecimal() and stamp.strip("0"):
                since[unit] = read_line(Section.SINCE, stamp, _seconds)
            unit = stamp = ""
    return since


def _parse_disk(lines: Iterable[str]) -> DiskSpace | None:
    """Return the row of df(1) `-P -k`: device, size, used, free, percent, mount point."""
    columns = next(iter(lines), "").split(maxsplit=5)
    sizes = "".join(columns[1:4:2])
    if len(columns) != 6 or not (sizes.isdecimal() and len(sizes) <= _LONGEST_SIZES):  # noqa: PLR2004 the six columns
        return None
    return DiskSpace(columns[5], int(columns[1]) * _KIBIBYTE, int(columns[3]) * _KIBIBYTE)

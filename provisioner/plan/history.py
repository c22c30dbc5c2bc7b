"""What became of a host's transactions, and which generation a person means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.plan.generation import AS_FOUND
from provisioner.remote.protocol import Section, each
from provisioner.render.artifact import Plane

CONFIRMED = "confirmed"

_SHORTEST = 4
_FIELDS = 6
_ID = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True)
class Event:
    """One line of a host's history.

    when: UTC, ISO 8601. serial: the number of the transaction. generation: the
    configuration that it brought, or that was in force. who: the person, machine and
    process. outcome: in words.
    """

    when: str
    serial: str
    plane: Plane
    generation: str
    who: str
    outcome: str


@dataclass(frozen=True)
class History:
    """All that a host remembers of earlier transactions, oldest first.

    current: the generation in force, empty on a host that mailprov never changed. serial:
    of the last transaction. generations: those that can be brought back. snapshots: the
    transactions whose users can be.
    """

    events: tuple[Event, ...] = ()
    current: str = ""
    serial: str = ""
    generations: frozenset[str] = frozenset()
    snapshots: frozenset[str] = frozenset()

    def is_current(self, event: Event) -> bool:
        """Tell whether what the event brought is in force: the last of its kind that is."""
        same = [one for one in self.events if one.plane is event.plane and _holds(one)]
        if not same or same[-1] is not event:
            return False
        return event.plane is Plane.DIRECTORY or event.generation == self.current

    def can_return_to(self, event: Event) -> bool:
        """Tell whether a rollback can bring back what the event brought."""
        if event.plane is Plane.DIRECTORY:
            return event.serial in self.snapshots
        return event.outcome == CONFIRMED and event.generation in self.generations


def _holds(event: Event) -> bool:
    return event.plane is Plane.DIRECTORY or event.outcome == CONFIRMED


def parse_event(line: str) -> Event | None:
    """Return a line of the history; None for one that a full disk cut short."""
    fields = line.split("\t")
    if len(fields) != _FIELDS or not fields[1].isdecimal() or fields[2] not in {*Plane}:
        return None
    when, serial, plane, generation, who, outcome = fields
    return Event(when, serial, Plane(plane), generation, who, outcome)


def parse_history(
    head: Sequence[str],
    lines: Iterable[str],
    generations: Iterable[str],
    snapshots: Iterable[str],
) -> History:
    """Return the history from the sections of the remote program's answer; MalformedError."""
    serial, _, current = (head[0] if head else "").partition("\t")
    # Numbers are compared as such.
    known = each(Section.SNAPSHOTS, snapshots, lambda row: str(int(row)))
    events = (parse_event(line) for line in lines)
    return History(
        events=tuple(event for event in events if event is not None),
        current=current,
        serial=serial,
        generations=frozenset(generations),
        snapshots=frozenset(known),
    )


def check_wanted(wanted: str) -> None:
    """Raise MailprovError (usage) unless it can be the name of a generation, or its beginning."""
    if wanted == AS_FOUND or _ID.fullmatch(wanted):
        return
    raise MailprovError(
        Diagnostic(
            summary="--to is not a generation",
            got=quoted(wanted),
            want=f"at least {_SHORTEST} of its hexadecimal digits, or 0 for the host as found",
            fix="`mailprov history` lists them",
        ),
        ExitCode.USAGE,
    )


def choose_generation(where: str, history: History, wanted: str | None) -> str:
    """Return the id of the generation to go back to.

    wanted: an id or its beginning; None for the one before the generation in force.
    Raises MailprovError (refused) where there is none, or several that begin so.
    """
    if wanted is None:
        return _before(where, history)
    found = sorted(
        one
        for one in history.generations
        if one == wanted or (wanted != AS_FOUND and one.startswith(wanted))
    )
    if len(found) == 1:
        return found[0]
    several = ", ".join(found)
    raise _no_choice(
        where,
        "several generations begin with these digits"
        if found
        else "the host has no such generation",
        got=f"{wanted}: {several}" if several else wanted,
        want=", ".join(sorted(history.generations)) or "a generation that was confirmed there",
    )


def _before(where: str, history: History) -> str:
    for event in reversed(history.events):
        if event.plane is not Plane.CONFIGURATION or event.outcome != CONFIRMED:
            continue
        if event.generation == history.current:
            continue
        if event.generation == AS_FOUND or event.generation not in history.generations:
            continue
        return event.generation
    raise _no_choice(
        where,
        "there is no earlier configuration to roll back to",
        got=f"generation {history.current or 'none'} in force",
        want="a generation that was confirmed before it",
        fix="`mailprov rollback --to 0` restores the host as found",
    )


def _no_choice(
    where: str, summary: str, *, got: str, want: str, fix: str = "`mailprov history` lists them"
) -> MailprovError:
    return MailprovError(
        Diagnostic(summary=summary, where=where, got=got, want=want, fix=fix), ExitCode.REFUSED
    )

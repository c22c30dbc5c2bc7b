"""The actions of a site and its gates: which are due, what a closed one means, what is shown.

Each room of a host has a row of them (rooms/phase.py). A row is walked from its beginning, and no
row waits for another. What several hosts of a site name is done or asked once, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Literal

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.durations import render_duration
from provisioner.model.names import DomainName, HostRef
from provisioner.plan.change import Plan
from provisioner.plan.phases import Group
from provisioner.probes.finding import Finding, Status
from provisioner.rooms.phase import Gate, Phases, SiteAction, SitePhase

PhaseKind = Literal["transactions", "action", "gate"]

FIRST_PAUSE = 5.0
"""Seconds before a closed gate is asked again; each further pause is twice as long."""

LONGEST_PAUSE = 300.0


class PhaseStatus(StrEnum):
    """How far a phase of a run came. Closed: the gate has yet to pass."""

    UNCHANGED = "unchanged"
    DONE = "done"
    PASSED = "passed"
    CLOSED = "closed"
    FAILED = "failed"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class PlannedPhase:
    """A phase that a run has before it. waiting: nothing is before it but the world.

    text: what is done or asked, empty for transactions.
    """

    kind: PhaseKind
    hosts: tuple[HostRef, ...]
    id: str = ""
    text: str = ""
    waiting: bool = False

    def of(self, site: DomainName) -> PlannedPhase:
        """Return the part of the phase that is about one site."""
        return replace(self, hosts=tuple(ref for ref in self.hosts if ref.site == site))


@dataclass(frozen=True)
class PhaseOutcome:
    """What became of a phase of a site.

    again: when it makes sense to come back to a closed gate. error: what a person is told.
    """

    site: DomainName
    kind: PhaseKind
    hosts: tuple[HostRef, ...]
    status: PhaseStatus
    id: str = ""
    text: str = ""
    again: datetime | None = None
    error: MailprovError | None = None


@dataclass(frozen=True)
class DueAction:
    """An action, and the hosts that remember it afterwards; it runs on the first of them."""

    phase: SiteAction
    hosts: tuple[HostRef, ...]


@dataclass(frozen=True)
class DueGate:
    """A gate that nothing stands before any more, and the hosts that remember it afterwards."""

    phase: Gate
    hosts: tuple[HostRef, ...]

    @property
    def identity(self) -> tuple[DomainName, str]:
        """By what it is told from every other gate of the run."""
        return (self.hosts[0].site, self.phase.key)


def due_actions(ahead: Mapping[HostRef, Phases]) -> tuple[DueAction, ...]:
    """Return the actions that stand before the first gate of their row."""
    leading = (
        (ref, one)
        for ref, rows in ahead.items()
        for row in rows
        for one in takewhile(lambda phase: isinstance(phase, SiteAction), row)
    )
    return tuple(
        DueAction(phase, hosts) for phase, hosts in _once(leading) if isinstance(phase, SiteAction)
    )


def due_gates(ahead: Mapping[HostRef, Phases]) -> tuple[DueGate, ...]:
    """Return the gates that stand at the beginning of their row."""
    first = ((ref, row[0]) for ref, rows in ahead.items() for row in rows)
    return tuple(DueGate(phase, hosts) for phase, hosts in _once(first) if isinstance(phase, Gate))


def _once(
    named: Iterable[tuple[HostRef, SitePhase]],
) -> Iterator[tuple[SitePhase, tuple[HostRef, ...]]]:
    """Yield each phase of each site once, with the hosts that name it."""
    found: dict[tuple[DomainName, str], tuple[SitePhase, list[HostRef]]] = {}
    for ref, phase in named:
        found.setdefault((ref.site, phase.key), (phase, []))[1].append(ref)
    for phase, hosts in found.values():
        yield phase, tuple(dict.fromkeys(hosts))


def is_open(findings: Sequence[Finding]) -> bool:
    """Tell whether a gate's answers let the run pass: a question that was not put does not."""
    return bool(findings) and all(one.status is Status.PASSED for one in findings)


def outcome_of(
    due: DueAction | DueGate,
    status: PhaseStatus,
    *,
    again: datetime | None = None,
    error: MailprovError | None = None,
) -> PhaseOutcome:
    """Return what became of an action or a gate."""
    kind: PhaseKind = "gate" if isinstance(due, DueGate) else "action"
    site, phase = due.hosts[0].site, due.phase
    return PhaseOutcome(site, kind, due.hosts, status, phase.id, phase.text, again, error)


def closed_outcome(gate: DueGate, findings: Sequence[Finding], now: datetime) -> PhaseOutcome:
    """Return the outcome of a closed gate: what is missing, and when to come back."""
    again = now + gate.phase.again
    missing = [one for one in findings if one.status is not Status.PASSED]
    told = Diagnostic(
        summary=f"a gate is still closed: {gate.phase.text}",
        where=f"{gate.hosts[0].host} ({gate.phase.id})",
        got="\n".join(f"{one.id}: {one.got}" for one in missing) or "no answer",
        want="\n".join(dict.fromkeys(one.want for one in missing)),
        fix=f"run apply again at {again:%Y-%m-%d %H:%M} UTC or later (in "
        f"{render_duration(gate.phase.again)}), or run it with --wait",
    )
    error = MailprovError(told, ExitCode.GATE_CLOSED)
    return outcome_of(gate, PhaseStatus.CLOSED, again=again, error=error)


def pause_before(attempt: int, gates: Iterable[DueGate]) -> float:
    """Return the seconds to wait before closed gates are asked once more.

    attempt: how often that was done before. It becomes rarer, but not rarer than any gate asks for.
    """
    longest = min((gate.phase.again for gate in gates), default=timedelta())
    limit = min(LONGEST_PAUSE, max(FIRST_PAUSE, longest.total_seconds()))
    return float(min(limit, FIRST_PAUSE * 2.0 ** min(attempt, 16)))


def planned_phases(
    phases: Iterable[Iterable[Group]], plans: Mapping[HostRef, Plan]
) -> tuple[PlannedPhase, ...]:
    """Return what a run has before it: transactions, then each room's actions and gates.

    phases: the groups of hosts in the order of their transactions. Behind a gate the hosts that
    name it are changed again, which no plan can say more of.
    """
    planned: list[PlannedPhase] = []
    for phase in phases:
        refs = (host.ref for group in phase for host in group)
        if changed := tuple(ref for ref in refs if ref in plans and plans[ref].changes):
            planned.append(PlannedPhase("transactions", changed))
    settled = not planned
    ahead = {ref: plan.generation.ahead for ref, plan in plans.items()}
    at_the_gate = {gate.identity for gate in due_gates(ahead)}
    named = ((ref, one) for ref, rows in ahead.items() for row in rows for one in row)
    for one, hosts in _once(named):
        kind: PhaseKind = "gate" if isinstance(one, Gate) else "action"
        waiting = settled and (hosts[0].site, one.key) in at_the_gate
        planned.append(PlannedPhase(kind, hosts, one.id, one.text, waiting))
        if kind == "gate":
            planned.append(PlannedPhase("transactions", hosts))
    return tuple(planned)

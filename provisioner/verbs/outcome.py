"""What became of each host in a run that changes hosts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.plan.site_phases import PhaseStatus
from provisioner.resources.change import Change
from provisioner.rooms.phase import Phases


class HostStatus(StrEnum):
    """Where a host stands after an apply. Returned: the configuration before is in force."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    RETURNED = "returned"
    FAILED = "failed"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class HostOutcome:
    """What an apply did to one host.

    kept: files that drifted and were left alone. checked: whose checkers have passed its files
    (checks_of). ahead: the actions and gates that its rooms still have before them.
    """

    host: HostRef
    status: HostStatus
    generation: str = ""
    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    ahead: Phases = ()
    error: MailprovError | None = None


def failed(host: HostRef, error: MailprovError | None) -> HostOutcome:
    """Return the outcome of a host where an error ended the work."""
    return HostOutcome(host, HostStatus.FAILED, error=error)


def not_started(host: HostRef) -> HostOutcome:
    """Return the outcome of a host that was left alone because of another."""
    return HostOutcome(host, HostStatus.NOT_STARTED)


def merged(before: HostOutcome, after: HostOutcome) -> HostOutcome:
    """Return the outcome of two rounds of transactions on one host."""
    if after.status is HostStatus.NOT_STARTED:
        return before
    return replace(
        after,
        generation=after.generation or before.generation,
        changes=(*before.changes, *after.changes),
        notices=tuple(dict.fromkeys((*before.notices, *after.notices))),
        checked=tuple(dict.fromkeys((*before.checked, *after.checked))),
    )


def phase_status(outcomes: Collection[HostOutcome]) -> PhaseStatus:
    """Return how far a phase of transactions came on these hosts."""
    statuses = {one.status for one in outcomes}
    if statuses & {HostStatus.FAILED, HostStatus.RETURNED}:
        return PhaseStatus.FAILED
    if HostStatus.CHANGED in statuses:
        return PhaseStatus.DONE
    idle = HostStatus.NOT_STARTED in statuses
    return PhaseStatus.NOT_STARTED if idle else PhaseStatus.UNCHANGED


def in_words(changes: Sequence[Change]) -> str:
    """Return how many changes were made, for a person who watches."""
    number = len(changes)
    return "nothing to change" if not number else f"{number} change{'s' if number > 1 else ''} made"

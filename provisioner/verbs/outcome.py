"""What became of each host in a run that changes hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.resources.change import Change


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
    (checks_of).
    """

    host: HostRef
    status: HostStatus
    generation: str = ""
    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    error: MailprovError | None = None


def failed(host: HostRef, error: MailprovError | None) -> HostOutcome:
    """Return the outcome of a host where an error ended the work."""
    return HostOutcome(host, HostStatus.FAILED, error=error)


def not_started(host: HostRef) -> HostOutcome:
    """Return the outcome of a host that was left alone because of another."""
    return HostOutcome(host, HostStatus.NOT_STARTED)


def in_words(changes: Sequence[Change]) -> str:
    """Return how many changes were made, for a person who watches."""
    number = len(changes)
    return "nothing to change" if not number else f"{number} change{'s' if number > 1 else ''} made"

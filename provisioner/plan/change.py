"""One change, and the ordered list of them that brings a host to its generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from provisioner.plan.generation import Generation

Kind = Literal[
    "package", "group", "account", "password", "directory", "secret", "file", "unit", "record"
]


class Action(StrEnum):
    """What is done to a resource."""

    INSTALL = "install"
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    LOCK = "lock"
    ENABLE = "enable"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"
    RETIRE = "retire"


@dataclass(frozen=True)
class Change:
    """One resource and one action.

    reason: why, in words for an operator. diff: unified diff of a file's content,
    empty where there is none to show; a secret's content never gets here.
    """

    kind: Kind
    name: str
    action: Action
    reason: str
    diff: str = field(default="", repr=False)

    def as_json(self) -> dict[str, str]:
        """Return the change as a JSON object."""
        row = {
            "kind": self.kind,
            "name": self.name,
            "action": self.action.value,
            "reason": self.reason,
        }
        return row | ({"diff": self.diff} if self.diff else {})


@dataclass(frozen=True)
class Plan:
    """The changes from the facts to the generation, in the order of the transaction.

    serial: the host's last transaction when it was observed; the plan holds after no other.
    """

    generation: Generation
    changes: tuple[Change, ...]
    serial: str = ""

    @property
    def missing_packages(self) -> tuple[str, ...]:
        """The packages to install before the transaction."""
        return tuple(change.name for change in self.changes if change.kind == "package")

    @property
    def transaction(self) -> tuple[Change, ...]:
        """The changes of the transaction itself: all but packages."""
        return tuple(change for change in self.changes if change.kind != "package")

"""One change, and the ordered list of them that brings a host to its generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from provisioner.facts.host import LeftFile, Pending
from provisioner.plan.generation import Generation
from provisioner.render.artifact import Plane
from provisioner.render.shards import Shards

Kind = Literal[
    "package", "group", "account", "password", "directory", "secret", "file", "unit", "record"
]


class Action(StrEnum):
    """What is done to a resource."""

    INSTALL = "install"
    CREATE = "create"
    UPDATE = "update"
    RENEW = "renew"
    REMOVE = "remove"
    LOCK = "lock"
    ENABLE = "enable"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"
    RETIRE = "retire"
    RESTORE = "restore"


@dataclass(frozen=True)
class Drift:
    """A file that was changed on the host.

    what: in words. diff: from what was left to what is there, empty where there is
    none to show; a secret's content never gets here.
    """

    path: str
    what: str
    diff: str = field(default="", repr=False)


@dataclass(frozen=True)
class Change:
    """One resource and one action.

    reason: why, in words for an operator. diff: unified diff of a file's content,
    empty where there is none to show; a secret's content never gets here. drift: what
    somebody else did to the file, which the change would undo. plane: a change of the
    directory is in force at once, one of the configuration has to be confirmed.
    """

    kind: Kind
    name: str
    action: Action
    reason: str
    diff: str = field(default="", repr=False)
    drift: Drift | None = None
    plane: Plane = Plane.CONFIGURATION

    def as_json(self) -> dict[str, object]:
        """Return the change as a JSON object; what is empty is left out."""
        row: dict[str, object] = {
            "kind": self.kind,
            "name": self.name,
            "action": self.action.value,
            "reason": self.reason,
        }
        if self.diff:
            row["diff"] = self.diff
        if self.drift:
            row["drift"] = {"what": self.drift.what, "diff": self.drift.diff}
        return row


@dataclass(frozen=True)
class Plan:
    """The changes from the facts to the generation, in the order of the transaction.

    name: the generation's on this host, which may have it under one of an older format.
    serial: the host's last transaction when it was observed; the plan holds after no other.
    pending: a configuration that is in force there and not confirmed.
    kept: files that drifted and stay as somebody made them, with how the last transaction
    had left them: compared with that, they will still be drift. seen: what was observed at
    each path that the plan replaces or removes: a digest, `link`, `other`, or `-` for nothing.
    shards: of each table, those that are not as they should be; empty where one has to go.
    leaving: secrets of daemons that go once the configuration is confirmed, because the one
    before reads them; with how the last transaction had left them.
    ends: what of a mail server that somebody set up before it would end, a line each.
    """

    generation: Generation
    changes: tuple[Change, ...]
    name: str
    serial: str = ""
    kept: Mapping[str, LeftFile] = field(default_factory=dict)
    pending: Pending | None = None
    seen: Mapping[str, str] = field(default_factory=dict)
    shards: Mapping[str, Shards] = field(default_factory=dict, repr=False)
    leaving: Mapping[str, LeftFile] = field(default_factory=dict)
    ends: tuple[str, ...] = ()

    @property
    def drift(self) -> tuple[Drift, ...]:
        """What carrying out the plan would undo."""
        return tuple(change.drift for change in self.changes if change.drift)

    @property
    def missing_packages(self) -> tuple[str, ...]:
        """The packages to install before the transaction."""
        return tuple(change.name for change in self.changes if change.kind == "package")

    @property
    def transaction(self) -> tuple[Change, ...]:
        """The changes of the transaction itself: all but packages."""
        return tuple(change for change in self.changes if change.kind != "package")

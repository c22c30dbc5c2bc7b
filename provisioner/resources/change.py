"""One change: a resource, and what is done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from provisioner.render.artifact import Plane


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
    """A resource that was changed on the host, a file above all.

    path: its path, or its name. what: in words. diff: from what was left to what is there, empty
    where there is none to show; a secret's content never gets here.
    """

    path: str
    what: str
    diff: str = field(default="", repr=False)


@dataclass(frozen=True)
class Change:
    """One resource and one action.

    kind: a word of the resource's kind (`ResourceKind.words`), or `record`. reason: why, in words
    for an operator. diff: unified diff of a file's content,
    empty where there is none to show; a secret's content never gets here. drift: what
    somebody else did to the resource, which the change would undo. plane: a change of the
    directory is in force at once, one of the configuration has to be confirmed.
    """

    kind: str
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

"""The ordered list of changes that brings a host to its generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.facts.host import Pending
from provisioner.plan.generation import Generation
from provisioner.render.shards import Shards
from provisioner.resources.change import Change, Drift
from provisioner.resources.file_state import LeftFile
from provisioner.resources.one_line import Lines

RECORD = "record"
"""The kind of change by which a host remembers: it is no resource, and comes last."""


@dataclass(frozen=True)
class Plan:
    """The changes from the facts to the generation, in the order of the transaction.

    name: the generation's on this host, which may have it under one of an older format.
    serial: the host's last transaction when it was observed; the plan holds after no other.
    pending: a configuration that is in force there and not confirmed.
    kept: files that drifted and stay as somebody made them, with how the last transaction
    had left them: compared with that, they will still be drift. kept_lines: likewise of resources
    that a host tells of in a line. seen: what was observed at
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
    kept_lines: Lines = field(default_factory=dict)
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

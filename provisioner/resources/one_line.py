"""Kinds that a host tells of in a line, and that bring their own shell.

Such a kind is a module of this folder and `KIND.sh` beside it. Its shell says in a line how a
resource is, `resource_KIND tell NAME`, and makes it so, `resource_KIND put NAME LINE`
(remote/core/resources.sh). A room names what it wants (`Behaviour.resources`). The rest is here
and on the host: a plan, drift, what was found before mailprov came, the return of a configuration
that is not confirmed, and the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from provisioner.probes.hosts import FileProblem
from provisioner.remote.protocol import Answer, Asked, Section, Staged, each, fields
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change, Drift
from provisioner.resources.kind import Compared, Due, Packing, ResourceKind, Row, Turn

Lines = Mapping[tuple[str, str], str]
"""How resources are, by kind and name."""

NOTHING = "-"
"""The line of what is not there, or of what cannot be told."""


@dataclass(frozen=True)
class Resource:
    """One of them. kind: its module's name. name: without white space.

    Further fields are texts, numbers and truths: a record keeps them as they are.
    """

    kind: ClassVar[str]
    name: str

    @property
    def line(self) -> str:
        """How the host tells of it where it is as wanted: one line, without tabs."""
        raise NotImplementedError


class WithOthers(Protocol):
    """A generation, as far as these kinds go."""

    @property
    def others(self) -> tuple[Resource, ...]:
        """Resources of kinds that have no field of their own."""


class LeftLines(Protocol):
    """A host's introduction, as far as these kinds go."""

    @property
    def lines(self) -> Lines:
        """How the last transaction left them."""


class LinesSeen(Protocol):
    """Facts of these kinds."""

    @property
    def introduction(self) -> LeftLines:
        """What the host told first."""

    @property
    def lines(self) -> Lines:
        """How they are."""


def read_lines(told: Answer) -> Lines:
    """Return how a host's resources are; MalformedError for another form."""
    return dict(each(Section.RESOURCES, told.lines(Section.RESOURCES), _line))


def read_left_lines(section: str, rows: list[str]) -> Lines:
    """Return how a transaction left them, among all that it left; MalformedError likewise."""
    mine = (row.partition("\t") for row in rows)
    return dict(each(section, (rest for word, _, rest in mine if word == "resource"), _line))


def _line(row: str) -> tuple[tuple[str, str], str]:
    kind, name, line = fields(row, 3)
    return (kind, name), line


class OneLineKind(ResourceKind[WithOthers, LeftLines, LinesSeen]):
    """A resource is as it should be where its line is the wanted one.

    resource: its class, which a record's fields are read into.
    """

    resource: ClassVar[type[Resource]]
    turn = Turn.REST
    drifts_by_name = True

    def __init_subclass__(cls) -> None:
        cls.name = cls.resource.kind
        cls.words = (cls.name,)

    def in_words(self, line: str) -> str:
        """Return a line as people read it."""
        return "missing" if line == NOTHING else line

    def _wanted(self, wanted: WithOthers) -> dict[str, Resource]:
        return {one.name: one for one in wanted.others if one.kind == self.name}

    def _left(self, introduction: LeftLines) -> dict[str, str]:
        return {
            name: line for (kind, name), line in introduction.lines.items() if kind == self.name
        }

    def asked(self, wanted: WithOthers, introduction: LeftLines) -> Iterator[Row]:
        """Ask for each that is wanted, or was left."""
        for name in sorted(self._wanted(wanted).keys() | self._left(introduction).keys()):
            yield (Asked.RESOURCE, self.name, name)

    def changes(self, wanted: WithOthers, facts: LinesSeen) -> Iterator[Due]:
        """Yield those whose line is another; what is left over is put back as it was found."""
        mine = self._wanted(wanted)
        for name, one in mine.items():
            now = facts.lines.get((self.name, name), NOTHING)
            if now != one.line:
                action = Action.CREATE if now == NOTHING else Action.UPDATE
                reason = f"is {self.in_words(now)}, wanted {self.in_words(one.line)}"
                yield Due(Change(self.name, name, action, reason), self.turn)
        for name in sorted(self._left(facts.introduction).keys() - mine.keys()):
            change = Change(self.name, name, Action.RETIRE, "no longer part of this host")
            yield Due(change, Turn.RETIRING)

    def drifts(self, wanted: WithOthers, facts: LinesSeen) -> Iterator[Drift]:
        """Yield those that are neither as they were left, nor as they are wanted."""
        mine = self._wanted(wanted)
        for name, left in self._left(facts.introduction).items():
            now = facts.lines.get((self.name, name), NOTHING)
            if now != left and (name not in mine or now != mine[name].line):
                yield Drift(name, f"is {self.in_words(now)}, was left {self.in_words(left)}")

    def compared(self, wanted: WithOthers, facts: LinesSeen) -> Iterator[Compared]:
        """Yield each by name, and its line where that is another."""
        for name, one in self._wanted(wanted).items():
            now = facts.lines.get((self.name, name), NOTHING)
            problem = FileProblem("state", self.in_words(now), self.in_words(one.line))
            yield name, (problem,) if now != one.line else ()

    def seen(self, change: Change, facts: LinesSeen) -> Iterator[tuple[str, str]]:
        """Yield kind and name, and the line that was observed."""
        yield f"{self.name} {change.name}", facts.lines.get((self.name, change.name), NOTHING)

    def declared(self, change: Change, packing: Packing[WithOthers]) -> Iterator[Row]:
        """Yield whose line is kept, so that it comes back."""
        del packing
        yield (Staged.RESOURCE, self.name, change.name)

    def steps(self, change: Change, packing: Packing[WithOthers]) -> Iterator[Row]:
        """Yield the one that makes it so, or that gives back what was found."""
        if change.action in {Action.RETIRE, Action.RESTORE}:
            yield ("restore_resource", self.name, change.name)
        else:
            yield (
                "resource",
                self.name,
                change.name,
                self._wanted(packing.wanted)[change.name].line,
            )

    def remembered(self, wanted: WithOthers, plane: Plane) -> Iterator[Row]:
        """Yield them with their lines."""
        if plane is Plane.CONFIGURATION:
            for name, one in self._wanted(wanted).items():
                yield ("resource", self.name, name, one.line)

    def listed(self, wanted: WithOthers) -> Iterator[str]:
        """Yield them by name, as they are wanted."""
        for name, one in self._wanted(wanted).items():
            yield f"{self.name} {name}: {self.in_words(one.line)}"

"""Unix groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from provisioner.remote.protocol import Answer, Asked, Section, each, fields
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.resources.kind import Due, Packing, ResourceKind, Row, Turn


@dataclass(frozen=True)
class Group:
    """A Unix group that has to exist. system: below the platform's first user id."""

    name: str
    system: bool = True


class WithGroups(Protocol):
    """A generation, as far as its groups go."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that have to exist."""


class GroupsSeen(Protocol):
    """Facts of groups."""

    @property
    def groups(self) -> Mapping[str, int]:
        """The numbers of those asked for that exist."""


def read_groups(told: Answer) -> Mapping[str, int]:
    """Return the groups of a host, from rows of group(5); MalformedError for another form."""
    return dict(each(Section.GROUPS, told.lines(Section.GROUPS), _group))


def _group(row: str) -> tuple[str, int]:
    name, _, number, _ = fields(row, 4, ":")
    return name, int(number)


class GroupKind(ResourceKind[WithGroups, object, GroupsSeen]):
    """A group is made where it is missing, and is not changed otherwise."""

    name = "group"
    words = ("group",)
    turn = Turn.GROUPS
    on_files = False

    def asked(self, wanted: WithGroups, introduction: object) -> Iterator[Row]:
        """Ask for each by its name."""
        del introduction
        yield from ((Asked.GROUP, group.name) for group in wanted.groups)

    def changes(self, wanted: WithGroups, facts: GroupsSeen) -> Iterator[Due]:
        """Yield those that are missing."""
        for group in wanted.groups:
            if group.name not in facts.groups:
                change = Change(
                    self.name, group.name, Action.CREATE, "missing", plane=Plane.DIRECTORY
                )
                yield Due(change, self.turn)

    def steps(self, change: Change, packing: Packing[WithGroups]) -> Iterator[Row]:
        """Yield the one that makes it."""
        group = next(one for one in packing.wanted.groups if one.name == change.name)
        yield ("group", group.name, "system" if group.system else "regular")

    def listed(self, wanted: WithGroups) -> Iterator[str]:
        """Yield them by name."""
        for group in wanted.groups:
            yield f"group {group.name}{' of the system' if group.system else ''}"


KIND = GroupKind()

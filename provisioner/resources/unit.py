"""Services: the least that has a daemon run what is in its files, and the ports that it opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from provisioner.model.site import IPAddress
from provisioner.platforms.record import Daemon, Platform
from provisioner.remote.protocol import Asked, Section, whole
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.change import Action, Change
from provisioner.resources.file_problems import file_problems
from provisioner.resources.file_state import FilesSeen, LeftFiles
from provisioner.resources.kind import Due, Packing, ResourceKind, Row, Turn
from provisioner.resources.recipe import Recipe, RecipesSeen, has_to_be_made

AFTER_FILES = 1
"""In a service's turn, the place of the service itself: its files come before."""

_UP = frozenset({"active", "reloading"})


@dataclass(frozen=True)
class Unit:
    """A service that has to be enabled and up.

    running: the unit whose state says whether the daemon runs, which is not always
    the one to enable (Debian 12's postfix.service only runs /bin/true).
    """

    daemon: Daemon
    name: str
    running: str


@dataclass(frozen=True)
class Listener:
    """A port that a daemon opens, on these addresses; an unspecified one stands for all.

    transport: `tcp` or `udp`.
    """

    daemon: Daemon
    transport: str
    port: int
    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True)
class UnitState:
    """A systemd unit's state, the words of systemctl(1) `show`."""

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    restarts: int
    result: str


class Restarting(Protocol):
    """A daemon's behaviour, as far as restarts go."""

    def needs_restart(self, artifact: Artifact, before: bytes | None) -> bool:
        """Tell whether a running daemon takes the file over only by a restart."""


class Habits(Protocol):
    """What a daemon's room says of its service."""

    @property
    def reads_recipes(self) -> frozenset[str]:
        """Kinds of what a host makes itself that the daemon reads at start and reload."""

    @property
    def modules_at_start(self) -> bool:
        """Whether it learns which settings there are when it starts."""

    @property
    def is_resolver(self) -> bool:
        """Whether the host asks it for names."""

    @property
    def behaviour(self) -> Restarting:
        """What it needs of a host."""


class WithUnits(Protocol):
    """A generation, as far as its services go."""

    @property
    def platform(self) -> Platform:
        """The release that the host runs."""

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that the services read."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What the host makes itself, which they read too."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The services of the host, in start order."""

    def habits(self, daemon: Daemon) -> Habits:
        """Return what a daemon's room says of its service."""


class LeftUnits(LeftFiles, Protocol):
    """A host's introduction, as far as services go."""

    @property
    def managed_units(self) -> frozenset[str]:
        """The services of the last transaction."""

    @property
    def unfinished(self) -> frozenset[str]:
        """Services that a transaction which broke off owed a restart."""


class UnitsSeen(RecipesSeen, Protocol):
    """Facts of services."""

    @property
    def introduction(self) -> LeftUnits:
        """What the host told first."""

    @property
    def units(self) -> Mapping[str, UnitState]:
        """The units asked for, by name."""


def read_units(lines: Iterable[str]) -> Mapping[str, UnitState]:
    """Return unit states by unit name from `systemctl show`, whose units are blocks."""
    states: dict[str, UnitState] = {}
    block: list[str] = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            state = whole(Section.UNITS, block, _state)
            states[state.name] = state
            block = []
    return states


def _state(block: list[str]) -> UnitState:
    told = dict(line.split("=", 1) for line in block)
    return UnitState(
        name=told["Id"],
        load=told.get("LoadState", ""),
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        enabled=told.get("UnitFileState", ""),
        restarts=int(told.get("NRestarts") or 0),
        result=told.get("Result", ""),
    )


def _replaced(unit: Unit, wanted: WithUnits, facts: UnitsSeen) -> list[str]:
    """Return the units of the release before that still run the daemon after an upgrade."""
    states = (facts.units.get(name) for name in wanted.platform.daemons[unit.daemon].replaces)
    return [state.name for state in states if state and state.active in _UP]


def _diff_unit(unit: Unit, wanted: WithUnits, facts: UnitsSeen) -> Iterator[Change]:
    """Yield what has to be done to a service: enabled, started, restarted or reloaded."""
    replaced = _replaced(unit, wanted, facts)
    for name in replaced:
        yield Change("unit", name, Action.RETIRE, f"{unit.name} takes its place")
    state = facts.units.get(unit.name)
    if state is None or state.enabled != "enabled":
        yield Change("unit", unit.name, Action.ENABLE, "does not start at boot")
    running = facts.units.get(unit.running)
    changed, made = _news(unit, wanted, facts)
    names = [artifact.path for artifact in changed] + [recipe.path for recipe in made]
    if replaced:
        yield Change("unit", unit.name, Action.RESTART, f"replaces {replaced[0]}")
    elif running is None or running.active not in _UP:
        yield Change("unit", unit.name, Action.START, "not running")
    elif running.sub == "exited":
        # As Debian 12 had it, whose postfix.service was a name only: a start would do nothing.
        yield Change("unit", unit.name, Action.RESTART, "is active without a process")
    elif unit.name in facts.introduction.unfinished:
        yield Change("unit", unit.name, Action.RESTART, "an earlier apply was interrupted")
    elif causes := _causes(unit, changed, names, wanted, facts):
        yield Change("unit", unit.name, Action.RESTART, _because(causes))
    elif names:
        by_users = not made and all(a.plane is not Plane.CONFIGURATION for a in changed)
        plane = Plane.DIRECTORY if by_users else Plane.CONFIGURATION
        yield Change("unit", unit.name, Action.RELOAD, _because(names), plane=plane)


def _news(unit: Unit, wanted: WithUnits, facts: UnitsSeen) -> tuple[list[Artifact], list[Recipe]]:
    """Return what the daemon reads that changes: files, and what the host makes."""
    own = wanted.habits(unit.daemon)
    changed = [
        artifact
        for artifact in wanted.artifacts
        if unit.daemon in artifact.daemons
        and file_problems(artifact, facts.files.get(artifact.path))
    ]
    made = [
        recipe
        for recipe in wanted.recipes
        if recipe.kind in own.reads_recipes and has_to_be_made(recipe, facts)
    ]
    return changed, made


def _causes(
    unit: Unit, changed: list[Artifact], names: list[str], wanted: WithUnits, facts: UnitsSeen
) -> list[str]:
    """Return the paths because of which a reload does not suffice."""
    own = wanted.habits(unit.daemon)
    if unit.name not in facts.introduction.managed_units and own.modules_at_start:
        return names
    return [one.path for one in changed if _needs_restart(own.behaviour, one, facts)]


def _needs_restart(own: Restarting, artifact: Artifact, facts: FilesSeen) -> bool:
    state = facts.files.get(artifact.path)
    if state and state.sha256 == artifact.sha256:
        return False  # owner or mode only
    return own.needs_restart(artifact, state.content if state else None)


def _because(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more} changed"


class UnitKind(ResourceKind[WithUnits, object, UnitsSeen]):
    """A service is told of its files once they are there, and retires where it is not wanted."""

    name = "unit"
    words = ("unit",)
    turn = Turn.SERVICES

    def asked(self, wanted: WithUnits, introduction: object) -> Iterator[Row]:
        """Ask for each, for what runs it, and for those whose place it takes."""
        del introduction
        for unit in wanted.units:
            yield (Asked.UNIT, unit.name)
            if unit.running != unit.name:
                yield (Asked.UNIT, unit.running)
            for name in wanted.platform.daemons[unit.daemon].replaces:
                yield (Asked.UNIT, name)
            yield (Asked.RUNS, unit.running)

    def changes(self, wanted: WithUnits, facts: UnitsSeen) -> Iterator[Due]:
        """Yield those of each service, in start order, and of services that are left over."""
        for index, unit in enumerate(wanted.units):
            for change in _diff_unit(unit, wanted, facts):
                yield Due(change, self.turn, (index, AFTER_FILES))
        named = {unit.name for unit in wanted.units}
        for name in sorted(facts.introduction.managed_units - named):
            change = Change("unit", name, Action.RETIRE, "no longer part of this host")
            yield Due(change, Turn.RETIRING)

    def steps(self, change: Change, packing: Packing[WithUnits]) -> Iterator[Row]:
        """Yield the one that does it, and after a resolver's the wait for its answer."""
        if change.action in {Action.RETIRE, Action.RESTORE}:
            yield (change.action.value, change.name)
            return
        unit = next(one for one in packing.wanted.units if one.name == change.name)
        yield (change.action.value, unit.name, unit.running)
        resolver = packing.wanted.habits(unit.daemon).is_resolver
        if resolver and change.action is not Action.ENABLE:
            yield ("await_resolver",)

    def remembered(self, wanted: WithUnits, plane: Plane) -> Iterator[Row]:
        """Yield them by name."""
        if plane is Plane.CONFIGURATION:
            yield from (("unit", unit.name) for unit in wanted.units)

    def listed(self, wanted: WithUnits) -> Iterator[str]:
        """Yield them by name, and what runs them where that is another."""
        for unit in wanted.units:
            running = f", which runs as {unit.running}" if unit.running != unit.name else ""
            yield f"service {unit.name}{running}"


KIND = UnitKind()

"""What becomes of a daemon's unit, and why: the least that has it run what is in its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.facts.host import Facts
from provisioner.plan.change import Action, Change
from provisioner.plan.file_diff import file_problems
from provisioner.plan.generation import Generation
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.declared import Recipe, Unit
from provisioner.rooms.registry import room
from provisioner.rooms.room import Room

_UP = frozenset({"active", "reloading"})


def replaced_units(unit: Unit, generation: Generation, facts: Facts) -> list[str]:
    """Return the units of the release before that still run the daemon after an upgrade."""
    states = (facts.units.get(name) for name in generation.platform.daemons[unit.daemon].replaces)
    return [state.name for state in states if state and state.active in _UP]


def diff_unit(
    unit: Unit,
    artifacts: Iterable[Artifact],
    recipes: Iterable[Recipe],
    facts: Facts,
    replaced: list[str],
) -> Iterator[Change]:
    """Yield what has to be done to a daemon's unit: enabled, started, restarted or reloaded.

    artifacts, recipes: what the daemon reads. replaced: units that it takes the place of.
    """
    state = facts.units.get(unit.name)
    if state is None or state.enabled != "enabled":
        yield Change("unit", unit.name, Action.ENABLE, "does not start at boot")
    running = facts.units.get(unit.running)
    changed = [
        artifact
        for artifact in artifacts
        if file_problems(artifact, facts.files.get(artifact.path))
    ]
    names = [artifact.path for artifact in changed] + [recipe.path for recipe in recipes]
    own = room(unit.daemon)
    is_new = unit.name not in facts.introduction.managed_units
    if is_new and own.modules_at_start:
        causes = names
    else:
        causes = [artifact.path for artifact in changed if _needs_restart(own, artifact, facts)]
    if replaced:
        yield Change("unit", unit.name, Action.RESTART, f"replaces {replaced[0]}")
    elif running is None or running.active not in _UP:
        yield Change("unit", unit.name, Action.START, "not running")
    elif running.sub == "exited":
        # As Debian 12 had it, whose postfix.service was a name only: a start would do nothing.
        yield Change("unit", unit.name, Action.RESTART, "is active without a process")
    elif unit.name in facts.introduction.unfinished:
        yield Change("unit", unit.name, Action.RESTART, "an earlier apply was interrupted")
    elif causes:
        yield Change("unit", unit.name, Action.RESTART, _because(causes))
    elif names:
        by_users = not recipes and all(a.plane is not Plane.CONFIGURATION for a in changed)
        plane = Plane.DIRECTORY if by_users else Plane.CONFIGURATION
        yield Change("unit", unit.name, Action.RELOAD, _because(names), plane=plane)


def _needs_restart(own: Room, artifact: Artifact, facts: Facts) -> bool:
    state = facts.files.get(artifact.path)
    if state and state.sha256 == artifact.sha256:
        return False  # owner or mode only
    return own.behaviour.needs_restart(artifact, state.content if state else None)


def _because(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more} changed"

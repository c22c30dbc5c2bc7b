"""What has to change on a host: generation and facts in, plan out.

Each kind of resource says what it has to change, and when that has its turn (resources/kind.py).
Here the changes come into the order of the transaction, and drift is laid beside them. Behind
them comes what the host has to remember.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.plan.change import RECORD, Plan
from provisioner.plan.drift import find_drift, without_drift
from provisioner.plan.generation import Generation, user_files
from provisioner.plan.held_mail import spool_notices
from provisioner.plan.secrets_diff import leaving_secrets
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change, Drift
from provisioner.resources.file_state import left_by
from provisioner.resources.kind import Due
from provisioner.resources.registry import kind_of, kinds
from provisioner.resources.table import changed_tables

DIRECTORY = "directory"
"""The name under which a plan has the host remember its users."""


def diff_generation(generation: Generation, facts: Facts, *, keep_drift: bool = False) -> Plan:
    """Return the plan that turns a host with these facts into the generation.

    keep_drift: leave alone what somebody else changed. Raises MailprovError (refused)
    where an account of somebody else's is in the way, or the host has what this version cannot
    take back.
    """
    _refuse_unknown_kinds(generation, facts)
    if left_behind := tuple(spool_notices(generation, facts)):
        generation = replace(generation, notices=(*generation.notices, *left_behind))
    drift = find_drift(generation, facts)
    kept = frozenset(drift) if keep_drift else frozenset[str]()
    introduction = facts.introduction
    changes = _changes(generation, without_drift(generation, facts, kept))
    changes = [change for change in changes if not _is_drift(change, generation, kept)]
    if not keep_drift:
        changes = [_with_drift(change, generation, drift) for change in changes]
    seen = {
        path: state
        for change in changes
        for path, state in kind_of(change, generation).seen(change, facts)
    }
    changes += _record_changes(generation, facts, kept, changes)
    if _is_reshaped(generation, facts):
        changes = [_with_configuration(generation, change) for change in changes]
    return Plan(
        generation,
        tuple(changes),
        generation.name_on(introduction.generation),
        introduction.serial,
        kept={path: file for path, file in introduction.left.items() if path in kept},
        kept_lines={at: line for at, line in introduction.lines.items() if at[1] in kept},
        pending=introduction.pending,
        seen=seen,
        shards=changed_tables(generation, facts),
        leaving=leaving_secrets(changes, facts),
    )


def _changes(generation: Generation, facts: Facts) -> list[Change]:
    """Return the changes of all kinds, in the order of their turns."""
    due = [one for kind in kinds() for one in kind.changes(generation, facts)]
    return [one.change for one in sorted(due, key=_when)]


def _when(due: Due) -> tuple[int, tuple[int, ...]]:
    return due.turn, due.place


def _is_drift(change: Change, generation: Generation, drifted: Container[str]) -> bool:
    return change.name in drifted and kind_of(change, generation).drifts_by_name


def _with_drift(change: Change, generation: Generation, drift: Mapping[str, Drift]) -> Change:
    if _is_drift(change, generation, drift):
        return replace(change, drift=drift[change.name])
    return change


def _is_reshaped(generation: Generation, facts: Facts) -> bool:
    """Tell whether users' files change their kind, so that old main.cf cannot read new ones."""
    left = facts.introduction.left
    before = {path for path, file in left.items() if file.plane is Plane.DIRECTORY}
    now = (artifact.path for artifact in generation.in_plane(Plane.DIRECTORY))
    return bool(before) and user_files(before) != user_files(now)


def _with_configuration(generation: Generation, change: Change) -> Change:
    if change.kind == RECORD:
        return replace(change, plane=Plane.CONFIGURATION)
    return kind_of(change, generation).reshaped(change, generation)


def _refuse_unknown_kinds(generation: Generation, facts: Facts) -> None:
    known = {kind.name for kind in kinds()}
    unknown = sorted({kind for kind, _ in facts.introduction.lines} - known)
    if unknown:
        raise MailprovError(
            Diagnostic(
                summary="the host has resources that this version of mailprov does not know and "
                "cannot remove; nothing was changed",
                where=str(generation.host),
                got="\n".join(f"{k} {n}" for k, n in facts.introduction.lines if k in unknown),
                want="kinds of resources that this version knows",
                fix="use the version of mailprov that applied them",
            ),
            ExitCode.REFUSED,
        )


def _record_changes(
    generation: Generation, facts: Facts, kept: frozenset[str], changes: list[Change]
) -> list[Change]:
    """Return what the host has to remember anew: what it has may also have come by hand."""
    records = []
    planes = {change.plane for change in changes if change.action is not Action.INSTALL}
    if Plane.DIRECTORY in planes or not _remembers(Plane.DIRECTORY, generation, facts, kept):
        reason = "users, aliases or secrets"
        records.append(Change(RECORD, DIRECTORY, Action.UPDATE, reason, plane=Plane.DIRECTORY))
    if Plane.CONFIGURATION in planes or not _remembers(
        Plane.CONFIGURATION, generation, facts, kept
    ):
        name = generation.name_on(facts.introduction.generation)
        reason = _record_reason(name, facts.introduction.generation)
        records.append(Change(RECORD, name, Action.UPDATE, reason))
    return records


def _remembers(plane: Plane, generation: Generation, facts: Facts, kept: frozenset[str]) -> bool:
    introduction = facts.introduction
    left = {
        path: file
        for path, file in introduction.left.items()
        if path not in kept and file.plane.changes_with is plane
    }
    wanted = {
        artifact.path: left_by(artifact)
        for artifact in generation.artifacts
        if artifact.path not in kept and artifact.plane.changes_with is plane
    }
    if left != wanted:
        return False
    if plane is Plane.CONFIGURATION:
        return introduction.generation == generation.name_on(introduction.generation)
    people = {account.name for account in generation.accounts if not account.system}
    return introduction.managed_accounts == people


def _record_reason(name: str, before: str | None) -> str:
    if before == name:
        return "the generation stays"
    return f"was generation {before}" if before else "first generation of this host"

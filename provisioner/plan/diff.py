"""What has to change on a host: generation and facts in, plan out.

The order of the result is the order of the transaction. Accounts come before the
files they own, and users' files, which no daemon has to be told of, before the daemons
that will read them. Then come the daemons, Unbound first and Postfix last, each with
its files before its reload: Postfix looks for Dovecot's sockets, and the host's resolver
file names Unbound only once Unbound answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.facts.host import EXPIRED, AccountState, Facts, FileState, LeftFile
from provisioner.plan.accounts import carrier_refusals, spool_notices, stranger
from provisioner.plan.change import Action, Change, Kind, Plan
from provisioner.plan.drift import find_drift, without_drift
from provisioner.plan.file_diff import (
    access_problems,
    diff_file,
    diff_folder,
    in_words,
)
from provisioner.plan.generation import Generation, user_files
from provisioner.plan.secrets_diff import leaving_secrets
from provisioner.plan.table_diff import changed_tables
from provisioner.plan.unit_diff import diff_unit, replaced_units
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.daemon_secrets import is_secret_path
from provisioner.resources.declared import Account, Recipe, Unit
from provisioner.rooms.registry import room

DIRECTORY = "directory"
"""The name under which a plan has the host remember its users."""


def diff_generation(generation: Generation, facts: Facts, *, keep_drift: bool = False) -> Plan:
    """Return the plan that turns a host with these facts into the generation.

    keep_drift: leave files alone that somebody else changed. Raises MailprovError (refused)
    where an account of somebody else's is in the way.
    """
    if left_behind := tuple(spool_notices(generation, facts)):
        generation = replace(generation, notices=(*generation.notices, *left_behind))
    drift = find_drift(generation, facts)
    kept = {path: facts.introduction.left[path] for path in drift} if keep_drift else {}
    changes = _changes(generation, without_drift(generation, facts, frozenset(kept)))
    if not keep_drift:
        changes = [
            replace(change, drift=drift.get(change.name)) if change.kind == "file" else change
            for change in changes
        ]
    changes += _record_changes(generation, facts, frozenset(kept), changes)
    if _is_reshaped(generation, facts):
        changes = [_with_configuration(generation, change) for change in changes]
    return Plan(
        generation,
        tuple(changes),
        generation.name_on(facts.introduction.generation),
        facts.introduction.serial,
        kept,
        facts.introduction.pending,
        seen={c.name: _seen(facts.files.get(c.name)) for c in changes if c.kind == "file"},
        shards=changed_tables(generation, facts),
        leaving=leaving_secrets(changes, facts),
    )


def _seen(state: FileState | None) -> str:
    if state is None:
        return "-"
    if state.kind == "symbolic link":
        return "link"
    return state.sha256 if state.is_regular and state.sha256 else "other"


def _changes(generation: Generation, facts: Facts) -> list[Change]:
    return [
        *_package_changes(generation, facts),
        *_group_changes(generation, facts),
        *_account_changes(generation, facts),
        *_directory_changes(generation, facts),
        *_recipe_changes(generation.recipes, facts),
        *_service_changes(generation, facts),
    ]


def _is_reshaped(generation: Generation, facts: Facts) -> bool:
    """Tell whether users' files change their kind, so that old main.cf cannot read new ones."""
    left = facts.introduction.left
    before = {path for path, file in left.items() if file.plane is Plane.DIRECTORY}
    now = (artifact.path for artifact in generation.in_plane(Plane.DIRECTORY))
    return bool(before) and user_files(before) != user_files(now)


def _with_configuration(generation: Generation, change: Change) -> Change:
    if change.action is Action.LOCK and change.name in generation.people:
        # Still a user, who would be locked out where the configuration returns.
        reason = "its user is virtual from now on; locked once this is confirmed"
        return replace(change, reason=reason, plane=Plane.CONFIGURATION)
    with_it = change.kind in {"file", "record"} and not is_secret_path(change.name)
    return replace(change, plane=Plane.CONFIGURATION) if with_it else change


def _record_changes(
    generation: Generation, facts: Facts, kept: frozenset[str], changes: list[Change]
) -> list[Change]:
    """Return what the host has to remember anew: what it has may also have come by hand."""
    records = []
    planes = {change.plane for change in changes if change.kind != "package"}
    if Plane.DIRECTORY in planes or not _remembers(Plane.DIRECTORY, generation, facts, kept):
        reason = "users, aliases or secrets"
        records.append(_of_directory("record", DIRECTORY, Action.UPDATE, reason))
    if Plane.CONFIGURATION in planes or not _remembers(
        Plane.CONFIGURATION, generation, facts, kept
    ):
        name = generation.name_on(facts.introduction.generation)
        reason = _record_reason(name, facts.introduction.generation)
        records.append(Change("record", name, Action.UPDATE, reason))
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


def left_by(artifact: Artifact) -> LeftFile:
    """Return the state in which a transaction leaves the artifact's file."""
    return LeftFile(
        artifact.plane,
        artifact.sha256,
        artifact.owner,
        artifact.group,
        artifact.mode,
        artifact.secret,
    )


def _record_reason(name: str, before: str | None) -> str:
    if before == name:
        return "the generation stays"
    return f"was generation {before}" if before else "first generation of this host"


def _package_changes(generation: Generation, facts: Facts) -> Iterator[Change]:
    for name in generation.packages:
        if name not in facts.packages:
            yield Change("package", name, Action.INSTALL, "not installed")


def _group_changes(generation: Generation, facts: Facts) -> Iterator[Change]:
    for group in generation.groups:
        if group.name not in facts.groups:
            yield _of_directory("group", group.name, Action.CREATE, "missing")


def _account_changes(generation: Generation, facts: Facts) -> Iterator[Change]:
    changes: list[Change] = []
    refusals: list[Diagnostic] = []
    for account in generation.accounts:
        state = facts.accounts.get(account.name)
        if state is not None and not account.system and not _is_ours(account, state, facts):
            refusals.append(stranger(generation, account, state, facts))
            continue
        if state is None:
            changes.append(_of_directory("account", account.name, Action.CREATE, "missing"))
        elif account.system:
            continue
        elif reason := _account_difference(account, state, facts):
            changes.append(_of_directory("account", account.name, Action.UPDATE, reason))
        changes += _password_change(account, state)
    changes += _departures(generation, facts)
    refusals += carrier_refusals(generation, facts, changes)
    if refusals:
        raise MailprovError(refusals, ExitCode.REFUSED)
    yield from changes


def _departures(generation: Generation, facts: Facts) -> Iterator[Change]:
    wanted = {account.name for account in generation.accounts}
    for name in sorted(facts.introduction.managed_accounts - wanted):
        state = facts.accounts.get(name)
        if state and not state.is_shut:
            reason = "no longer in the site; its mail is kept"
            yield _of_directory("account", name, Action.LOCK, reason)


def _of_directory(kind: Kind, name: str, action: Action, reason: str) -> Change:
    return Change(kind, name, action, reason, plane=Plane.DIRECTORY)


def _is_ours(account: Account, state: AccountState, facts: Facts) -> bool:
    if state.uid == 0:
        return False
    in_group = facts.groups.get(account.group) == state.gid
    return in_group or account.name in facts.introduction.managed_accounts


def _account_difference(account: Account, state: AccountState, facts: Facts) -> str:
    differences = []
    if facts.groups.get(account.group) != state.gid:
        differences.append(f"primary group is not {account.group}")
    if state.shell != account.shell:
        differences.append(f"login shell is {state.shell}")
    if account.comment and state.comment != account.comment:
        differences.append(f"name is {quoted(state.comment)}")
    return ", ".join(differences)


def password_text(account: Account) -> str:
    """Return what shadow(5) has to hold: the hash, behind `!` where the account is locked."""
    digest = account.password.digest if account.password else ""
    return f"!{digest}" if account.locked else digest


def _password_change(account: Account, state: AccountState | None) -> Iterator[Change]:
    if account.password is None and not account.locked:
        return
    if state is None or state.password != password_text(account):
        reason = "locked" if account.locked else "new" if state is None else "differs"
        yield _of_directory("password", account.name, Action.UPDATE, reason)
    elif account.locked and state.expires != EXPIRED:
        reason = "locked, but SSH keys still work"
        yield _of_directory("password", account.name, Action.UPDATE, reason)
    elif not account.locked and state.expires == EXPIRED:
        yield _of_directory("password", account.name, Action.UPDATE, "the account has expired")


def _directory_changes(generation: Generation, facts: Facts) -> Iterator[Change]:
    for folder in generation.folders:
        yield from diff_folder(folder, facts.files.get(folder.path))


def _recipe_changes(recipes: Iterable[Recipe], facts: Facts) -> Iterator[Change]:
    for recipe in recipes:
        if _is_unmade(recipe, facts):
            reason = f"made on the host for {recipe.subject}"
            yield Change("secret", recipe.path, Action.CREATE, reason)
        elif flaw := _certificate_flaw(recipe, facts):
            reason = f"another certificate for {recipe.subject}, of the same key: {flaw}"
            yield Change("secret", recipe.path, Action.RENEW, reason)
        elif problems := access_problems(recipe, facts.files.get(recipe.path)):
            yield Change("secret", recipe.path, Action.UPDATE, in_words(problems))


def _is_unmade(recipe: Recipe, facts: Facts) -> bool:
    # What lies there may be the operator's own certificate, of a site that had one.
    if recipe.path in facts.introduction.managed_files:
        return True
    if recipe.kind == "self-signed":
        return facts.certificate is None
    return recipe.kind not in facts.recipes


def _certificate_flaw(recipe: Recipe, facts: Facts) -> str:
    """Return why the host's own certificate gives way to another of the same key, else nothing."""
    own = recipe.kind == "self-signed" and facts.certificate
    return own.flaw(recipe.subject) if own else ""


def _service_changes(generation: Generation, facts: Facts) -> Iterator[Change]:
    remaining = list(generation.artifacts)
    wanted = {artifact.path for artifact in remaining}
    wanted |= {recipe.path for recipe in generation.recipes}
    stale = sorted(facts.introduction.managed_files - wanted)
    made = [
        recipe
        for recipe in generation.recipes
        if _is_unmade(recipe, facts) or _certificate_flaw(recipe, facts)
    ]
    unread = [a for a in remaining if a.plane is Plane.DIRECTORY and not a.daemons]
    remaining = [artifact for artifact in remaining if artifact not in unread]
    yield from _file_changes(unread, facts)
    for unit in generation.units:
        mine = sorted(
            (artifact for artifact in remaining if _first_reader(artifact, generation) == unit),
            key=lambda artifact: artifact.rank,
        )
        remaining = [artifact for artifact in remaining if artifact not in mine]
        yield from _file_changes(mine, facts)
        touched = [artifact for artifact in generation.artifacts if unit.daemon in artifact.daemons]
        recipes = [recipe for recipe in made if recipe.kind in room(unit.daemon).reads_recipes]
        replaced = replaced_units(unit, generation, facts)
        for name in replaced:
            yield Change("unit", name, Action.RETIRE, f"{unit.name} takes its place")
        yield from diff_unit(unit, touched, recipes, facts, replaced)
    yield from _file_changes(remaining, facts)
    units = {unit.name for unit in generation.units}
    for name in sorted(facts.introduction.managed_units - units):
        yield Change("unit", name, Action.RETIRE, "no longer part of this host")
    for path in stale:
        plane = facts.introduction.left[path].plane.changes_with
        yield Change("file", path, Action.REMOVE, "no longer part of the site", plane=plane)


def _first_reader(artifact: Artifact, generation: Generation) -> Unit | None:
    for unit in generation.units:
        if unit.daemon in artifact.daemons:
            return unit
    return None


def _file_changes(artifacts: Iterable[Artifact], facts: Facts) -> Iterator[Change]:
    for artifact in artifacts:
        yield from diff_file(artifact, facts.files.get(artifact.path))

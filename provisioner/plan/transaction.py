"""A plan as the archive that the remote program carries out.

The archive holds `steps`, one tabbed row each, and the contents that the rows name as
`files/N`; `store` is the tree of what the generation wants, to remember. Nothing secret is in a
row: rows may be shown, contents are not. The rows' words are those of remote/protocol.py:

    check DAEMON                            run its checker on the staged tree
    stage PATH N OWNER GROUP MODE           this content is to become PATH
    table PATH                              a table in shards, `files/N/SHARD`, is to change
    recipe KIND PATH SUBJECT                a secret to be made; KIND is a recipe's, or `renewed`:
                                            another certificate of the key that is there
    remove PATH                             a file to be removed
    managed whole SHA256                    of the rows that follow, without their first word
    managed file PATH SHA256 OWNER GROUP MODE SECRET
    managed unit NAME                       the configuration, as it is to be left
    directory whole … | directory file … | directory account NAME
                                            the directory, likewise
    seen PATH DIGEST                        what was observed at a path that is replaced: a
                                            digest, `link`, `other`, or `-` for nothing
    undo PATH                               what is there now comes back unless confirmed
    lock-later NAME                         an account to be locked when it is confirmed
    remove-later PATH                       a secret to be removed, and forgotten, then
    owed UNIT                               it reads users' files anew with the configuration
    adopt                                   remember the directory when it is confirmed
    record N                                what the host remembers of the generation, but files
    main PATH                               main.cf, where the transaction concerns Postfix
    expect SERIAL                           the transaction that the plan was made after
    act-directory STEP ARGUMENT…            do this, in this order; it is in force at once
    act-configuration STEP ARGUMENT…        then this, which is pending until it is confirmed
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from typing import TypeVar

from provisioner.plan.change import Action, Change, Plan
from provisioner.plan.diff import DIRECTORY, left_by, password_text
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import checkers_of
from provisioner.plan.secrets_diff import is_known
from provisioner.remote.protocol import Staged, rows_text
from provisioner.render.artifact import Plane
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.render.shards import Shards
from provisioner.render.tls_chain import CHAIN_PATH
from provisioner.resources.declared import Recipe
from provisioner.rooms.registry import room, rooms

Row = tuple[str, ...]
Item = TypeVar("Item")
Contents = list[bytes | Shards]

_ACTS = {
    Plane.DIRECTORY: Staged.ACT_DIRECTORY,
    Plane.CONFIGURATION: Staged.ACT_CONFIGURATION,
}


def pack_transaction(plan: Plan) -> bytes:
    """Return the archive of a plan's changes, packages left out (they come before)."""
    contents: Contents = []
    rows: list[Row] = [(Staged.EXPECT, plan.serial), *_check_rows(plan), *_managed_rows(plan)]
    rows += _directory_rows(plan)
    rows += _record_rows(plan, contents)
    rows += _main_rows(plan)
    rows += _undo_rows(plan)
    rows += [(Staged.SEEN, path, state) for path, state in plan.seen.items()]
    rows += _owed_rows(plan)
    rows += _action_rows(plan, contents)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "steps", rows_text(rows))
        for number, content in enumerate(contents):
            if isinstance(content, bytes):
                _add(archive, f"files/{number}", content)
                continue
            for name, shard in content.items():
                _add(archive, f"files/{number}/{name}", shard)
        for path, stored in _stored(plan.generation):
            _add(archive, f"store{path}", stored)
    return buffer.getvalue()


def checks_of(plan: Plan) -> tuple[str, ...]:
    """Return whose checkers read the staged tree: those of the daemons that a change concerns.

    No checker reads a table. Where it is not known who reads a file, all of them do.
    """
    artifacts = {artifact.path: artifact for artifact in plan.generation.artifacts}
    readers: set[str] = set()
    for change in plan.transaction:
        if change.kind not in {"file", "secret"} or change.name == TABLE_PATH:
            continue
        artifact = artifacts.get(change.name)
        if artifact is None or not artifact.daemons:
            return checkers_of(plan.generation)
        readers.update(artifact.daemons)
    return tuple(name for name in checkers_of(plan.generation) if name in readers)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o600
    archive.addfile(member, io.BytesIO(content))


def _check_rows(plan: Plan) -> Iterator[Row]:
    for name in checks_of(plan):
        yield (Staged.CHECK, name)


def _managed_rows(plan: Plan) -> Iterator[Row]:
    units = [("unit", unit.name) for unit in plan.generation.units]
    return _sealed(Staged.MANAGED, [*_left_rows(plan, Plane.CONFIGURATION), *units])


def _directory_rows(plan: Plan) -> Iterator[Row]:
    people = [account for account in plan.generation.accounts if not account.system]
    accounts = [("account", account.name) for account in people]
    return _sealed(Staged.DIRECTORY, [*_left_rows(plan, Plane.DIRECTORY), *accounts])


def _sealed(kind: str, rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows that the host keeps, below their digest: it tells damage by that (state.sh)."""
    yield (kind, "whole", hashlib.sha256(rows_text(rows)).hexdigest())
    for row in rows:
        yield (kind, *row)


def _left_rows(plan: Plan, plane: Plane) -> Iterator[Row]:
    left = {artifact.path: left_by(artifact) for artifact in plan.generation.artifacts}
    left |= {**plan.kept, **plan.leaving}
    for path, file in left.items():
        if file.plane.changes_with is plane:
            secret = "1" if file.secret else "0"
            mode = f"{file.mode:04o}"
            yield ("file", path, file.sha256, file.owner, file.group, mode, secret)


def _undo_rows(plan: Plan) -> Iterator[Row]:
    changes = [change for change in plan.transaction if change.plane is Plane.CONFIGURATION]
    paths = [change.name for change in changes if change.kind == "file" or _replaces_key(change)]
    paths += [path for _, path in _main_rows(plan)]
    if any(change.name == DIRECTORY for change in changes if change.kind == "record"):
        yield (Staged.ADOPT,)
    for path in dict.fromkeys(paths):
        yield (Staged.UNDO, path)


def _owed_rows(plan: Plan) -> Iterator[Row]:
    """Yield services whose reload for users' files is one with the configuration's."""
    ahead = {change.name for change in plan.transaction if change.plane is Plane.DIRECTORY}
    readers = {
        daemon
        for artifact in plan.generation.artifacts
        if artifact.path in ahead
        for daemon in artifact.daemons
    }
    named = {c.name for c in plan.transaction if c.kind == "unit" and c.name not in ahead}
    for unit in plan.generation.units:
        if unit.daemon in readers and unit.name in named:
            yield (Staged.OWED, unit.name)


def _main_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    changes = [change for change in plan.transaction if change.plane is Plane.CONFIGURATION]
    own = {unit.daemon for unit in plan.generation.units}
    for one in rooms():
        main = one.behaviour.pending_file(plan.generation.platform)
        named = any(change.name == main for change in changes)
        changed = one.name in own and any(change.kind != "record" for change in changes)
        if main and (named or changed):
            yield (Staged.MAIN, main)


def _record_rows(plan: Plan, contents: Contents) -> Iterator[Row]:
    """Yield the record. What a host has under a name of an older format stays as it is."""
    if plan.name != plan.generation.id:
        return
    if any(change.plane is Plane.CONFIGURATION for change in plan.transaction):
        contents.append(plan.generation.record)
        yield (Staged.RECORD, str(len(contents) - 1))


def _stored(generation: Generation) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of what is remembered: no secret is kept twice, and no user's data."""
    for artifact in generation.in_plane(Plane.CONFIGURATION):
        if not artifact.secret:
            yield artifact.path, artifact.content


def _replaces_key(change: Change) -> bool:
    """Tell whether what is there gives way to a key or a certificate that the host makes."""
    return _is_made(change) and change.name == CHAIN_PATH


def _is_made(change: Change) -> bool:
    return change.kind == "secret" and change.action in {Action.CREATE, Action.RENEW}


def _action_rows(plan: Plan, contents: Contents) -> list[Row]:
    rows: list[Row] = []
    prepared = False
    for plane in (Plane.DIRECTORY, Plane.CONFIGURATION):
        acts: list[Row] = []
        for change in plan.transaction:
            if change.plane is not plane:
                continue
            if change.kind in {"secret", "file", "unit"} and not prepared:
                acts.append(("prepare",))
                prepared = True
            rows += _declaration_rows(plan, change, contents)
            acts += _step_rows(plan, change, contents)
        rows += [(_ACTS[plane], *act) for act in _begun(plan, plane, acts)]
    return rows


def _begun(plan: Plan, plane: Plane, acts: list[Row]) -> list[Row]:
    """Return the steps of the configuration behind those that make it pending.

    What has to fail for want of room fails before.
    """
    if plane is Plane.DIRECTORY or not any(c.plane is plane for c in plan.transaction):
        return acts
    begin: list[Row] = [("begin", plan.name)]
    if any(room(unit.daemon).has_queue for unit in plan.generation.units):
        begin += [("soften", path) for _, path in _main_rows(plan)]
    first = acts[:1] if acts[:1] == [("prepare",)] else []
    return [*first, *begin, *acts[len(first) :]]


def _declaration_rows(plan: Plan, change: Change, contents: Contents) -> Iterator[Row]:
    """Yield what the check has to know before anything is done."""
    generation = plan.generation
    if _is_made(change):
        yield _recipe_row(_named(generation.recipes, "path", change.name), change)
    elif _is_locked_later(change):
        yield (Staged.LOCK_LATER, change.name)
    elif change.kind == "file" and change.action is Action.REMOVE:
        removed = Staged.REMOVE_LATER if change.name in plan.leaving else Staged.REMOVE
        yield (removed, change.name)
    elif change.kind == "file":
        artifact = _named(generation.artifacts, "path", change.name)
        if isinstance(artifact, ShardedTable):
            yield (Staged.TABLE, artifact.path)
            return
        if not is_known(artifact):
            # No plan says so; an empty file in the place of a key must not be the proof.
            raise ValueError(f"{artifact.path} is sealed and cannot be written")
        contents.append(artifact.content)
        number = str(len(contents) - 1)
        mode = f"{artifact.mode:04o}"
        yield (Staged.STAGE, artifact.path, number, artifact.owner, artifact.group, mode)


def _step_rows(plan: Plan, change: Change, contents: Contents) -> Iterator[Row]:
    generation = plan.generation
    match change.kind:
        case "group":
            group = _named(generation.groups, "name", change.name)
            yield ("group", group.name, "system" if group.system else "regular")
        case "account" if not _is_locked_later(change):
            yield _account_row(generation, change)
        case "password":
            account = generation.accounts_by_name[change.name]
            contents.append(f"{account.name}:{password_text(account)}\n".encode())
            lock = "locked" if account.locked else "open"
            yield ("password", account.name, str(len(contents) - 1), lock)
        case "directory":
            entry = _named(generation.folders, "path", change.name)
            access = (entry.owner, entry.group, f"{entry.mode:04o}")
            yield ("directory", entry.path, *access, *([entry.label] if entry.label else []))
        case "secret":
            yield _recipe_row(_named(generation.recipes, "path", change.name), change)
        case "file" if change.name not in plan.leaving:
            yield _file_row(plan, change, contents)
        case "unit":
            yield from _unit_rows(generation, change)
        case "record" if change.plane is Plane.DIRECTORY:
            yield ("record_directory",)


def _is_locked_later(change: Change) -> bool:
    return change.action is Action.LOCK and change.plane is Plane.CONFIGURATION


def _account_row(generation: Generation, change: Change) -> Row:
    if change.action is Action.LOCK:
        return ("lock", change.name)
    account = generation.accounts_by_name[change.name]
    kind = "system" if account.system else "person"
    place = (account.group, account.home, account.shell)
    return ("account", account.name, *place, kind, account.comment)


def _file_row(plan: Plan, change: Change, contents: Contents) -> Row:
    if change.action is Action.REMOVE:
        return ("remove", change.name)
    artifact = _named(plan.generation.artifacts, "path", change.name)
    if isinstance(artifact, ShardedTable):
        contents.append(plan.shards[artifact.path])
        number = str(len(contents) - 1)
        return ("table", artifact.path, artifact.sha256, number, artifact.maps)
    return ("admit" if artifact.logins else "activate", change.name)


def _recipe_row(recipe: Recipe, change: Change) -> Row:
    if _is_made(change):
        kind = "renewed" if change.action is Action.RENEW else recipe.kind
        return ("recipe", kind, recipe.path, recipe.subject)
    return ("access", recipe.path, recipe.owner, recipe.group, f"{recipe.mode:04o}")


def _unit_rows(generation: Generation, change: Change) -> Iterator[Row]:
    if change.action in {Action.RETIRE, Action.RESTORE}:
        yield (change.action.value, change.name)
        return
    unit = _named(generation.units, "name", change.name)
    yield (change.action.value, unit.name, unit.running)
    if room(unit.daemon).is_resolver and change.action is not Action.ENABLE:
        yield ("await_resolver",)


def _named(items: tuple[Item, ...], attribute: str, name: str) -> Item:
    return next(item for item in items if getattr(item, attribute) == name)

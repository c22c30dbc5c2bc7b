"""A plan as the archive that the remote program carries out.

The archive holds `steps`, one tabbed row each, and the contents that the rows name as
`files/N`; where a configuration begins, `store` is the tree of what it wants, to remember.
Nothing secret is in a row: rows may be shown, contents are not. The rows' words are those of
remote/protocol.py:

    check DAEMON                            run its checker on the staged tree
    stage PATH N OWNER GROUP MODE           this content is to become PATH
    table PATH                              a table in shards, `files/N/SHARD`, is to change
    recipe KIND PATH SUBJECT                a secret to be made; KIND is a recipe's, or `renewed`:
                                            another certificate of the key that is there
    remove PATH                             a file to be removed
    managed whole SHA256                    of the rows that follow, without their first word
    managed file PATH SHA256 OWNER GROUP MODE SECRET
    managed unit NAME
    managed resource KIND NAME LINE
    managed passed KEY                      the configuration, as it is to be left
    directory whole … | directory file … | directory account NAME
                                            the directory, likewise
    seen PATH DIGEST                        what was observed at a path that is replaced: a
                                            digest, `link`, `other`, or `-` for nothing; of a
                                            resource, `KIND NAME`, its line
    resource KIND NAME                      its line is kept now, and comes back likewise
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

from provisioner.plan.change import RECORD, Plan
from provisioner.plan.diff import DIRECTORY
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import checkers_of
from provisioner.remote.protocol import Staged, rows_text
from provisioner.render.artifact import Plane
from provisioner.resources.change import Change
from provisioner.resources.file_state import left_by
from provisioner.resources.kind import Packing, Row
from provisioner.resources.registry import kind_of, kinds
from provisioner.rooms.registry import room, rooms

_ACTS = {
    Plane.DIRECTORY: Staged.ACT_DIRECTORY,
    Plane.CONFIGURATION: Staged.ACT_CONFIGURATION,
}
_PREPARE: Row = ("prepare",)


def pack_transaction(plan: Plan) -> bytes:
    """Return the archive of a plan's changes, packages left out (they come before)."""
    packing = Packing(plan.generation, plan.shards, plan.leaving)
    rows: list[Row] = [(Staged.EXPECT, plan.serial), *_check_rows(plan), *_managed_rows(plan)]
    rows += _directory_rows(plan)
    rows += _record_rows(plan, packing)
    rows += _main_rows(plan)
    rows += _undo_rows(plan)
    rows += [(Staged.SEEN, path, state) for path, state in plan.seen.items()]
    rows += _owed_rows(plan)
    rows += _action_rows(plan, packing)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "steps", rows_text(rows))
        for number, content in enumerate(packing.contents):
            if isinstance(content, bytes):
                _add(archive, f"files/{number}", content)
                continue
            for name, shard in content.items():
                _add(archive, f"files/{number}/{name}", shard)
        for path, stored in _stored(plan):
            _add(archive, f"store{path}", stored)
    return buffer.getvalue()


def _resource_changes(plan: Plan) -> tuple[Change, ...]:
    return tuple(change for change in plan.transaction if change.kind != RECORD)


def checks_of(plan: Plan) -> tuple[str, ...]:
    """Return whose checkers read the staged tree: those of the daemons that a change concerns.

    Where it is not known who reads something, all of them do.
    """
    readers: set[str] = set()
    for change in _resource_changes(plan):
        found = kind_of(change, plan.generation).readers(change, plan.generation)
        if found is None:
            return checkers_of(plan.generation)
        readers.update(found)
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
    rows = _left_rows(plan, Plane.CONFIGURATION)
    named = {row[:3] for row in rows}
    for at, line in plan.kept_lines.items():
        # What somebody changed, and the site does not want any more: it stays drift.
        if ("resource", *at) not in named:
            rows.append(("resource", *at, line))
    rows += [("passed", key) for key in plan.generation.passed]
    return _sealed(Staged.MANAGED, rows)


def _directory_rows(plan: Plan) -> Iterator[Row]:
    return _sealed(Staged.DIRECTORY, _left_rows(plan, Plane.DIRECTORY))


def _sealed(kind: str, rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows that the host keeps, below their digest: it tells damage by that (state.sh)."""
    yield (kind, "whole", hashlib.sha256(rows_text(rows)).hexdigest())
    for row in rows:
        yield (kind, *row)


def _left_rows(plan: Plan, plane: Plane) -> list[Row]:
    """Return what a plane is to be left as: its files, and what each kind has beside them."""
    left = {artifact.path: left_by(artifact) for artifact in plan.generation.artifacts}
    left |= {**plan.kept, **plan.leaving}
    rows: list[Row] = []
    for path, file in left.items():
        if file.plane.changes_with is plane:
            secret = "1" if file.secret else "0"
            access = (file.owner, file.group, f"{file.mode:04o}")
            rows.append(("file", path, file.sha256, *access, secret))
    for kind in kinds():
        rows += kind.remembered(plan.generation, plane)
    return rows


def _undo_rows(plan: Plan) -> Iterator[Row]:
    changes = [change for change in plan.transaction if change.plane is Plane.CONFIGURATION]
    if any(change.name == DIRECTORY for change in changes if change.kind == RECORD):
        yield (Staged.ADOPT,)
    generation = plan.generation
    undone = (
        path
        for change in changes
        if change.kind != RECORD
        for path in kind_of(change, generation).undone(change)
    )
    mains = (path for _, path in _main_rows(plan))
    for path in dict.fromkeys((*undone, *mains)):
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
    named = {change.name for change in plan.transaction} - ahead
    for unit in plan.generation.units:
        if unit.daemon in readers and unit.name in named:
            yield (Staged.OWED, unit.name)


def _main_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    changes = [change for change in plan.transaction if change.plane is Plane.CONFIGURATION]
    own = {unit.daemon for unit in plan.generation.units}
    for one in rooms():
        main = one.behaviour.pending_file(plan.generation.platform)
        named = any(change.name == main for change in changes)
        changed = one.name in own and any(change.kind != RECORD for change in changes)
        if main and (named or changed):
            yield (Staged.MAIN, main)


def _begins(plan: Plan) -> bool:
    """Tell whether a configuration begins, which the host has to remember, and may return from."""
    return any(change.plane is Plane.CONFIGURATION for change in plan.transaction)


def _record_rows(plan: Plan, packing: Packing[Generation]) -> Iterator[Row]:
    """Yield the record. What a host has under a name of an older format stays as it is."""
    if _begins(plan) and plan.name == plan.generation.id:
        yield (Staged.RECORD, packing.put(plan.generation.record))


def _stored(plan: Plan) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of what is remembered: no secret is kept twice, and no user's data.

    Users' files alone begin no configuration, and nothing of it is sent with them.
    """
    if not _begins(plan):
        return
    for artifact in plan.generation.in_plane(Plane.CONFIGURATION):
        if not artifact.secret:
            yield artifact.path, artifact.content


def _action_rows(plan: Plan, packing: Packing[Generation]) -> list[Row]:
    rows: list[Row] = []
    prepared = False
    for plane in (Plane.DIRECTORY, Plane.CONFIGURATION):
        acts: list[Row] = []
        for change in plan.transaction:
            if change.plane is not plane:
                continue
            if change.kind == RECORD:
                acts += [("record_directory",)] if plane is Plane.DIRECTORY else []
                continue
            kind = kind_of(change, plan.generation)
            if kind.on_files and not prepared:
                acts.append(_PREPARE)
                prepared = True
            rows += kind.declared(change, packing)
            acts += kind.steps(change, packing)
        rows += [(_ACTS[plane], *act) for act in _begun(plan, plane, acts)]
    return rows


def _begun(plan: Plan, plane: Plane, acts: list[Row]) -> list[Row]:
    """Return the steps of the configuration behind those that make it pending.

    What has to fail for want of room fails before.
    """
    if plane is Plane.DIRECTORY or not _begins(plan):
        return acts
    begin: list[Row] = [("begin", plan.name)]
    if any(room(unit.daemon).has_queue for unit in plan.generation.units):
        begin += [("soften", path) for _, path in _main_rows(plan)]
    first = acts[:1] if acts[:1] == [_PREPARE] else []
    return [*first, *begin, *acts[len(first) :]]

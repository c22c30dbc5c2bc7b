"""A plan as the archive that the remote program carries out.

The archive holds `steps`, one tabbed row each, and the contents that the rows name as
`files/N`. Nothing secret is in a row: rows may be shown, contents are not. The rows'
words are those of provisioner/ssh/remote/transact.sh:

    check DAEMON                            run its checker on the staged tree
    stage PATH N OWNER GROUP MODE           this content is to become PATH
    recipe KIND PATH SUBJECT                a secret to be made
    remove PATH                             a file to be removed
    managed file PATH SHA256 OWNER GROUP MODE SECRET
    managed account|unit NAME               what the new generation manages, as it is left
    store PATH N                            what the generation wants at PATH, to remember
    expect SERIAL                           the transaction that the plan was made after
    act STEP ARGUMENT…                      do this, in this order
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import TypeVar

from provisioner.plan.change import Action, Change, Plan
from provisioner.plan.diff import left_by, password_text
from provisioner.plan.generation import Generation, Recipe
from provisioner.render.artifact import Plane

Row = tuple[str, ...]
Item = TypeVar("Item")


def pack_transaction(plan: Plan) -> bytes:
    """Return the archive of a plan's changes, packages left out (they come before)."""
    contents: list[bytes] = []
    rows = [("expect", plan.serial), *_check_rows(plan), *_managed_rows(plan)]
    rows += _store_rows(plan.generation, contents)
    rows += _action_rows(plan, contents)
    text = "".join("\t".join(row) + "\n" for row in rows)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "steps", text.encode())
        for number, content in enumerate(contents):
            _add(archive, f"files/{number}", content)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o600
    archive.addfile(member, io.BytesIO(content))


def _check_rows(plan: Plan) -> Iterator[Row]:
    if not any(change.kind in {"file", "secret"} for change in plan.transaction):
        return
    for unit in plan.generation.units:
        yield ("check", unit.daemon)
    if plan.generation.certificate_path:
        yield ("check", "certificate")


def _managed_rows(plan: Plan) -> Iterator[Row]:
    generation = plan.generation
    left = {artifact.path: left_by(artifact) for artifact in generation.artifacts}
    left.update(plan.kept)
    for path, file in left.items():
        secret = "1" if file.secret else "0"
        mode = f"{file.mode:04o}"
        yield ("managed", "file", path, file.sha256, file.owner, file.group, mode, secret)
    for account in generation.accounts:
        if not account.system:
            yield ("managed", "account", account.name)
    for unit in generation.units:
        yield ("managed", "unit", unit.name)


def _store_rows(generation: Generation, contents: list[bytes]) -> Iterator[Row]:
    """Yield the configuration's files. No secret is kept twice, and no user's data."""
    for artifact in generation.in_plane(Plane.CONFIGURATION):
        if not artifact.secret:
            contents.append(artifact.content)
            yield ("store", artifact.path, str(len(contents) - 1))


def _action_rows(plan: Plan, contents: list[bytes]) -> list[Row]:
    rows: list[Row] = []
    acts: list[Row] = []
    prepared = False
    for change in plan.transaction:
        if change.kind in {"secret", "file", "unit"} and not prepared:
            acts.append(("act", "prepare"))
            prepared = True
        rows += _declaration_rows(plan.generation, change, contents)
        acts += _step_rows(plan.generation, change, contents)
    return rows + acts


def _declaration_rows(
    generation: Generation, change: Change, contents: list[bytes]
) -> Iterator[Row]:
    """Yield what the check has to know before anything is done."""
    if change.kind == "secret" and change.action is Action.CREATE:
        recipe = _named(generation.recipes, "path", change.name)
        yield ("recipe", recipe.kind, recipe.path, recipe.subject)
    elif change.kind == "file" and change.action is Action.REMOVE:
        yield ("remove", change.name)
    elif change.kind == "file":
        artifact = _named(generation.artifacts, "path", change.name)
        contents.append(artifact.content)
        number = str(len(contents) - 1)
        mode = f"{artifact.mode:04o}"
        yield ("stage", artifact.path, number, artifact.owner, artifact.group, mode)


def _step_rows(generation: Generation, change: Change, contents: list[bytes]) -> Iterator[Row]:
    match change.kind:
        case "group":
            group = _named(generation.groups, "name", change.name)
            yield ("act", "group", group.name, "system" if group.system else "regular")
        case "account":
            yield _account_row(generation, change)
        case "password":
            account = _named(generation.accounts, "name", change.name)
            contents.append(f"{account.name}:{password_text(account)}\n".encode())
            yield ("act", "password", account.name, str(len(contents) - 1))
        case "directory":
            entry = _named(generation.directories, "path", change.name)
            yield ("act", "directory", entry.path, entry.owner, entry.group, f"{entry.mode:04o}")
        case "secret":
            yield _recipe_row(_named(generation.recipes, "path", change.name), change)
        case "file":
            yield ("act", "remove" if change.action is Action.REMOVE else "activate", change.name)
        case "unit":
            yield from _unit_rows(generation, change)
        case "record":
            yield ("act", "record", generation.id)


def _account_row(generation: Generation, change: Change) -> Row:
    if change.action is Action.LOCK:
        return ("act", "lock", change.name)
    account = _named(generation.accounts, "name", change.name)
    kind = "system" if account.system else "person"
    return ("act", "account", account.name, account.group, account.home, account.shell, kind)


def _recipe_row(recipe: Recipe, change: Change) -> Row:
    if change.action is Action.CREATE:
        return ("act", "recipe", recipe.kind, recipe.path, recipe.subject)
    return ("act", "access", recipe.path, recipe.owner, recipe.group, f"{recipe.mode:04o}")


def _unit_rows(generation: Generation, change: Change) -> Iterator[Row]:
    if change.action is Action.RETIRE:
        yield ("act", "retire", change.name)
        return
    unit = _named(generation.units, "name", change.name)
    yield ("act", change.action.value, unit.name, unit.running)
    if unit.daemon == "unbound" and change.action is not Action.ENABLE:
        yield ("act", "await_resolver")


def _named(items: tuple[Item, ...], attribute: str, name: str) -> Item:
    return next(item for item in items if getattr(item, attribute) == name)

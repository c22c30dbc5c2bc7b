"""What the observing program is asked to look at, as rows on its standard input."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Flag, auto

from provisioner.facts.host import Introduction
from provisioner.plan.generation import Generation
from provisioner.plan.links import links_of
from provisioner.plan.store import store_rows
from provisioner.remote.protocol import Asked, rows_text
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.rooms.registry import room

Row = tuple[str, ...]

QUEUE_SHOWN = 20
"""How many of a queue's messages a status shows, the oldest ones."""

CERTIFICATE = "certificate"
"""Beside the daemons: whether key and certificate belong together."""


class Also(Flag):
    """What is observed beyond what a plan compares.

    CHECKERS: what the daemons' checkers say, which takes most of a second. SERVICE: sockets,
    those between daemons too, whether mail can be stored, and the secret of the account that
    `verify` uses. STATUS: the queue, the disk, the clock, sockets between daemons.
    """

    NOTHING = 0
    CHECKERS = auto()
    SERVICE = auto()
    STATUS = auto()


def observation_rows(
    generation: Generation,
    introduction: Introduction,
    also: Also = Also.NOTHING,
) -> bytes:
    """Return the manifest of everything the plan compares, and of what else is asked for."""
    rows = [*_resource_rows(generation, introduction)]
    if Also.CHECKERS in also:
        rows += _checker_rows(generation)
    if Also.SERVICE in also:
        rows += [(Asked.SOCKETS, "all"), (Asked.SECRET, "probe")]
        rows += [(Asked.STORE, *row) for row in store_rows(generation)]
    if also & (Also.SERVICE | Also.STATUS):
        rows += [(Asked.LINK, link.path, link.account) for link in links_of(generation)]
    if Also.STATUS in also:
        rows += _status_rows(generation)
    return rows_text(rows)


def _resource_rows(generation: Generation, introduction: Introduction) -> Iterator[Row]:
    for package in generation.packages:
        yield (Asked.PACKAGE, package)
    yield from _file_rows(generation, introduction)
    yield from _account_rows(generation, introduction)
    for group in generation.groups:
        yield (Asked.GROUP, group.name)
    for unit in generation.units:
        yield (Asked.UNIT, unit.name)
        if unit.running != unit.name:
            yield (Asked.UNIT, unit.running)
        for name in generation.platform.daemons[unit.daemon].replaces:
            yield (Asked.UNIT, name)
        yield (Asked.RUNS, unit.running)
    for transport, port in sorted({(one.transport, one.port) for one in generation.listeners}):
        yield (Asked.PORT, transport, f"{port:04X}")
    for recipe in generation.recipes:
        yield (Asked.RECIPE, recipe.kind, recipe.path, recipe.subject)
        yield (Asked.FILE, recipe.path, "-", "1", "-")
    if generation.certificate_path:
        yield (Asked.CERTIFICATE, generation.certificate_path)


def _account_rows(generation: Generation, introduction: Introduction) -> Iterator[Row]:
    """Yield the accounts, and those whose passwords are compared: a daemon's has none."""
    names = {account.name for account in generation.accounts}
    for name in sorted(names | introduction.managed_accounts):
        yield (Asked.ACCOUNT, name)
    people = {account.name for account in generation.accounts if not account.system}
    for name in sorted(people | introduction.managed_accounts):
        yield (Asked.SHADOW, name)


def _file_rows(generation: Generation, introduction: Introduction) -> Iterator[Row]:
    """Yield path, wanted digest, secrecy and the digest that was left; `-` where there is none.

    Of a table in shards, path, wanted digest and the type of Postfix's lookup tables.
    """
    left = introduction.left
    wanted = {artifact.path: artifact for artifact in generation.artifacts}
    for path, artifact in wanted.items():
        if isinstance(artifact, ShardedTable):
            yield (Asked.TABLE, path, artifact.sha256, artifact.maps)
            continue
        before = left[path].sha256 if path in left else "-"
        yield (Asked.FILE, path, artifact.sha256, "1" if artifact.secret else "0", before)
    recipes = {recipe.path for recipe in generation.recipes}
    for path, file in left.items():
        if path == TABLE_PATH and path not in wanted:
            yield (Asked.TABLE, path, "-", "-")
        elif path not in wanted and path not in recipes:
            yield (Asked.FILE, path, "-", "1" if file.secret else "0", file.sha256)
    for folder in generation.folders:
        yield (Asked.FILE, folder.path, "-", "1", "-")


def checkers_of(generation: Generation) -> tuple[str, ...]:
    """Return whose checkers a host has: its daemons', and that of the certificate."""
    own = tuple(unit.daemon for unit in generation.units)
    return (*own, CERTIFICATE) if generation.certificate_path else own


def _checker_rows(generation: Generation) -> Iterator[Row]:
    yield from ((Asked.CHECK, name) for name in checkers_of(generation))


def _status_rows(generation: Generation) -> Iterator[Row]:
    yield (Asked.STATUS, "clock")
    yield (Asked.STATUS, "units")
    if generation.mail_root:
        yield (Asked.STATUS, "disk", generation.mail_root)
    if any(room(unit.daemon).has_queue for unit in generation.units):
        yield (Asked.STATUS, "queue", str(QUEUE_SHOWN))

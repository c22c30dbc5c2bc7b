"""What the observing program is asked to look at, as rows on its standard input."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Flag, auto

from provisioner.facts.host import Introduction
from provisioner.plan.generation import Generation
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.remote.protocol import Asked, rows_text
from provisioner.resources.kind import Row
from provisioner.resources.registry import kinds
from provisioner.rooms.registry import room

QUEUE_SHOWN = 20
"""How many of a queue's messages a status shows, the oldest ones."""

CERTIFICATE = "certificate"
"""Beside the daemons: whether key and certificate belong together."""

HOMES_TRIED = 5
"""System accounts whose homes are tried: each takes processes of its own, and homes share disks."""


_OF_SERVICES = frozenset({Asked.UNIT, Asked.RUNS, Asked.CERTIFICATE})
"""Of what a plan compares, what a proof by the services needs too."""


class Look(Flag):
    """What of a host is observed.

    COMPARED: what a plan compares. CHECKERS: what the daemons' checkers say, which takes most of a
    second. SERVICE: what questions to the services need: units, the certificate, sockets, those
    between daemons too, whether mail can be stored, and the secret of the account that `verify`
    uses. STATUS: the queue, the disk, the clock, sockets between daemons.
    """

    COMPARED = auto()
    CHECKERS = auto()
    SERVICE = auto()
    STATUS = auto()


def observation_rows(
    generation: Generation,
    introduction: Introduction,
    look: Look = Look.COMPARED,
) -> bytes:
    """Return the manifest of everything that is looked at."""
    rows = [*_resource_rows(generation, introduction)]
    if Look.COMPARED not in look:
        rows = [row for row in rows if row[0] in _OF_SERVICES]
    if Look.CHECKERS in look:
        rows += _checker_rows(generation)
    if Look.SERVICE in look:
        rows += [(Asked.SOCKETS, "all"), (Asked.SECRET, "probe")]
        rows += [(Asked.STORE, *row) for row in store_rows(generation)]
    if look & (Look.SERVICE | Look.STATUS):
        sockets = unix_sockets_of(generation)
        rows += [(Asked.LINK, socket.path, socket.account) for socket in sockets]
    if Look.STATUS in look:
        rows += _status_rows(generation)
    return rows_text(rows)


def people_tried(generation: Generation) -> tuple[tuple[str, str], ...]:
    """Return name and home of the system accounts whose homes are tried."""
    people = (one for one in generation.accounts if not one.system)
    return tuple((one.name, one.home) for one, _ in zip(people, range(HOMES_TRIED), strict=False))


def _resource_rows(generation: Generation, introduction: Introduction) -> Iterator[Row]:
    for kind in kinds():
        yield from kind.asked(generation, introduction)
    for transport, port in sorted({(one.transport, one.port) for one in generation.listeners}):
        yield (Asked.PORT, transport, f"{port:04X}")


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


def store_rows(generation: Generation) -> Iterator[Row]:
    """Yield where mail lies: folder, account, unit, and whether the folders in it count too.

    unit: the one that opens mailboxes.
    """
    unit = next((one.running for one in generation.units if room(one.daemon).stores_mail), None)
    if unit is None or generation.mail_root is None:
        return
    for folder in generation.folders:
        if folder.path == generation.mail_root:
            yield (folder.path, folder.owner, unit, "within")
    for account in people_tried(generation):
        yield (account[1], account[0], unit, "alone")

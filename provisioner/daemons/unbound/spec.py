"""Unbound: the site's resolver."""

from __future__ import annotations

from provisioner.model.topology import LinkService
from provisioner.rooms.room import Room

ROOM = Room(
    "unbound",
    "Unbound",
    offers=frozenset({LinkService.RESOLVING}),
    checks=("unbound-checkconf",),
    is_resolver=True,
)

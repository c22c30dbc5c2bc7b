"""Unbound: the site's resolver."""

from __future__ import annotations

from provisioner.model.site import Role
from provisioner.rooms.room import Room

ROOM = Room(
    "unbound",
    "Unbound",
    roles=frozenset({Role.DNS}),
    checks=("unbound-checkconf",),
    is_resolver=True,
)

"""echod: it answers a line with a word, and is nobody's but this test's."""

from __future__ import annotations

from provisioner.model.site import Role
from provisioner.rooms.room import Room

ROOM = Room("echod", "Echod", roles=frozenset({Role.MX}), checks=("echod -c",), process="perl")

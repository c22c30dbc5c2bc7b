"""ticker: it does nothing but be there, and has a timer; it is nobody's but a test's."""

from __future__ import annotations

from provisioner.model.site import Role
from provisioner.rooms.room import Room

ROOM = Room("ticker", "Ticker", frozenset({Role.MX}), process="sleep")

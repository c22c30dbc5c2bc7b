"""The sockets between a host's daemons: where they have to be."""

from __future__ import annotations

from provisioner.plan.generation import Generation
from provisioner.probes.links import Link
from provisioner.rooms.registry import reaches_among, room


def links_of(generation: Generation) -> tuple[Link, ...]:
    """Return the sockets that a host's daemons open for each other."""
    daemons = [unit.daemon for unit in generation.units]
    reaches = reaches_among(daemons, generation.platform)
    rooms = map(room, daemons)
    return tuple(
        link for one in rooms for link in one.behaviour.sockets(generation.platform, reaches)
    )

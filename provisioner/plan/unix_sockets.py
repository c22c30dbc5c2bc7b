"""The Unix sockets of a host's daemons: where they have to be."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.services import SERVICES
from provisioner.model.topology import Unix, own_links
from provisioner.plan.generation import Generation
from provisioner.probes.unix_sockets import UnixSocket
from provisioner.rooms.registry import room, server_of, wants_of


def unix_sockets_of(generation: Generation) -> tuple[UnixSocket, ...]:
    """Return the sockets that a host's daemons open for each other, and for their tools."""
    daemons = [unit.daemon for unit in generation.units]
    for_tools = (
        socket
        for daemon in daemons
        for socket in room(daemon).behaviour.sockets(generation.platform)
    )
    return (*for_tools, *_between(generation, daemons))


def _between(generation: Generation, daemons: list[str]) -> Iterator[UnixSocket]:
    # A record names no roles. The ports that it names are each of one.
    roles = {one.role for one in SERVICES if one.port in generation.ports}
    for link in own_links(generation.host, roles, wants_of(daemons, generation.platform)):
        if isinstance(link.way, Unix):
            server = server_of(link.service).name
            yield UnixSocket(link.way.path, server, link.client, link.way.account)

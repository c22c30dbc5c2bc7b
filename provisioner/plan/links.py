"""The sockets between a host's daemons: where they have to be."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.plan.generation import Generation
from provisioner.probes.links import Link


def links_of(generation: Generation) -> tuple[Link, ...]:
    """Return the sockets that a host's daemons open for each other."""
    return tuple(_links(generation))


def _links(generation: Generation) -> Iterator[Link]:
    daemons = {unit.daemon for unit in generation.units}
    platform = generation.platform
    if "unbound" in daemons:
        yield Link(platform.unbound.control, "unbound", "unbound-control", "root")
    if {"postfix", "dovecot"} <= daemons:
        queue = platform.postfix.queue_directory
        for name in ("auth", "dovecot-lmtp"):
            yield Link(f"{queue}/private/{name}", "dovecot", "postfix", "postfix")

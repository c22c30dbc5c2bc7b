"""The sockets between a host's daemons: where they are, and what the host says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from provisioner.plan.generation import Generation
from provisioner.probes.links import Link, LinkState


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


def parse_links(lines: Iterable[str]) -> Mapping[str, LinkState]:
    """Return the sockets by path from rows of path, stat(1)'s words and three answers."""
    states = {}
    for path, kind, owner, group, mode, *answers in (line.split("\t") for line in lines):
        listening, usable, exposed = (answer == "yes" for answer in answers)
        states[path] = LinkState(kind, owner, group, mode, listening, usable, exposed)
    return states

"""The sockets between a host's daemons: where they are, and what the host says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from provisioner.plan.answer import each, fields
from provisioner.plan.generation import Generation
from provisioner.probes.links import Link, LinkState

_ANSWERS = {"yes": True, "no": False}


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
    return dict(each("links", lines, _link_state))


def _link_state(row: str) -> tuple[str, LinkState]:
    path, kind, owner, group, mode, *answers = fields(row, 8)
    listening, usable, exposed = (_ANSWERS[answer] for answer in answers)
    return path, LinkState(kind, owner, group, mode, listening, usable, exposed)

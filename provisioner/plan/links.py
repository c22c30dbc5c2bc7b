"""The sockets between a host's daemons: where they are, and what the host says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from provisioner.plan.answer import each, fields
from provisioner.plan.generation import Generation
from provisioner.probes.links import Link, LinkState

_FIELDS = {"is": 6, "takes": 2, "opens": 3}


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
    """Return the sockets by path, from rows that begin with a word: `is`, `takes`, `opens`."""
    rows = list(each("links", lines, _row))
    takes = {row[1] for row in rows if row[0] == "takes"}
    opens = [(path, account) for word, path, account in _of(rows, "opens")]
    return {
        path: LinkState(
            kind,
            owner,
            group,
            mode,
            listening=path in takes,
            open_to=frozenset(account for opened, account in opens if opened == path),
        )
        for _, path, kind, owner, group, mode in _of(rows, "is")
    }


def _row(line: str) -> list[str]:
    word = line.partition("\t")[0]
    return fields(line, _FIELDS[word])


def _of(rows: Iterable[list[str]], word: str) -> list[list[str]]:
    return [row for row in rows if row[0] == word]

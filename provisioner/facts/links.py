"""The sockets between a host's daemons, as the host has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.probes.links import LinkState
from provisioner.remote.protocol import Section, each, fields

_FIELDS = {"is": 6, "takes": 2, "opens": 3}


def parse_links(lines: Iterable[str]) -> Mapping[str, LinkState]:
    """Return the sockets by path, from rows that begin with a word: `is`, `takes`, `opens`."""
    rows = list(each(Section.LINKS, lines, _row))
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

"""A table too large to be sent whole: its rows in many small files, and digests of them.

A row lies in the shard that the MD5 of its key names, so that a change touches few shards
and each stays small. The digests of the shards tell which differ, and the digest of those
digests whether any does.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

SHARD_DIGITS = 3
"""Hexadecimal digits of a shard's name: 4,096 shards, 25 KiB each for a million users."""

SHORT_DIGEST = 16
"""Hexadecimal digits by which shards are compared; the root says whether that was enough."""

Shards = Mapping[str, bytes]


class TableRow(NamedTuple):
    """A row. table: which of several lookup tables it is for. None holds a tab or a newline."""

    table: str
    key: str
    value: str


def shard_of(key: str) -> str:
    """Return the name of the shard that holds a key's rows."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:SHARD_DIGITS]


def shard_rows(rows: Iterable[TableRow]) -> Shards:
    """Return the content of every shard that has rows: lines in the order of their bytes.

    A line is table, key and value, tabbed.
    """
    lines: defaultdict[str, list[bytes]] = defaultdict(list)
    # A user has a row in each of several tables, all of them under one key.
    known: dict[str, str] = {}
    for row in rows:
        shard = known.get(row.key)
        if shard is None:
            shard = known[row.key] = shard_of(row.key)
        lines[shard].append(("\t".join(row) + "\n").encode())
    return {name: b"".join(sorted(some)) for name, some in sorted(lines.items())}


def shard_digests(shards: Shards) -> dict[str, str]:
    """Return the SHA-256 of each shard, hexadecimal."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in shards.items()}


def root_digest(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 of the list of digests, as sha256sum(1) prints it in name order."""
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def diff_shards(wanted: Shards, there: Mapping[str, str]) -> Shards:
    """Return what makes a host's shards the wanted ones: new contents, empty for one that goes.

    there: the beginnings of the digests that the host has.
    """
    digests = shard_digests(wanted)
    changed = {
        name: content
        for name, content in wanted.items()
        if there.get(name, "") != digests[name][:SHORT_DIGEST]
    }
    gone = {name: b"" for name in there if name not in wanted}
    return dict(sorted({**changed, **gone}.items()))

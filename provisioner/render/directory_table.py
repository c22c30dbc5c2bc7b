"""The directory of a large site: one table in shards, from which the daemons' tables are made.

A small site has text files, which whoever runs it can read, and which every process of
Postfix and Dovecot's auth read whole. That is what a large one cannot afford. There the
text is the shards of one table; the host makes of them what the daemons look single keys
up in, and changes there what a change of the shards changes (remote/core/tables.sh).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from provisioner.directory.inline import directory_of
from provisioner.model.mailboxes import USERS_IN_TEXT
from provisioner.model.site import AccountKind, Site
from provisioner.platforms.record import Platform, TableType
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.shards import Shards, TableRow, root_digest, shard_digests, shard_rows

TABLE_PATH = "/var/lib/mailprov-directory"
"""Where the table lies: not below /etc, which is copied for every check, nor in the state,
which no daemon may enter."""


@dataclass(frozen=True)
class ShardedTable(Artifact):
    """A table in shards; path is the folder, and the digest that of the shards' digests.

    maps: the type of the lookup tables that Postfix has of it.
    """

    shards: Shards = field(default_factory=dict, repr=False, hash=False)
    maps: TableType = "lmdb"

    @cached_property
    def sha256(self) -> str:
        """The root of the shards' digests."""
        return root_digest(shard_digests(self.shards))


def has_tables(site: Site) -> bool:
    """Tell whether the site's directory is a table; users of the system are in its own files."""
    many = len(directory_of(site).users) > USERS_IN_TEXT
    return many and site.accounts.kind is AccountKind.VIRTUAL


def render_directory_table(platform: Platform, rows: Iterable[TableRow]) -> ShardedTable:
    """Return the site's directory as one table.

    rows: of every daemon's tables.
    """
    return ShardedTable(
        TABLE_PATH,
        b"",
        mode=0o755,  # the daemons pass through; the shards are root's alone
        secret=True,
        plane=Plane.DIRECTORY,
        rank=10,
        shards=shard_rows(rows),
        maps=platform.table_type,
    )

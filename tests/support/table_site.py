"""A site whose directory is a table, on a host that is nothing but a disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from provisioner.plan.generation import Generation, user_files
from provisioner.platforms.record import TableType
from provisioner.render.artifact import Plane
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.render.shards import TableRow, shard_rows
from support.crash_site import generation
from support.forgetful_host import ForgetfulHost

POSTMAP = Path(__file__).parent / "forgetful/postmap_table.sh"
# As mailprov-recover.service has it.
RECOVER_AT_BOOT = f"""
if [ -d /var/lib/mailprov/pending ] || [ -e {TABLE_PATH}/users.sqlite-journal ]; then
    sh /var/lib/mailprov/recover boot
fi"""
_READ = """
cd "$0" || exit 0
for name in users mailboxes; do
    sqlite3 -separator "$(printf '\\t')" users.sqlite "SELECT '$name', name, value FROM $name"
done
for name in recipients aliases senders; do sed "s/^/$name\\t/" "$name".[cl]*db; done"""


def rows_of(people: Iterable[str], hashed: str = "{X}one") -> list[TableRow]:
    """Return the rows of a site with these people."""
    rows = []
    for name in people:
        rows += [
            TableRow("users", name, hashed),
            TableRow("mailboxes", name, f"/srv/vmail/{name}"),
            TableRow("recipients", name, "mailbox"),
            TableRow("senders", name, name),
            TableRow("aliases", f"{name}-alias", f"{name}, somebody@else.example"),
        ]
    return rows


def table_of(
    people: Iterable[str], hashed: str = "{X}one", maps: TableType = "lmdb"
) -> ShardedTable:
    """Return the directory of these people."""
    return ShardedTable(
        TABLE_PATH,
        b"",
        mode=0o755,
        secret=True,
        plane=Plane.DIRECTORY,
        rank=10,
        shards=shard_rows(rows_of(people, hashed)),
        maps=maps,
    )


def large(letter: str, table: ShardedTable) -> Generation:
    """Return a configuration that has its users in a table, in place of text files."""
    plain = generation(letter, 0)
    artifacts = (table, *plain.in_plane(Plane.CONFIGURATION))
    return replace(plain, artifacts=artifacts, user_files=user_files([TABLE_PATH]))


def host_for_tables(folder: Path) -> ForgetfulHost:
    """Make a host that has what the daemons' packages bring to it."""
    host = ForgetfulHost.create(folder)
    host.add_program("postmap", POSTMAP.read_text())
    host.shell("printf 'dovecot:x:109:\\npostfix:x:110:\\n' >>/etc/group")
    return host


def derived_rows(host: ForgetfulHost) -> list[str]:
    """Return what the daemons would find in their tables."""
    return sorted(host.shell(_READ.replace('"$0"', TABLE_PATH)).splitlines())

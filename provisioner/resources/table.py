"""A directory as a table in shards: what a host tells of one, and what is sent of it.

It is left, shown, undone and removed as a file is (file.py): here is what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from provisioner.remote.protocol import Answer, Asked, Section, Staged, fields, whole
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.render.shards import Shards, diff_shards
from provisioner.resources.change import Action, Change
from provisioner.resources.file import FileKind, FilesKnown, WithFiles, diff_file
from provisioner.resources.file_state import FilesSeen, FileState, LeftFiles, TableFlaw, TableState
from provisioner.resources.kind import Due, Packing, Row, Turn


def read_tables(told: Answer) -> Mapping[str, FileState]:
    """Return the tables of a host by path; MalformedError for another form."""
    return {
        path: whole(f"{name} {path}", body, _table_state)
        for name, path, body in told.every(Section.TABLE)
    }


def _table_state(rows: Iterable[str]) -> FileState:
    rows = list(rows)
    facts = {key: text for key, tab, text in (row.partition("\t") for row in rows) if tab}
    owner, group, mode = fields(facts["access"], 3)
    flaw = TableFlaw(facts["flaw"]) if "flaw" in facts else None
    digests = dict(row.split(" ") for row in rows if "\t" not in row)
    table = TableState(digests, tuple(facts.get("edited", "").split()), flaw)
    return FileState("table", owner, group, int(mode, 8), facts["root"], table=table)


def changed_shards(table: ShardedTable, state: FileState | None) -> Shards:
    """Return the shards to send, empty ones for those that go. state: None where all are missing.

    A host tells of its shards only where its table differs.
    """
    if state is None or state.table is None:
        return table.shards
    return {} if state.sha256 == table.sha256 else diff_shards(table.shards, state.table.digests)


def changed_tables(wanted: WithFiles, facts: FilesSeen) -> dict[str, Shards]:
    """Return the shards to send of each table, by its path."""
    return {
        artifact.path: changed_shards(artifact, facts.files.get(artifact.path))
        for artifact in tables_of(wanted)
    }


def tables_of(wanted: WithFiles) -> Iterator[ShardedTable]:
    """Yield the tables among the files."""
    return (one for one in wanted.artifacts if isinstance(one, ShardedTable))


class TableKind(FileKind):
    """A table is changed shard by shard, at once; no daemon is told."""

    name = "table"
    turn = Turn.USERS

    def asked(self, wanted: WithFiles, introduction: LeftFiles) -> Iterator[Row]:
        """Ask for each by its digest, and the type of Postfix's lookup tables.

        Of one that was left and is not wanted any more there is neither.
        """
        tables = tuple(tables_of(wanted))
        for table in tables:
            yield (Asked.TABLE, table.path, table.sha256, table.maps)
        if TABLE_PATH in introduction.left and not any(one.path == TABLE_PATH for one in tables):
            yield (Asked.TABLE, TABLE_PATH, "-", "-")

    def changes(self, wanted: WithFiles, facts: FilesKnown) -> Iterator[Due]:
        """Yield those that are missing, or of which shards differ."""
        for position, table in enumerate(wanted.artifacts):
            if isinstance(table, ShardedTable):
                state = facts.files.get(table.path)
                differs = state is not None and state.sha256 != table.sha256
                note = f" ({len(changed_shards(table, state))} of its shards)" if differs else ""
                for change in diff_file(table, state, note):
                    yield Due(change, self.turn, (position,))

    def has(self, change: Change, wanted: WithFiles) -> bool:
        """Tell whether a table is made or changed; it is removed as a file is."""
        if change.kind not in self.words or change.action is Action.REMOVE:
            return False
        return any(table.path == change.name for table in tables_of(wanted))

    def declared(self, change: Change, packing: Packing[WithFiles]) -> Iterator[Row]:
        """Yield its path."""
        del packing
        yield (Staged.TABLE, change.name)

    def steps(self, change: Change, packing: Packing[WithFiles]) -> Iterator[Row]:
        """Yield the one that changes shards."""
        table = next(one for one in tables_of(packing.wanted) if one.path == change.name)
        number = packing.put(packing.shards[table.path])
        yield ("table", table.path, table.sha256, number, table.maps)


KIND = TableKind()

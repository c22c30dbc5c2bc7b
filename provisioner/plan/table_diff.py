"""Which shards of a table a host does not have as they should be."""

from __future__ import annotations

from provisioner.facts.host import Facts, FileState
from provisioner.plan.generation import Generation
from provisioner.render.directory_table import ShardedTable
from provisioner.render.shards import Shards, diff_shards


def changed_shards(table: ShardedTable, state: FileState | None) -> Shards:
    """Return the shards to send, empty ones for those that go. state: None where all are missing.

    A host tells of its shards only where its table differs.
    """
    if state is None or state.table is None:
        return table.shards
    return {} if state.sha256 == table.sha256 else diff_shards(table.shards, state.table.digests)


def changed_tables(generation: Generation, facts: Facts) -> dict[str, Shards]:
    """Return the shards to send of each table, by its path."""
    return {
        artifact.path: changed_shards(artifact, facts.files.get(artifact.path))
        for artifact in generation.artifacts
        if isinstance(artifact, ShardedTable)
    }

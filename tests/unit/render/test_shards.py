"""A table in shards: every row in just one, and digests that tell what differs."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from provisioner.render.shards import (
    SHARD_DIGITS,
    SHORT_DIGEST,
    Shards,
    TableRow,
    diff_shards,
    root_digest,
    shard_digests,
    shard_of,
    shard_rows,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
rows = st.builds(TableRow, st.sampled_from(["users", "mailboxes", "aliases"]), texts, texts)
tables = st.lists(rows, unique_by=lambda row: (row.table, row.key), max_size=30)


def told(shards: Shards) -> dict[str, str]:
    """Return what a host that has these shards tells of them."""
    return {name: digest[:SHORT_DIGEST] for name, digest in shard_digests(shards).items()}


def applied(shards: Shards, changed: Shards) -> dict[str, bytes]:
    """Return what a host makes of its shards."""
    return {name: content for name, content in {**shards, **changed}.items() if content}


@given(tables)
def test_every_row_is_in_the_one_shard_of_its_key_and_nothing_else_is(
    table: list[TableRow],
) -> None:
    shards = shard_rows(table)
    got = [
        (name, line) for name, content in shards.items() for line in content.decode().split("\n")
    ]
    want = [(shard_of(row.key), "\t".join(row)) for row in table]
    assert sorted(pair for pair in got if pair[1]) == sorted(want)
    assert all(content.endswith(b"\n") for content in shards.values())


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table: list[TableRow], chance: random.Random) -> None:
    mixed = list(table)
    chance.shuffle(mixed)
    assert shard_rows(mixed) == shard_rows(table)


@given(tables, tables)
def test_what_differs_makes_the_old_table_the_new_one(
    old: list[TableRow], new: list[TableRow]
) -> None:
    before, after = shard_rows(old), shard_rows(new)
    changed = diff_shards(after, told(before))
    assert applied(before, changed) == after
    same = {name for name, content in after.items() if before.get(name) == content}
    assert not changed.keys() & same
    assert diff_shards(after, told(after)) == {}


@given(tables, tables)
def test_two_tables_have_one_digest_just_where_their_rows_are_the_same(
    one: list[TableRow], other: list[TableRow]
) -> None:
    first, second = (root_digest(shard_digests(shard_rows(table))) for table in (one, other))
    assert (first == second) == (set(one) == set(other))


def test_a_new_row_changes_one_shard() -> None:
    table = [TableRow("users", f"user{n}@example.org", "x") for n in range(1000)]
    before = shard_rows(table)
    after = shard_rows([*table, TableRow("users", "new@example.org", "x")])
    assert list(diff_shards(after, told(before))) == [shard_of("new@example.org")]


def test_all_rows_of_one_key_are_in_one_shard() -> None:
    names = ("users", "mailboxes", "recipients", "senders")
    assert len(shard_rows(TableRow(name, "alice@example.org", "x") for name in names)) == 1


def test_the_root_is_what_sha256sum_says_of_its_own_list(tmp_path: Path) -> None:
    shards = shard_rows(TableRow("users", f"user{n}", "x") for n in range(50))
    for name, content in shards.items():
        assert len(name) == SHARD_DIGITS
        (tmp_path / name).write_bytes(content)
    listed = subprocess.run(
        ["sha256sum", *sorted(shards)], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert root_digest(shard_digests(shards)) == hashlib.sha256(listed).hexdigest()

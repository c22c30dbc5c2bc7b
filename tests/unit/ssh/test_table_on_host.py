"""How a host changes a directory in shards: by key, in an order that bounces no mail."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.table_site import POSTMAP, rows_of
from unit.ssh.test_state_on_host import run_parts

from provisioner.render.shards import (
    SHORT_DIGEST,
    Shards,
    diff_shards,
    root_digest,
    shard_digests,
    shard_rows,
)

pytestmark = pytest.mark.skipif(not shutil.which("sqlite3"), reason="sqlite3 is missing")

PARTS = ("sessions", "tables", "table_rows", "table_change")
# What is asked of Postfix, with who had a mailbox at that moment; who reads it, and owns it.
PLAYED = """
stage={folder}
postmap() {{
    boxes=$(sqlite3 {table}/users.sqlite 'SELECT name FROM mailboxes' 2>&1 | paste -s -d ' ' -)
    echo "$* : $boxes" >>{folder}/log
    sh {postmap} "$@"
}}
chown() {{ :; }}
sync() {{ :; }}
systemctl() {{ echo "$*" >>{folder}/log; }}
doveadm() {{ echo "doveadm $*" >>{folder}/log; }}
"""
BEFORE = shard_rows(rows_of(["alice", "bob"]))
AFTER = shard_rows(rows_of(["alice", "carol"], "{X}two"))


def script(folder: Path, step: str) -> list[str]:
    """Run a step with the table's functions; return what was asked of the daemons."""
    (folder / "log").write_text("")
    played = PLAYED.format(folder=folder, table=folder / "table", postmap=POSTMAP)
    run_parts(folder, played + step, *PARTS)
    return (folder / "log").read_text().splitlines()


def lay(folder: Path, shards: Shards) -> str:
    """Lay shards where a transaction unpacks them; return the folder's name."""
    where = folder / "changed"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    for name, content in shards.items():
        (where / name).write_bytes(content)
    return str(where)


def change(folder: Path, before: Shards, after: Shards, more: str = "") -> list[str]:
    told = {name: one[:SHORT_DIGEST] for name, one in shard_digests(before).items()}
    changed = lay(folder, diff_shards(after, told))
    root = root_digest(shard_digests(after))
    return script(folder, f"{more}\nchange_table {folder}/table {changed} {root}")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a folder with `table`, of alice and bob."""
    changed = lay(tmp_path, BEFORE)
    root = root_digest(shard_digests(BEFORE))
    script(tmp_path, f"create_table {tmp_path}/table {changed} {root}")
    return tmp_path


def in_database(folder: Path, kind: str) -> dict[str, str]:
    with sqlite3.connect(folder / "table/users.sqlite") as database:
        rows = database.execute(f"SELECT name, value FROM {kind}").fetchall()  # noqa: S608 the test's own word
    database.close()
    return dict(rows)


def test_who_comes_has_a_mailbox_before_postfix_knows_and_who_goes_as_long_as_it_does(
    table: Path,
) -> None:
    log = change(table, BEFORE, AFTER)
    recipients = [row for row in log if "/recipients" in row and not row.startswith("-q")]
    assert [row.partition(" lmdb:")[0] for row in recipients] == ["-i -r", "-d -"]
    assert [row.partition(" : ")[2] for row in recipients] == ["alice bob carol"] * 2
    assert set(in_database(table, "mailboxes")) == {"alice", "carol"}
    assert in_database(table, "users") == {"alice": "{X}two", "carol": "{X}two"}
    assert not [row for row in log if "reload" in row]


def test_many_changes_are_made_anew_and_told_dovecot_first(table: Path) -> None:
    log = change(table, BEFORE, AFTER, "most_by_key=3\nis_read() { true; }")
    told = [row for row in log if "reload" in row or "doveadm" in row]
    assert told == ["reload dovecot.service", "doveadm user carol", "reload postfix.service"]
    # bob's mailbox outlived what Postfix had of him.
    assert set(in_database(table, "mailboxes")) == {"alice", "carol"}
    assert sum(row.startswith("lmdb:") for row in log) == 3


@pytest.mark.parametrize("odd", ["o'brien", "a;b--", "x`y", "%u", "\\n"])
def test_names_and_values_are_what_they_are(table: Path, odd: str) -> None:
    after = shard_rows(rows_of(["alice", odd], f"{{X}}{odd}'"))
    change(table, BEFORE, after)
    assert in_database(table, "users")[odd] == f"{{X}}{odd}'"
    script(table, f'[ "$(derived_rows {table}/table | sort)" = "$(all_rows {table}/table)" ]')


def test_a_change_that_broke_off_is_carried_out_before_the_next(table: Path) -> None:
    with pytest.raises(AssertionError):
        change(table, BEFORE, AFTER, "change_maps() { return 1; }")
    assert (table / "table/journal").is_dir()
    last = shard_rows(rows_of(["dave"]))
    log = change(table, AFTER, last)
    assert set(in_database(table, "mailboxes")) == {"dave"}
    assert sum("-i -r" in row and "/recipients" in row for row in log) == 2
    assert not (table / "table/journal").exists()


def test_a_write_that_was_cut_off_is_taken_back(table: Path) -> None:
    # As a power failure leaves it: pages on the disk, and the journal that takes them back.
    cut_off = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size=1")
database.execute("BEGIN IMMEDIATE")
for number in range(5000):
    database.execute("INSERT INTO users VALUES (?, 'x')", (f"stranger{number:06}" * 9,))
os._exit(0)
"""
    path = table / "table/users.sqlite"
    subprocess.run([sys.executable, "-c", cut_off, str(path)], check=True)
    assert path.with_name("users.sqlite-journal").exists()
    script(table, f"heal_table {table}/table")
    assert not path.with_name("users.sqlite-journal").exists()
    assert set(in_database(table, "users")) == {"alice", "bob"}


def test_nothing_is_read_where_the_seal_is_whole_and_all_where_it_is_not(table: Path) -> None:
    unreadable = "digests_in() { exit 1; }\n"
    script(table, f"{unreadable}digest_at {table}/table >{table}/said")
    assert (table / "said").read_text().strip() == root_digest(shard_digests(BEFORE))
    shard = next((table / "table/shards").iterdir())
    shard.write_bytes(shard.read_bytes())
    script(table, f"! is_sealed {table}/table && digest_at {table}/table >{table}/said")
    assert (table / "said").read_text().strip() == root_digest(shard_digests(BEFORE))


def test_a_row_that_postmap_passes_over_is_told(table: Path) -> None:
    deaf = f'postmap() {{ case $1 in -i) cat >/dev/null ;; *) sh {POSTMAP} "$@" ;; esac; }}'
    with pytest.raises(AssertionError, match="did not take what came"):
        change(table, BEFORE, AFTER, deaf)


def test_what_was_there_before_mailprov_is_put_back_by_taking_the_table_away(table: Path) -> None:
    zero = "zero=/nowhere\n"
    played = PLAYED.format(folder=table, table=table / "table", postmap=POSTMAP)
    run_parts(table, f"{played}{zero}put_back {table}/table", "tables", "found")
    assert not (table / "table").exists()

"""How a host changes a directory in shards: by key, in an order that bounces no mail."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.chance import some_of
from support.table_site import POSTMAP, rows_of
from unit.remote.test_state_on_host import run_parts

from provisioner.render.shards import (
    SHORT_DIGEST,
    Shards,
    diff_shards,
    root_digest,
    shard_digests,
    shard_of,
    shard_rows,
)

pytestmark = pytest.mark.skipif(not shutil.which("sqlite3"), reason="sqlite3 is missing")

PARTS = ("sessions", "tables", "table_rows", "table_build", "table_change")
# What is asked of Postfix, with who had a mailbox at that moment; who reads it, and owns it.
PLAYED = """
stage={folder}
lost={folder}/lost
postmap() {{
    boxes=$(sqlite3 {table}/users.sqlite 'SELECT name FROM mailboxes' 2>&1 | paste -s -d ' ' -)
    echo "$* : $boxes" >>{folder}/log
    PATH=/usr/bin:/bin sh {postmap} "$@"
}}
# As on a host without a main.cf, where the real one takes a second to say so.
postconf() {{ return 1; }}
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


def tell(folder: Path, step: str) -> str:
    script(folder, f"{{ {step}; }} >{folder}/said")
    return (folder / "said").read_text().strip()


def lay(folder: Path, shards: Shards) -> str:
    """Lay shards where a transaction unpacks them; return the folder's name."""
    where = folder / "changed"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    for name, content in shards.items():
        (where / name).write_bytes(content)
    return str(where)


def change(
    folder: Path, before: Shards, after: Shards, more: str = "", maps: str = "lmdb"
) -> list[str]:
    told = {name: one[:SHORT_DIGEST] for name, one in shard_digests(before).items()}
    changed = lay(folder, diff_shards(after, told))
    root = root_digest(shard_digests(after))
    return script(folder, f"{more}\nchange_table {folder}/table {changed} {root} {maps}")


def create(folder: Path, maps: str) -> Path:
    """Make `table` in the folder, of alice and bob."""
    changed = lay(folder, BEFORE)
    root = root_digest(shard_digests(BEFORE))
    script(folder, f"create_table {folder}/table {changed} {root} {maps}")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a folder with `table`, in which keys can be changed."""
    return create(tmp_path, "lmdb")


@pytest.fixture
def replaced(tmp_path: Path) -> Path:
    """Return a folder with `table`, whose lookup tables are made anew for each change."""
    return create(tmp_path, "cdb")


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
    script(table, f'[ "$(derived_rows {table}/table lmdb | sort)" = "$(all_rows {table}/table)" ]')


def test_where_keys_cannot_be_changed_tables_are_replaced_and_dovecots_is_not(
    replaced: Path,
) -> None:
    before = (replaced / "table/users.sqlite").stat().st_ino
    log = change(replaced, BEFORE, AFTER, "is_read() { true; }", maps="cdb")
    made = [row for row in log if row.startswith("cdb:") and "/recipients" in row]
    assert [row.partition(" : ")[2] for row in made] == ["alice bob carol"]
    assert [row for row in log if "reload" in row] == ["reload postfix.service"]
    assert (replaced / "table/users.sqlite").stat().st_ino == before
    assert is_whole(replaced, AFTER)
    passwords = shard_rows(rows_of(["alice", "carol"], "{X}three"))
    assert change(replaced, AFTER, passwords, "is_read() { true; }", maps="cdb") == []
    assert is_whole(replaced, passwords)


@pytest.mark.parametrize(("before", "after"), [("lmdb", "cdb"), ("cdb", "lmdb")])
def test_tables_of_the_release_before_give_way(tmp_path: Path, before: str, after: str) -> None:
    create(tmp_path, before)
    change(tmp_path, BEFORE, BEFORE, maps=after)
    assert {path.suffix for path in (tmp_path / "table").glob("recipients.*")} == {f".{after}"}
    assert is_whole(tmp_path, BEFORE)


def test_a_change_that_broke_off_is_carried_out_before_the_next(table: Path) -> None:
    with pytest.raises(AssertionError):
        change(table, BEFORE, AFTER, "change_maps() { exit 1; }")
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


def rows_there(folder: Path) -> set[str]:
    """Return all that the daemons' tables say, as rows of shards."""
    rows = {
        f"{kind}\t{name}\t{value}"
        for kind in ("users", "mailboxes")
        for name, value in in_database(folder, kind).items()
    }
    for name in ("recipients", "aliases", "senders"):
        (path,) = (folder / "table").glob(f"{name}.[cl]*db")
        text = path.read_text()
        rows |= {f"{name}\t{line}" for line in text.splitlines()}
    return rows


def is_whole(folder: Path, shards: Shards) -> bool:
    """Tell whether the table has these shards, the daemons' tables say it, and it is sealed."""
    assert not (folder / "table/journal").exists()
    assert is_sealed(folder)
    there = {path.name: path.read_bytes() for path in (folder / "table/shards").iterdir()}
    wanted = {line for content in shards.values() for line in content.decode().splitlines()}
    return there == dict(shards) and rows_there(folder) == wanted


@pytest.mark.parametrize("option", ["-i", "-d"])
def test_a_map_that_does_not_take_what_changes_is_made_anew(table: Path, option: str) -> None:
    deaf = f'postmap() {{ case $1 in {option}) cat >/dev/null ;; *) sh {POSTMAP} "$@" ;; esac; }}'
    change(table, BEFORE, AFTER, deaf)
    assert is_whole(table, AFTER)


def failing(folder: Path, program: str, at: int) -> str:
    """Put a program earlier on the PATH that fails at its n-th run; return the words for it."""
    place = folder / "earlier"
    place.mkdir(exist_ok=True)
    (place / program).write_text(
        f"#!/bin/sh\necho >>{place}/runs\n"
        f'[ $(wc -l <{place}/runs) -ne {at} ] || exit 1\nexec {shutil.which(program)} "$@"\n'
    )
    (place / program).chmod(0o755)
    (place / "runs").write_text("")
    return f"PATH={place}:$PATH\n"


@pytest.mark.parametrize(
    ("way", "program"), [("by-key", "sort"), ("by-key", "cat"), ("anew", "sort"), ("anew", "cat")]
)
def test_no_row_is_lost_because_a_program_failed(table: Path, way: str, program: str) -> None:
    stays = {row for row in rows_there(table) if "alice" in row and "{X}" not in row}
    most = "most_by_key=0\n" if way == "anew" else ""
    (table / "table").rename(table / "kept")
    for at in some_of(runs_of(table, program, most)):
        shutil.copytree(table / "kept", table / "table")
        with contextlib.suppress(AssertionError):
            change(
                table,
                BEFORE,
                AFTER,
                f"seal_table {table}/table\n{failing(table, program, at)}{most}",
            )
        assert stays <= rows_there(table), at
        # What is sealed is right; what is not is looked at by the next observation.
        if not (table / "table/journal").exists() and is_sealed(table):
            came = {path.name for path in (table / "table/shards").iterdir()} == set(AFTER)
            assert is_whole(table, AFTER if came else BEFORE), at
        shutil.rmtree(table / "table")


def runs_of(folder: Path, program: str, most: str) -> int:
    shutil.copytree(folder / "kept", folder / "table")
    sealed = f"seal_table {folder}/table\n"
    change(folder, BEFORE, AFTER, sealed + failing(folder, program, 0) + most)
    assert is_whole(folder, AFTER)
    shutil.rmtree(folder / "table")
    return (folder / "earlier/runs").read_text().count("\n")


def is_sealed(folder: Path) -> bool:
    return tell(folder, f"if is_sealed {folder}/table; then echo yes; fi") == "yes"


@pytest.mark.parametrize("lost", ["users.sqlite", "recipients.lmdb", "senders.lmdb"])
def test_a_change_that_broke_off_goes_on_where_a_table_was_lost(table: Path, lost: str) -> None:
    with pytest.raises(AssertionError):
        change(table, BEFORE, AFTER, "admit_by_key() { exit 1; }")
    (table / "table" / lost).unlink()
    change(table, AFTER, AFTER)
    assert is_whole(table, AFTER)


def test_a_database_that_is_damaged_is_made_anew(table: Path) -> None:
    with pytest.raises(AssertionError):
        change(table, BEFORE, AFTER, "admit_by_key() { exit 1; }")
    (table / "table/users.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 9000)
    change(table, AFTER, AFTER)
    assert is_whole(table, AFTER)


def test_who_has_the_old_database_open_learns_who_came_and_who_went(table: Path) -> None:
    # By its own name: that of the table has the new one.
    os.link(table / "table/users.sqlite", table / "old.sqlite")
    change(table, BEFORE, AFTER, "most_by_key=0")
    assert (table / "old.sqlite").stat().st_ino != (table / "table/users.sqlite").stat().st_ino
    with sqlite3.connect(table / "old.sqlite") as old:
        users = dict(old.execute("SELECT name, value FROM users").fetchall())
        boxes = {name for (name,) in old.execute("SELECT name FROM mailboxes").fetchall()}
    old.close()
    assert users == {"alice": "{X}two", "carol": "{X}two"}
    assert "carol" in boxes
    assert is_whole(table, AFTER)


def test_a_shard_that_was_edited_while_a_change_waited_is_not_made_a_table_of(
    table: Path,
) -> None:
    with pytest.raises(AssertionError):
        change(table, BEFORE, AFTER, "admit_by_key() { exit 1; }")
    before = rows_there(table)
    # Into no shard that the change brings: alice's, without her mailbox, was there before.
    digests = f"shard_digests {table}/table"
    assert tell(table, f"{digests} | digest_of_input") == root_digest(shard_digests(AFTER))
    shard = table / "table/shards" / shard_of("alice-alias")
    shard.write_bytes(b"")
    assert tell(table, f"{digests} | digest_of_input") != root_digest(shard_digests(AFTER))
    script(table, f"finish_earlier {table}/table")
    assert rows_there(table) == before
    there = {path.name: path.read_bytes() for path in (table / "table/shards").iterdir()}
    change(table, there, AFTER)
    assert is_whole(table, AFTER)


def test_a_folder_of_shards_that_others_can_enter_is_not_as_it_was_left(table: Path) -> None:
    assert is_sealed(table)
    (table / "table/shards").chmod(0o755)
    assert not is_sealed(table)


def test_a_listing_that_fails_is_no_seal(table: Path) -> None:
    script(table, f"! {{ PATH=/nowhere; seal_of {table}/table; }} 2>/dev/null")


@pytest.mark.parametrize("program", ["sort", "cat"])
def test_rows_that_cannot_be_read_are_not_those_of_an_empty_table(
    table: Path, program: str
) -> None:
    assert tell(table, f"{program}() {{ return 1; }}\nall_rows {table}/table")


def test_what_was_there_before_mailprov_is_put_back_by_taking_the_table_away(table: Path) -> None:
    zero = "zero=/nowhere\n"
    played = PLAYED.format(folder=table, table=table / "table", postmap=POSTMAP)
    run_parts(table, f"{played}{zero}restore_found {table}/table", "tables", "found")
    assert not (table / "table").exists()


@pytest.mark.parametrize("maps", ["lmdb", "cdb"])
@pytest.mark.parametrize("damage", ["echo mallory >>", "sed -i 1d ", "rm "])
def test_what_is_not_what_the_shards_say_is_found(tmp_path: Path, maps: str, damage: str) -> None:
    folder = create(tmp_path, maps)
    look = f"if are_derived_right {folder}/table {maps}; then echo right; fi"
    # The owners are the host's own.
    played = (
        f'find() {{ case "$*" in *-perm*) ;; *) command find "$@" ;; esac; }}\nstate={folder}\n'
    )
    assert tell(folder, f"{played}{look}") == "right"
    script(folder, f"{damage}{folder}/table/recipients.{maps}")
    assert tell(folder, f"{played}{look}") == ""
    assert not list(folder.glob("likeness.*"))


@pytest.mark.parametrize("maps", ["lmdb", "cdb"])
def test_a_lookup_table_that_was_lost_is_missed_by_any_change(tmp_path: Path, maps: str) -> None:
    folder = create(tmp_path, maps)
    (folder / f"table/senders.{maps}").unlink()
    passwords = shard_rows(rows_of(["alice", "bob"], "{X}three"))
    change(folder, BEFORE, passwords, f"seal_table {folder}/table", maps)
    assert is_whole(folder, passwords)


def test_what_postfix_still_reads_stays_beside_what_it_will_read(tmp_path: Path) -> None:
    folder = create(tmp_path, "cdb")
    change(folder, BEFORE, AFTER, "maps_in_use() { echo cdb; }", "lmdb")
    kept = {path.suffix for path in (folder / "table").glob("recipients.*")}
    assert kept == {".lmdb", ".cdb"}
    last = shard_rows(rows_of(["dave"]))
    change(folder, AFTER, last, "maps_in_use() { echo lmdb; }", "lmdb")
    assert is_whole(folder, last)

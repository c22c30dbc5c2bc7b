"""A table in shards from the facts to the archive: what differs is sent, and nothing else."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
from support.generations import GENERATION, MAIN_CF, USERS, fulfilled, state_of, with_file

from provisioner.facts.host import Facts, Introduction
from provisioner.facts.observation import parse_facts
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.drift import find_drift
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import observation_rows
from provisioner.plan.transaction import pack_transaction
from provisioner.remote.protocol import MalformedError
from provisioner.render.artifact import Plane
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.render.shards import SHORT_DIGEST, TableRow, shard_digests, shard_of, shard_rows
from provisioner.resources.change import Action
from provisioner.resources.file_state import FileState, TableFlaw, TableState, left_by


def table(*users: str, hashed: str = "{X}hashed") -> ShardedTable:
    rows = [TableRow("users", user, hashed) for user in users]
    return ShardedTable(
        TABLE_PATH, b"", mode=0o755, secret=True, plane=Plane.DIRECTORY, shards=shard_rows(rows)
    )


def with_table(artifact: ShardedTable) -> Generation:
    return replace(GENERATION, artifacts=(MAIN_CF, artifact))


def table_state(
    artifact: ShardedTable, flaw: TableFlaw | None = None, edited: tuple[str, ...] = ()
) -> FileState:
    digests = {k: v[:SHORT_DIGEST] for k, v in shard_digests(artifact.shards).items()}
    state = TableState(digests, edited, flaw)
    return FileState("table", "root", "root", 0o755, artifact.sha256, table=state)


def host_with(artifact: ShardedTable, state: FileState | None = None) -> Facts:
    """Return the facts of a host that was left with a table; state: what it has now."""
    facts = fulfilled(with_table(artifact))
    return with_file(facts, TABLE_PATH, state or table_state(artifact))


def rows_of(plan: Plan) -> tuple[list[list[str]], dict[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(pack_transaction(plan))) as opened:
        members = {m.name: opened.extractfile(m).read() for m in opened.getmembers()}  # type: ignore[union-attr]
    return [row.split("\t") for row in members.pop("steps").decode().splitlines()], members


OLD = table("alice", "bob", "carol")
NEW = table("alice", "bob", "dave")


def test_a_table_is_asked_for_by_its_digest() -> None:
    rows = observation_rows(with_table(OLD), Introduction(os_release={})).decode().splitlines()
    assert f"table\t{TABLE_PATH}\t{OLD.sha256}\tlmdb" in rows
    assert not any(row.startswith(f"file\t{TABLE_PATH}\t") for row in rows)


def test_a_table_that_was_left_and_is_no_longer_wanted_is_asked_for_as_a_table() -> None:
    introduction = replace(host_with(OLD).introduction)
    rows = observation_rows(GENERATION, introduction).decode().splitlines()
    assert f"table\t{TABLE_PATH}\t-\t-" in rows


def test_what_the_host_tells_of_a_table_is_read() -> None:
    told = f"""@table {TABLE_PATH}
access\troot\troot\t755
root\t{"a" * 64}
flaw\tderived
edited\t0a1 fff
0a1 {"b" * 16}
fff {"c" * 16}
@end"""
    facts = parse_facts(Introduction(os_release={}), told.splitlines())
    state = facts.files[TABLE_PATH]
    assert (state.owner, state.group, state.mode, state.sha256) == ("root", "root", 0o755, "a" * 64)
    assert state.kind == "table"
    want = TableState({"0a1": "b" * 16, "fff": "c" * 16}, ("0a1", "fff"), TableFlaw.DERIVED)
    assert state.table == want


def test_a_table_that_is_as_it_was_asked_for_is_told_without_its_shards() -> None:
    told = [f"@table {TABLE_PATH}", "access\troot\troot\t700", f"root\t{OLD.sha256}", "@end"]
    state = parse_facts(Introduction(os_release={}), told).files[TABLE_PATH]
    assert state.table == TableState()
    # Only its mode differs.
    plan = diff_generation(with_table(OLD), host_with(OLD, state))
    assert TABLE_PATH in [change.name for change in plan.changes]
    assert plan.shards[TABLE_PATH] == {}


def test_a_table_of_another_form_is_named() -> None:
    told = [f"@table {TABLE_PATH}", "access\troot\troot\trwx", "root\tx", "@end"]
    with pytest.raises(MalformedError) as caught:
        parse_facts(Introduction(os_release={}), told)
    assert caught.value.section == f"table {TABLE_PATH}"


def test_the_same_table_is_no_change() -> None:
    assert diff_generation(with_table(OLD), host_with(OLD)).changes == ()


def test_only_what_differs_is_sent_and_no_daemon_is_told() -> None:
    plan = diff_generation(with_table(NEW), host_with(OLD))
    assert [(c.kind, c.name, c.plane) for c in plan.changes] == [
        ("file", TABLE_PATH, Plane.DIRECTORY),
        ("record", "directory", Plane.DIRECTORY),
    ]
    assert plan.changes[0].reason == "content differs (2 of its shards)"
    assert not plan.drift
    rows, members = rows_of(plan)
    assert {name: content for name, content in members.items() if content is not None} == {
        f"files/0/{shard_of('carol')}": b"",
        f"files/0/{shard_of('dave')}": b"users\tdave\t{X}hashed\n",
    }
    assert ["act-directory", "table", TABLE_PATH, NEW.sha256, "0", "lmdb"] in rows
    assert ["table", TABLE_PATH] in rows
    assert not [row for row in rows if row[0] in {"check", "stage"}]
    assert ["seen", TABLE_PATH, OLD.sha256] in rows
    assert ["directory", "file", TABLE_PATH, NEW.sha256, "root", "root", "0755", "1"] in rows


def test_no_password_is_in_a_row_or_a_reason() -> None:
    plan = diff_generation(with_table(table("alice", hashed="{Y}other")), host_with(OLD))
    rows, _ = rows_of(plan)
    assert "{X}hashed" not in str(rows) + str(plan)
    assert "{Y}other" not in str(rows) + str(plan)


def test_a_host_without_the_table_gets_all_of_it() -> None:
    plan = diff_generation(with_table(OLD), Facts(Introduction(os_release={})))
    change = next(change for change in plan.changes if change.name == TABLE_PATH)
    assert (change.action, change.diff) == (Action.CREATE, "")
    assert plan.shards[TABLE_PATH] == OLD.shards


def test_an_edited_shard_is_drift_that_names_it() -> None:
    edited = table_state(table("alice", "bob", "mallory"), edited=("0a1",))
    facts = host_with(OLD, edited)
    assert find_drift(with_table(OLD), facts)[TABLE_PATH].what == ("content differs (shards: 0a1)")
    plan = diff_generation(with_table(OLD), facts)
    assert [drift.path for drift in plan.drift] == [TABLE_PATH]
    assert plan.shards[TABLE_PATH].keys() == {shard_of("carol"), shard_of("mallory")}
    kept = diff_generation(with_table(NEW), facts, keep_drift=True)
    assert not [change for change in kept.changes if change.name == TABLE_PATH]


def test_damaged_lookup_tables_are_drift_and_made_anew_without_a_shard() -> None:
    facts = host_with(OLD, table_state(OLD, TableFlaw.DERIVED))
    plan = diff_generation(with_table(OLD), facts)
    assert [drift.path for drift in plan.drift] == [TABLE_PATH]
    assert "lookup tables" in plan.drift[0].what
    assert plan.shards[TABLE_PATH] == {}


def test_lookup_tables_of_another_release_are_made_anew_and_are_nobodys_edit() -> None:
    facts = host_with(OLD, table_state(OLD, TableFlaw.FOREIGN))
    plan = diff_generation(with_table(OLD), facts)
    change = next(change for change in plan.changes if change.name == TABLE_PATH)
    assert "a type of another release" in change.reason
    assert not plan.drift
    assert plan.shards[TABLE_PATH] == {}


@pytest.mark.parametrize("wanted", [OLD, NEW])
def test_a_change_that_broke_off_is_finished_and_is_nobodys_edit(wanted: ShardedTable) -> None:
    # It was on its way from OLD to NEW.
    facts = host_with(OLD, table_state(NEW, TableFlaw.UNFINISHED))
    begun = replace(facts.introduction, activating={TABLE_PATH: (left_by(NEW),)})
    plan = diff_generation(with_table(wanted), replace(facts, introduction=begun))
    assert TABLE_PATH in [change.name for change in plan.changes]
    assert not plan.drift


@pytest.mark.parametrize(
    ("before", "after"), [((USERS,), (OLD,)), ((OLD,), (USERS,))], ids=["grows", "shrinks"]
)
def test_a_site_that_crosses_the_line_changes_its_users_with_the_configuration(
    before: tuple[ShardedTable, ...], after: tuple[ShardedTable, ...]
) -> None:
    was = replace(GENERATION, artifacts=(MAIN_CF, *before))
    facts = fulfilled(was)
    facts = with_file(facts, TABLE_PATH, None)
    if before == (OLD,):
        facts = with_file(facts, TABLE_PATH, table_state(OLD))
    else:
        facts = with_file(facts, USERS.path, state_of(USERS))
    plan = diff_generation(replace(GENERATION, artifacts=(MAIN_CF, *after)), facts)
    assert not plan.drift
    got = [(c.name, c.action, c.plane) for c in plan.changes if c.kind == "file"]
    assert got == [
        (after[0].path, Action.CREATE, Plane.CONFIGURATION),
        (before[0].path, Action.REMOVE, Plane.CONFIGURATION),
    ]
    rows, _ = rows_of(plan)
    assert ["undo", TABLE_PATH] in rows
    assert ["undo", USERS.path] in rows

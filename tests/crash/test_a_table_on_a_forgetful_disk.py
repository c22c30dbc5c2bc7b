"""A directory in shards on a disk that forgets: users change, and the site crosses the line.

The remote program itself, with Dovecot's database as it is and a text file for each of
Postfix's. Power fails at any call that changes a file. Whatever happened: nobody for whom
Postfix takes mail lacks a mailbox, and the next apply makes all tables what they have to be.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.chance import some_of
from support.crash_site import PROGRAMS, generation, observe
from support.forgetful_host import NEVER, ForgetfulHost, missing_for_forgetful_hosts, pending_of
from support.table_site import (
    RECOVER_AT_BOOT,
    derived_rows,
    host_for_tables,
    large,
    rows_of,
    table_of,
)

from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.transaction import pack_transaction
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.resources.change import Drift

MISSING = [
    *missing_for_forgetful_hosts(),
    *([] if shutil.which("sqlite3") else ["sqlite3 is missing"]),
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason="; ".join(MISSING))

LITTER = re.compile(r"\.mailprov-(new|old|final|soft)$")
BEFORE = table_of(["alice", "bob", "carol"])
# dave comes, bob goes, and everybody has another password.
AFTER = table_of(["alice", "carol", "dave"], "{X}two")
OTHER = table_of(["alice", "erin"], "{X}three")


def text_rows(people: list[str], hashed: str = "{X}one") -> list[str]:
    return sorted("\t".join(row) for row in rows_of(people, hashed))


ROWS = {
    BEFORE.sha256: text_rows(["alice", "bob", "carol"]),
    AFTER.sha256: text_rows(["alice", "carol", "dave"], "{X}two"),
    OTHER.sha256: text_rows(["alice", "erin"], "{X}three"),
}


# A change of how many rows is made by key: of these two, or of none.
WAYS = {
    way: PROGRAMS["transact"].replace("\nmost_by_key=2000\n", f"\nmost_by_key={most}\n")
    for way, most in (("by key", 2000), ("anew", 0))
}


def apply(
    host: ForgetfulHost, wanted: Generation, crash: int = NEVER, way: str = "by key"
) -> str | None:
    """Carry out the plan; return what is pending, or None where the power failed."""
    plan = diff_generation(wanted, observe(host, wanted))
    assert not plan.drift, [drift.what for drift in plan.drift]
    if not plan.changes:
        return ""
    archive = pack_transaction(plan)
    done = host.run(WAYS[way], "test", "60", stdin=archive, crash=crash)
    if host.calls >= crash > NEVER:
        return None
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return pending_of(done.stdout) or ""


def settle(host: ForgetfulHost, *end: str, crash: int = NEVER) -> None:
    done = host.run(PROGRAMS["settle"], *end, crash=crash)
    if not host.calls >= crash > NEVER:
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def converge(host: ForgetfulHost, wanted: Generation) -> None:
    if pending := apply(host, wanted):
        settle(host, "confirm", pending)
    plan = diff_generation(wanted, observe(host, wanted))
    assert plan.changes == ()


def overwrite_drift(host: ForgetfulHost, wanted: Generation) -> tuple[Drift, ...]:
    """Apply as somebody does who decided so, until nothing is left to do; return the drift."""
    plan = diff_generation(wanted, observe(host, wanted))
    done = host.run(PROGRAMS["transact"], "test", "60", stdin=pack_transaction(plan))
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    converge(host, wanted)
    return plan.drift


def boot(host: ForgetfulHost) -> None:
    host.boot()
    done = host.run(RECOVER_AT_BOOT)
    assert done.returncode == 0, done.stderr.decode()
    host.start_units()


def undeliverable(host: ForgetfulHost) -> set[str]:
    """Return for whom Postfix takes mail that Dovecot has no mailbox for."""
    found: dict[str, set[str]] = {"recipients": set(), "mailboxes": set()}
    for row in derived_rows(host):
        table, key, _ = row.split("\t")
        found.setdefault(table, set()).add(key)
    return found["recipients"] - found["mailboxes"]


@pytest.fixture(scope="module")
def applied_once() -> Iterator[ForgetfulHost]:
    with tempfile.TemporaryDirectory() as folder:
        host = host_for_tables(Path(folder) / "host")
        converge(host, large("a", BEFORE))
        yield host


@pytest.fixture
def applied(applied_once: ForgetfulHost, tmp_path: Path) -> ForgetfulHost:
    """Return a host with configuration `a` and the directory BEFORE."""
    return applied_once.copy(tmp_path / "host")


def calls_of(host: ForgetfulHost, wanted: Generation, way: str = "by key") -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = host.copy(Path(folder) / "host")
        assert apply(copy, wanted, way=way) is not None
        return copy.calls


def test_a_change_of_users_reaches_every_table_and_no_daemon(applied: ForgetfulHost) -> None:
    assert derived_rows(applied) == ROWS[BEFORE.sha256]
    converge(applied, large("a", AFTER))
    assert derived_rows(applied) == ROWS[AFTER.sha256]
    assert applied.stale_units() == []
    left = applied.shell(f"ls {TABLE_PATH}").split()
    assert left == [
        *("aliases.lmdb", "digests", "recipients.lmdb", "seal", "senders.lmdb"),
        *("shards", "users.sqlite"),
    ]


def test_nobody_but_the_daemons_can_read_passwords(applied: ForgetfulHost) -> None:
    converge(applied, large("a", AFTER))
    got = applied.shell(f"cd {TABLE_PATH} && stat -c '%n %a %U:%G' shards shards/* *.sqlite *.lmdb")
    want = {
        "shards": "700 root:root",
        "users.sqlite": "640 root:dovecot",
        "recipients.lmdb": "640 root:postfix",
    }
    rows = dict(row.split(" ", 1) for row in got.splitlines())
    assert {name: rows[name] for name in want} == want
    assert {access for name, access in rows.items() if "/" in name} == {"600 root:root"}


def test_a_change_of_more_rows_makes_the_tables_anew(applied: ForgetfulHost) -> None:
    look = f"stat -c %i {TABLE_PATH}/users.sqlite"
    before = applied.shell(look)
    assert apply(applied, large("a", AFTER), way="anew") == ""
    assert applied.shell(look) != before
    assert derived_rows(applied) == ROWS[AFTER.sha256]


@pytest.mark.parametrize(
    ("way", "following"),
    [("by key", BEFORE), ("by key", AFTER), ("by key", OTHER), ("anew", AFTER), ("anew", OTHER)],
    ids=["back", "again", "on", "anew-again", "anew-on"],
)
def test_the_power_may_fail_at_every_call_of_a_change_of_users(
    applied: ForgetfulHost, way: str, following: ShardedTable
) -> None:
    for crash in some_of(calls_of(applied, large("a", AFTER), way)):
        with tempfile.TemporaryDirectory() as folder:
            host = applied.copy(Path(folder) / "host")
            assert apply(host, large("a", AFTER), crash, way) is None
            boot(host)
            assert undeliverable(host) == set(), crash
            converge(host, large("a", following))
            assert derived_rows(host) == ROWS[following.sha256], crash


@pytest.mark.parametrize("people", [AFTER, OTHER], ids=["again", "on"])
def test_the_power_may_fail_while_lookup_tables_are_replaced(
    tmp_path: Path, people: ShardedTable
) -> None:
    first = host_for_tables(tmp_path / "host")
    before, after, following = (replace(one, maps="cdb") for one in (BEFORE, AFTER, people))
    converge(first, large("a", before))
    for crash in some_of(calls_of(first, large("a", after))):
        with tempfile.TemporaryDirectory() as folder:
            host = first.copy(Path(folder) / "host")
            assert apply(host, large("a", after), crash) is None
            boot(host)
            assert undeliverable(host) == set(), crash
            converge(host, large("a", following))
            assert derived_rows(host) == ROWS[following.sha256], crash


def test_lookup_tables_of_the_release_before_are_replaced(applied: ForgetfulHost) -> None:
    converge(applied, large("a", replace(BEFORE, maps="cdb")))
    names = applied.shell(f"ls {TABLE_PATH}").split()
    assert {name for name in names if "." in name} == {
        *("aliases.cdb", "recipients.cdb", "senders.cdb", "users.sqlite"),
    }
    assert derived_rows(applied) == ROWS[BEFORE.sha256]


@pytest.mark.parametrize("way", ["grows", "shrinks"])
def test_the_power_may_fail_while_the_site_crosses_the_line(
    applied: ForgetfulHost, way: str
) -> None:
    small, big = generation("b", 1), large("a", BEFORE)
    before, after = (small, big) if way == "grows" else (big, small)
    if way == "grows":
        converge(applied, small)
    for crash in some_of(calls_of(applied, after)):
        with tempfile.TemporaryDirectory() as folder:
            host = applied.copy(Path(folder) / "host")
            assert apply(host, after, crash) is None
            boot(host)
            assert is_whole(host, before), crash
            converge(host, after)
            assert is_whole(host, after)
            assert litter(host) == []


@pytest.mark.parametrize("way", ["grows", "shrinks"])
@pytest.mark.parametrize("end", ["confirm", "return"])
def test_the_power_may_fail_while_a_crossing_of_the_line_is_settled(
    applied: ForgetfulHost, way: str, end: str
) -> None:
    small, big = generation("b", 1), large("a", BEFORE)
    before, after = (small, big) if way == "grows" else (big, small)
    if way == "grows":
        converge(applied, small)
    pending = apply(applied, after)
    assert pending
    words = [end, pending, *(["no"] if end == "return" else [])]
    with tempfile.TemporaryDirectory() as folder:
        host = applied.copy(Path(folder) / "host")
        settle(host, *words)
        calls = host.calls
    for crash in some_of(calls):
        with tempfile.TemporaryDirectory() as folder:
            host = applied.copy(Path(folder) / "host")
            settle(host, *words, crash=crash)
            boot(host)
            assert is_whole(host, before) or (end == "confirm" and is_whole(host, after)), crash
            converge(host, after)
            assert is_whole(host, after)
            assert litter(host) == []


def is_whole(host: ForgetfulHost, wanted: Generation) -> bool:
    """Tell whether the users are in the files that the configuration reads, and only there."""
    files = {path for path in host.files() if not LITTER.search(path)}
    text = {path for path in files if "/mailprov/" in path and ".regexp" not in path}
    has_table = "mailprov-directory" in host.shell("ls /var/lib").split()
    if TABLE_PATH in wanted.user_files:
        return not text and derived_rows(host) == ROWS[BEFORE.sha256]
    return bool(text) and not has_table


def litter(host: ForgetfulHost) -> list[str]:
    return [
        path for path in (*host.files(), *host.shell("ls /var/lib").split()) if LITTER.search(path)
    ]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("for shard in shards/*; do echo >>$shard; break; done", "shards: "),
        ("rm users.sqlite", "lookup tables"),
        ("chmod 644 users.sqlite", "lookup tables"),
        ("sed -i s/mailbox/other/ recipients.lmdb", "lookup tables"),
        ("sqlite3 users.sqlite 'DELETE FROM users'", "lookup tables"),
    ],
)
def test_what_somebody_did_to_a_table_is_drift_and_undone_if_so_decided(
    applied: ForgetfulHost, damage: str, told: str
) -> None:
    applied.shell(f"cd {TABLE_PATH} && {damage}")
    drift = overwrite_drift(applied, large("a", BEFORE))
    assert told in drift[0].what
    assert derived_rows(applied) == ROWS[BEFORE.sha256]


@pytest.mark.parametrize("thing", ["mkdir -p $1/notes", "echo x >$1", "ln -s /etc $1"])
def test_what_somebody_put_in_a_tables_place_is_drift_and_gives_way_if_so_decided(
    applied: ForgetfulHost, thing: str
) -> None:
    applied.shell(f"set -- {TABLE_PATH}; rm -r $1; {thing}")
    drift = overwrite_drift(applied, large("a", BEFORE))
    assert [one.path for one in drift] == [TABLE_PATH]
    assert derived_rows(applied) == ROWS[BEFORE.sha256]
    assert litter(applied) == []


@pytest.mark.parametrize("end", ["confirm", "return"])
def test_a_folder_in_the_place_is_as_it_was_found_where_the_table_does_not_stay(
    applied: ForgetfulHost, end: str
) -> None:
    converge(applied, generation("b", 1))
    applied.shell(f"mkdir {TABLE_PATH} && echo mine >{TABLE_PATH}/notes")
    look = f"cat {TABLE_PATH}/notes"
    pending = apply(applied, large("a", BEFORE))
    assert pending
    settle(applied, end, pending, *(["no"] if end == "return" else []))
    if end == "confirm":
        assert derived_rows(applied) == ROWS[BEFORE.sha256]
        converge(applied, generation("b", 1))
    assert applied.shell(look) == "mine\n"
    assert litter(applied) == []


def test_an_edit_while_a_change_waits_is_drift_and_not_sealed_over(
    applied: ForgetfulHost,
) -> None:
    calls = calls_of(applied, large("a", AFTER))
    for crash in range(calls, 0, -1):
        with tempfile.TemporaryDirectory() as folder:
            host = applied.copy(Path(folder) / "host")
            assert apply(host, large("a", AFTER), crash) is None
            boot(host)
            if "journal\n" not in host.shell(f"ls {TABLE_PATH}"):
                continue
            host.shell(f"cd {TABLE_PATH}/shards && grep -l alice-alias * | xargs rm")
            drift = overwrite_drift(host, large("a", AFTER))
            assert [one.path for one in drift] == [TABLE_PATH]
            assert derived_rows(host) == ROWS[AFTER.sha256]
            return
    raise AssertionError("no change waited")


def test_a_missing_package_is_no_drift_of_what_it_would_look_at(applied: ForgetfulHost) -> None:
    # Looked at anew: by its dates it is not as it was left.
    applied.shell(f"touch {TABLE_PATH}/shards/*")
    applied.add_program("sqlite3", "#!/bin/sh\nexit 127\n")
    wanted = large("a", BEFORE)
    assert diff_generation(wanted, observe(applied, wanted)).drift
    lacking = replace(wanted, packages=("sqlite3",))
    plan = diff_generation(lacking, observe(applied, lacking))
    assert (plan.changes[0].kind, plan.changes[0].name) == ("package", "sqlite3")
    assert not plan.drift
    assert TABLE_PATH not in [change.name for change in plan.changes]


def test_a_copy_that_has_the_same_content_is_no_drift(applied: ForgetfulHost) -> None:
    applied.shell(
        f"cp -a {TABLE_PATH} /var/lib/copy && rm -r {TABLE_PATH} && mv /var/lib/copy {TABLE_PATH}"
    )
    wanted = large("a", BEFORE)
    assert diff_generation(wanted, observe(applied, wanted)).changes == ()
    converge(applied, large("a", AFTER))
    assert derived_rows(applied) == ROWS[AFTER.sha256]


def test_shards_that_do_not_make_the_wanted_table_change_nothing(applied: ForgetfulHost) -> None:
    plan = diff_generation(large("a", AFTER), observe(applied, large("a", AFTER)))
    some = dict(list(plan.shards[TABLE_PATH].items())[1:])
    broken = pack_transaction(plan.__class__(**{**vars(plan), "shards": {TABLE_PATH: some}}))
    done = applied.run(PROGRAMS["transact"], "test", "60", stdin=broken)
    assert done.returncode == 70
    assert "do not make the table that is wanted" in done.stdout.decode()
    assert derived_rows(applied) == ROWS[BEFORE.sha256]


def test_an_earlier_directory_is_put_back_from_its_snapshot(applied: ForgetfulHost) -> None:
    serial = applied.shell("ls /var/lib/mailprov/directory | grep '^[0-9]' | tail -n 1").strip()
    converge(applied, large("a", AFTER))
    now = applied.shell("cut -f 1 /var/lib/mailprov/head").strip()
    done = applied.run(PROGRAMS["restore"], "test", serial, now, "refuse")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert derived_rows(applied) == ROWS[BEFORE.sha256]
    wanted = large("a", BEFORE)
    assert diff_generation(wanted, observe(applied, wanted)).changes == ()

"""The archive carries a plan in full, and no secret outside the contents."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.generations import (
    CERTIFICATE,
    GENERATION,
    MAIN_CF,
    MAP,
    USERS,
    fulfilled,
    state_of,
    with_file,
)

from provisioner.facts.host import Facts, Introduction
from provisioner.model.secrets import PasswordHash
from provisioner.plan.diff import diff_generation
from provisioner.plan.manifest import CERTIFICATE as CERTIFICATE_CHECK
from provisioner.plan.transaction import checks_of, pack_transaction
from provisioner.render.artifact import Artifact, Plane, SealedArtifact
from provisioner.resources.account import Account, AccountState
from provisioner.resources.file_state import FileState, left_by
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Unit


def unpack(archive: bytes) -> tuple[list[list[str]], dict[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = {m.name: opened.extractfile(m).read() for m in opened.getmembers()}  # type: ignore[union-attr]
    rows = [row.split("\t") for row in members.pop("steps").decode().splitlines()]
    return rows, members


BARE = Facts(Introduction(os_release={}))


class CountedAccounts(tuple[Account, ...]):
    """Accounts that count how often somebody goes through all of them."""

    __slots__ = ()
    walks = 0

    def __iter__(self) -> Iterator[Account]:
        type(self).walks += 1
        return super().__iter__()


@pytest.mark.parametrize("people", [1, 300])
def test_the_accounts_are_gone_through_as_often_whatever_their_number(people: int) -> None:
    hashed = PasswordHash("{SHA512-CRYPT}$6$salt$digest")
    accounts = CountedAccounts(
        Account(
            f"user{n}", "mailusers", f"/home/user{n}", "/bin/false", system=False, password=hashed
        )
        for n in range(people)
    )
    plan = diff_generation(replace(GENERATION, accounts=accounts), BARE)
    CountedAccounts.walks = 0
    rows, _ = unpack(pack_transaction(plan))
    assert sum(row[:2] == ["act-directory", "password"] for row in rows) == people
    assert CountedAccounts.walks <= 4


def test_every_file_travels_with_its_owner_mode_and_content() -> None:
    rows, contents = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    staged = {row[1]: row for row in rows if row[0] == "stage"}
    for artifact in (MAIN_CF, MAP, USERS):
        row = staged[artifact.path]
        assert contents[f"files/{row[2]}"] == artifact.content
        assert row[3:] == [artifact.owner, artifact.group, f"{artifact.mode:04o}"]


def test_the_steps_are_in_order_and_everything_new_is_on_disk_before_the_first_name_changes() -> (
    None
):
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    acts = [" ".join(row[:3]) for row in rows if row[0].startswith("act-")]
    assert acts == [
        "act-directory group vmail",
        "act-directory account vmail",
        "act-directory directory /srv/vmail",
        "act-directory prepare",
        f"act-directory activate {USERS.path}",
        "act-directory record_directory",
        f"act-configuration begin {GENERATION.id}",
        f"act-configuration soften {MAIN_CF.path}",
        "act-configuration recipe self-signed",
        f"act-configuration activate {MAP.path}",
        f"act-configuration activate {MAIN_CF.path}",
        "act-configuration enable postfix.service",
        "act-configuration start postfix.service",
    ]


def test_what_is_pending_can_be_undone_and_users_never_are() -> None:
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    assert [row[1] for row in rows if row[0] == "undo"] == [
        "/etc/mailprov/tls/site.pem",
        MAP.path,
        MAIN_CF.path,
    ]


def test_another_certificate_of_the_same_key_can_be_undone_until_it_is_confirmed() -> None:
    facts = replace(fulfilled(), certificate=replace(CERTIFICATE, authority=True))
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    path = "/etc/mailprov/tls/site.pem"
    recipe = ["recipe", "renewed", path, "mail.example.org"]
    assert recipe in rows
    assert ["act-configuration", *recipe] in rows
    assert ["undo", path] in rows


def test_another_mode_of_what_the_host_made_is_set_and_not_undone() -> None:
    path = "/etc/mailprov/tls/site.pem"
    open_to_all = FileState("regular file", "root", "root", 0o644)
    facts = with_file(fulfilled(), path, open_to_all)
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    assert ["act-configuration", "access", path, "root", "root", "0600"] in rows
    assert not [row for row in rows if row[0] == "recipe" or row[:2] == ["undo", path]]


def test_what_the_host_makes_beside_the_certificate_stays_where_the_configuration_goes() -> None:
    anchor = Recipe("trust-anchor", "/var/lib/unbound/root.key", "x", "unbound", "unbound", 0o644)
    generation = replace(GENERATION, recipes=(*GENERATION.recipes, anchor))
    rows, _ = unpack(pack_transaction(diff_generation(generation, BARE)))
    assert ["recipe", "trust-anchor", anchor.path, "x"] in rows
    assert ["undo", anchor.path] not in rows


def test_users_alone_make_nothing_pending() -> None:
    facts = with_file(fulfilled(), USERS.path, None)
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    acts = [" ".join(row) for row in rows if row[0].startswith("act-")]
    assert acts == [
        "act-directory prepare",
        f"act-directory activate {USERS.path}",
        "act-directory record_directory",
    ]
    assert not [row for row in rows if row[0] in {"undo", "soften"}]


@pytest.mark.parametrize("kind", ["managed", "directory"])
def test_what_the_host_is_to_keep_travels_below_its_digest(kind: str) -> None:
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    first, *others = [row[1:] for row in rows if row[0] == kind]
    text = "".join("\t".join(row) + "\n" for row in others)
    assert first == ["whole", hashlib.sha256(text.encode()).hexdigest()]
    assert others


def test_users_of_another_kind_come_and_go_with_the_configuration() -> None:
    other = replace(USERS, path="/etc/dovecot/mailprov/others")
    before = replace(GENERATION, artifacts=(MAIN_CF, MAP, other))
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, fulfilled(before))))
    assert ["adopt"] in rows
    assert {USERS.path, other.path} <= {row[1] for row in rows if row[0] == "undo"}
    assert not [row for row in rows if row[0] == "act-directory"]


def test_room_is_made_before_anything_is_pending() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, None)
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    acts = [row[1] for row in rows if row[0].startswith("act-")]
    assert acts[:3] == ["prepare", "begin", "soften"]


def test_no_hash_stands_in_a_row() -> None:
    alice = Account(
        "alice",
        "mailusers",
        "/home/alice",
        "/sbin/nologin",
        system=False,
        password=PasswordHash("{BLF-CRYPT}$2b$12$very-secret"),
    )
    generation = replace(GENERATION, accounts=(alice,), groups=(Group("mailusers"),))
    rows, contents = unpack(pack_transaction(diff_generation(generation, BARE)))
    assert "very-secret" not in str(rows)
    assert b"alice:$2b$12$very-secret\n" in contents.values()


def test_a_list_of_logins_is_put_in_force_by_the_step_that_logs_out() -> None:
    users = replace(USERS, logins=True)
    generation = replace(GENERATION, artifacts=(MAIN_CF, MAP, users))
    rows, _ = unpack(pack_transaction(diff_generation(generation, BARE)))
    assert ["act-directory", "admit", USERS.path] in rows
    assert ["act-configuration", "activate", MAIN_CF.path] in rows


def test_a_persons_name_travels_as_the_last_field_of_the_account() -> None:
    alice = Account("alice", "g", "/home/alice", "/x", system=False, comment="Al, the 1st & only")
    generation = replace(GENERATION, accounts=(alice,))
    rows, _ = unpack(pack_transaction(diff_generation(generation, BARE)))
    want = [
        "act-directory",
        "account",
        "alice",
        "g",
        "/home/alice",
        "/x",
        "person",
        "Al, the 1st & only",
    ]
    assert want in rows


@pytest.mark.parametrize(
    ("missing", "want"),
    [
        ((MAIN_CF.path,), ("postfix",)),
        ((MAIN_CF.path, "/etc/dovecot/dovecot.conf"), ("postfix", "dovecot")),
        # Nobody knows who reads it.
        ((USERS.path,), ("postfix", "dovecot", CERTIFICATE_CHECK)),
        ((GENERATION.certificate_path,), ("postfix", "dovecot", CERTIFICATE_CHECK)),
        ((), ()),
    ],
)
def test_those_are_checked_whom_a_changed_file_concerns(
    missing: tuple[str, ...], want: tuple[str, ...]
) -> None:
    dovecot = Artifact("/etc/dovecot/dovecot.conf", b"x\n", daemons=("dovecot",))
    units = (*GENERATION.units, Unit("dovecot", "dovecot.service", "dovecot.service"))
    both = replace(GENERATION, artifacts=(*GENERATION.artifacts, dovecot), units=units)
    facts = fulfilled(both)
    facts = replace(facts, files={p: s for p, s in facts.files.items() if p not in missing})
    if GENERATION.certificate_path in missing:
        facts = replace(facts, recipes=frozenset(), certificate=None)
    plan = diff_generation(both, facts)
    assert checks_of(plan) == want
    rows, _ = unpack(pack_transaction(plan))
    assert tuple(row[1] for row in rows if row[0] == "check") == want


def test_what_touches_no_file_needs_no_check() -> None:
    facts = fulfilled()
    facts = replace(facts, introduction=replace(facts.introduction, generation=None))
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    assert not [row for row in rows if row[0] == "check"]


def test_the_same_plan_gives_the_same_bytes() -> None:
    plan = diff_generation(GENERATION, BARE)
    assert pack_transaction(plan) == pack_transaction(plan)


def test_a_secret_that_stays_on_the_host_is_never_written() -> None:
    sealed = SealedArtifact("/etc/mailprov/tls/site.pem", b"", secret=True, digest="f" * 64)
    generation = replace(GENERATION, artifacts=(sealed, MAIN_CF), recipes=())
    with pytest.raises(ValueError, match="sealed"):
        pack_transaction(diff_generation(generation, BARE))


def test_the_host_gets_a_record_of_the_configuration_with_it() -> None:
    rows, contents = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    ((_, number),) = (row for row in rows if row[0] == "record")
    assert contents[f"files/{number}"] == GENERATION.record
    assert ["main", MAIN_CF.path] in rows


def test_what_was_observed_travels_with_each_file_that_is_replaced() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, replace(state_of(MAIN_CF), sha256="0" * 64))
    facts = with_file(facts, MAP.path, None)
    link = FileState("symbolic link", "root", "root", 0o777, "1" * 64)
    facts = with_file(facts, USERS.path, link)
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    got = {row[1]: row[2] for row in rows if row[0] == "seen"}
    assert got == {MAIN_CF.path: "0" * 64, MAP.path: "-", USERS.path: "link"}


def test_a_daemon_that_reads_users_only_with_the_configuration_is_owed_it() -> None:
    aliases = replace(MAP, plane=Plane.DIRECTORY)
    generation = replace(GENERATION, artifacts=(MAIN_CF, aliases))
    facts = with_file(fulfilled(generation), aliases.path, None)
    rows, _ = unpack(pack_transaction(diff_generation(generation, facts)))
    assert [row for row in rows if row[0] == "owed"] == []
    assert ["act-directory", "reload", "postfix.service", "postfix@-.service"] in rows
    facts = with_file(facts, MAIN_CF.path, None)
    rows, _ = unpack(pack_transaction(diff_generation(generation, facts)))
    assert ["owed", "postfix.service"] in rows


def test_accounts_groups_and_folders_travel_with_all_that_makes_them() -> None:
    hashed = PasswordHash("{SHA512-CRYPT}$6$salt$digest")
    people = [
        Account(name, "people", f"/home/{name}", "/x", system=False, password=hashed, locked=locked)
        for name, locked in (("alice", False), ("bob", True))
    ]
    generation = replace(
        GENERATION,
        groups=(Group("vmail"), Group("people", system=False)),
        accounts=(*GENERATION.accounts, *people),
        folders=(*GENERATION.folders, Folder("/srv/x", "vmail", "vmail", 0o750, "mail_t")),
    )
    rows, contents = unpack(pack_transaction(diff_generation(generation, BARE)))
    acts = [row[1:] for row in rows if row[0] == "act-directory"]
    assert [row for row in acts if row[0] == "group"] == [
        ["group", "vmail", "system"],
        ["group", "people", "regular"],
    ]
    assert [row[-2] for row in acts if row[0] == "account"] == ["system", "person", "person"]
    assert [row for row in acts if row[0] == "directory"] == [
        ["directory", "/srv/vmail", "vmail", "vmail", "0700"],
        ["directory", "/srv/x", "vmail", "vmail", "0750", "mail_t"],
    ]
    passwords = {row[1]: row for row in acts if row[0] == "password"}
    assert {name: row[3] for name, row in passwords.items()} == {"alice": "open", "bob": "locked"}
    for name, row in passwords.items():
        assert contents[f"files/{row[2]}"].decode().startswith(f"{name}:")
    # People's accounts, and no daemon's, are the directory's.
    kept = [row[2] for row in rows if row[:2] == ["directory", "account"]]
    assert kept == ["alice", "bob"]


def test_what_is_left_is_told_by_plane_with_its_secrecy() -> None:
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    left = {
        kind: {row[2]: row[-1] for row in rows if row[:2] == [kind, "file"]}
        for kind in ("managed", "directory")
    }
    assert left == {"managed": {MAIN_CF.path: "0", MAP.path: "0"}, "directory": {USERS.path: "1"}}
    assert ["managed", "unit", "postfix.service"] in rows


def test_nobody_but_root_reads_the_archive_where_it_is_unpacked() -> None:
    archive = pack_transaction(diff_generation(GENERATION, BARE))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert {member.mode for member in opened.getmembers()} == {0o600}


def test_users_alone_leave_main_cf_as_it_is() -> None:
    # Mail is kept, and not bounced, while a configuration waits; users' files never wait.
    for facts in (
        with_file(fulfilled(), USERS.path, None),
        replace(fulfilled(), packages=frozenset()),
    ):
        rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
        assert not [row for row in rows if row[0] == "main"]


def test_a_configuration_of_another_daemon_alone_keeps_mail_waiting_too() -> None:
    dovecot = Artifact("/etc/dovecot/dovecot.conf", b"x\n", daemons=("dovecot",))
    generation = replace(GENERATION, artifacts=(*GENERATION.artifacts, dovecot))
    facts = with_file(fulfilled(generation), dovecot.path, None)
    rows, _ = unpack(pack_transaction(diff_generation(generation, facts)))
    assert ["main", MAIN_CF.path] in rows


def test_a_file_that_goes_is_removed_with_the_rest() -> None:
    more = replace(MAP, path="/etc/postfix/mailprov/more")
    before = replace(GENERATION, artifacts=(*GENERATION.artifacts, more))
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, fulfilled(before))))
    assert ["remove", more.path] in rows
    assert ["act-configuration", "remove", more.path] in rows
    assert not [row for row in rows if row[0] == "remove-later"]


def test_the_resolver_is_waited_for_whenever_it_starts_anew_and_not_when_it_is_enabled() -> None:
    conf = Artifact("/etc/unbound/unbound.conf", b"x\n", daemons=("unbound",))
    unit = Unit("unbound", "unbound.service", "unbound.service")
    generation = replace(GENERATION, artifacts=(conf,), units=(unit,))
    rows, _ = unpack(pack_transaction(diff_generation(generation, BARE)))
    acts = [row[1] for row in rows if row[0] == "act-configuration"]
    assert acts[acts.index("enable") :] == ["enable", "start", "await_resolver"]


def test_the_account_of_a_user_who_becomes_virtual_is_locked_with_the_confirmation() -> None:
    left = fulfilled(replace(GENERATION, artifacts=(MAIN_CF, MAP)))
    aliases = replace(MAP, path="/etc/postfix/mailprov/old", plane=Plane.DIRECTORY)
    introduction = replace(
        left.introduction,
        left={**left.introduction.left, aliases.path: left_by(aliases)},
        managed_accounts=frozenset({"alice", "bob"}),
    )
    accounts = {
        name: AccountState(name, 1001, 990, f"/home/{name}", "/x", "$6$x")
        for name in ("alice", "bob")
    }
    facts = replace(left, introduction=introduction, accounts={**left.accounts, **accounts})
    plan = diff_generation(replace(GENERATION, people=frozenset({"alice"})), facts)
    rows, _ = unpack(pack_transaction(plan))
    assert ["lock-later", "alice"] in rows
    assert [row for row in rows if "lock" in row] == [["act-directory", "lock", "bob"]]

"""The plan holds what is needed to get from the facts to the generation, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.generations import (
    CERTIFICATE,
    GENERATION,
    MAIN_CF,
    MAP,
    USERS,
    fulfilled,
    state_of,
    steps,
    with_file,
)

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.certificate import HostCertificate
from provisioner.facts.host import Facts, Introduction, Pending
from provisioner.model.secrets import PasswordHash
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.resources.account import EXPIRED, Account, AccountState
from provisioner.resources.change import Action
from provisioner.resources.file_state import FileState, left_by
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe

ALICE = Account(
    "alice",
    "mailusers",
    "/home/alice",
    "/sbin/nologin",
    system=False,
    password=PasswordHash("{BLF-CRYPT}$2b$12$new"),
)


def with_alice(**changed: object) -> tuple[Generation, Facts]:
    generation = replace(GENERATION, accounts=(ALICE,), groups=(Group("mailusers", system=False),))
    facts = fulfilled(generation)
    state = AccountState("alice", 1001, 990, "/home/alice", "/sbin/nologin", "$2b$12$new")
    facts = replace(facts, accounts={"alice": replace(state, **changed)})  # type: ignore[arg-type]
    introduction = replace(facts.introduction, managed_accounts=frozenset({"alice"}))
    return generation, replace(facts, introduction=introduction)


def test_a_host_that_is_as_it_should_be_needs_nothing() -> None:
    assert diff_generation(GENERATION, fulfilled()).changes == ()


def test_a_bare_host_gets_everything_in_the_order_of_the_transaction() -> None:
    got = steps(GENERATION, Facts(Introduction(os_release={})))
    assert got == [
        ("install", "package", "postfix"),
        ("install", "package", "dovecot-core"),
        ("create", "group", "vmail"),
        ("create", "account", "vmail"),
        ("create", "directory", "/srv/vmail"),
        ("create", "secret", "/etc/mailprov/tls/site.pem"),
        ("create", "file", USERS.path),
        ("create", "file", MAP.path),
        ("create", "file", MAIN_CF.path),
        ("enable", "unit", "postfix.service"),
        ("start", "unit", "postfix.service"),
        ("update", "record", "directory"),
        ("update", "record", GENERATION.id),
    ]


def test_a_changed_file_is_shown_as_a_unified_diff_and_its_daemon_reloads() -> None:
    found = replace(state_of(MAIN_CF), sha256="0" * 64, content=b"a = 1\nb = 3\n")
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAIN_CF.path, found))
    file, unit, _record = plan.changes
    assert file.diff == (
        f"--- {MAIN_CF.path}\n+++ {MAIN_CF.path}\n@@ -1,2 +1,2 @@\n a = 1\n-b = 3\n+b = 2\n"
    )
    assert (unit.action, unit.reason) == (Action.RELOAD, "/etc/postfix/main.cf changed")


def test_a_new_file_is_shown_as_all_new() -> None:
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAIN_CF.path, None))
    assert plan.changes[0].diff == (
        f"--- /dev/null\n+++ {MAIN_CF.path}\n@@ -0,0 +1,2 @@\n+a = 1\n+b = 2\n"
    )


def test_a_secret_file_never_shows_its_content() -> None:
    found = replace(state_of(USERS), sha256="0" * 64, content=b"old secret")
    plan = diff_generation(GENERATION, with_file(fulfilled(), USERS.path, found))
    shown = repr(plan) + "".join(change.diff + change.reason for change in plan.changes)
    assert "secret-hash" not in shown
    assert "old secret" not in shown
    assert "content differs (secret, not shown)" in shown


def test_a_change_of_users_alone_touches_no_daemon() -> None:
    found = replace(state_of(USERS), sha256="0" * 64)
    got = steps(GENERATION, with_file(fulfilled(), USERS.path, found))
    assert got == [("update", "file", USERS.path), ("update", "record", "directory")]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (replace(state_of(MAIN_CF), mode=0o666), "mode is 0666, wanted 0644"),
        (replace(state_of(MAIN_CF), owner="alice"), "owner is alice, wanted root"),
        (
            replace(state_of(MAIN_CF), owner="alice", group="alice"),
            "owner is alice, wanted root, group is alice, wanted root",
        ),
        (
            FileState("symbolic link", "root", "root", 0o644, MAIN_CF.sha256),
            "kind is symbolic link, wanted regular file",
        ),
    ],
)
def test_owner_mode_and_kind_count_like_content(state: FileState, reason: str) -> None:
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAIN_CF.path, state))
    assert (plan.changes[0].reason, plan.changes[0].diff) == (reason, "")


def test_of_a_secret_file_whose_mode_alone_differs_nothing_is_said_to_be_hidden() -> None:
    state = replace(state_of(USERS), mode=0o644)
    plan = diff_generation(GENERATION, with_file(fulfilled(), USERS.path, state))
    assert plan.changes[0].reason == "mode is 0644, wanted 0640"


def test_a_file_that_left_the_site_is_removed_only_if_mailprov_wrote_it() -> None:
    facts = fulfilled()
    introduction = replace(
        facts.introduction,
        left={**facts.introduction.left, "/etc/postfix/mailprov/old": left_by(MAP)},
    )
    got = steps(GENERATION, replace(facts, introduction=introduction))
    assert ("remove", "file", "/etc/postfix/mailprov/old") in got


def test_a_new_certificate_reloads_who_reads_it() -> None:
    got = steps(GENERATION, replace(fulfilled(), certificate=None))
    assert got[:2] == [
        ("create", "secret", "/etc/mailprov/tls/site.pem"),
        ("reload", "unit", "postfix.service"),
    ]


@pytest.mark.parametrize(
    "found",
    [
        replace(CERTIFICATE, names=("mail.example.net",)),
        replace(CERTIFICATE, ends=CERTIFICATE.read_at + timedelta(days=29)),
        replace(CERTIFICATE, begins=CERTIFICATE.read_at + timedelta(seconds=1)),
        replace(CERTIFICATE, authority=True),
    ],
    ids=["another name", "ends soon", "from a clock that was ahead", "an authority"],
)
def test_a_certificate_that_does_not_serve_gives_way_to_another_of_the_same_key(
    found: HostCertificate,
) -> None:
    plan = diff_generation(GENERATION, replace(fulfilled(), certificate=found))
    renewed, told, _record = plan.changes
    assert (renewed.action, renewed.name) == (Action.RENEW, "/etc/mailprov/tls/site.pem")
    assert "of the same key: it " in renewed.reason
    assert told.action is Action.RELOAD


def test_a_lost_record_is_written_again() -> None:
    facts = fulfilled()
    facts = replace(facts, introduction=replace(facts.introduction, generation=None))
    assert steps(GENERATION, facts) == [("update", "record", GENERATION.id)]


def test_the_users_are_recorded_again_where_the_host_forgot_one_of_their_files() -> None:
    facts = fulfilled()
    left = {path: file for path, file in facts.introduction.left.items() if path != USERS.path}
    facts = replace(facts, introduction=replace(facts.introduction, left=left))
    assert steps(GENERATION, facts) == [("update", "record", "directory")]


def test_a_package_alone_is_recorded_nowhere() -> None:
    facts = replace(fulfilled(), packages=frozenset({"dovecot-core"}))
    assert steps(GENERATION, facts) == [("install", "package", "postfix")]


def test_a_system_account_that_is_right_needs_nothing() -> None:
    assert steps(*with_alice()) == []


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"password": "$2b$12$old"}, ("update", "password", "alice")),
        ({"password": "!$2b$12$new"}, ("update", "password", "alice")),
        ({"shell": "/bin/bash"}, ("update", "account", "alice")),
    ],
)
def test_a_system_account_gets_what_differs(
    changed: dict[str, str], step: tuple[str, str, str]
) -> None:
    assert steps(*with_alice(**changed))[0] == step


def test_a_persons_name_becomes_the_comment_and_none_leaves_the_hosts_own_alone() -> None:
    generation, facts = with_alice(comment="Old Name")
    assert steps(generation, facts) == []
    named = replace(generation, accounts=(replace(ALICE, comment="Alice Example"),))
    change = diff_generation(named, facts).changes[0]
    assert (change.kind, change.action) == ("account", Action.UPDATE)
    assert change.reason == 'name is "Old Name"'


def test_somebody_elses_account_is_refused_with_a_way_out() -> None:
    generation, facts = with_alice(gid=100)
    unknown = replace(facts.introduction, managed_accounts=frozenset())
    facts = replace(facts, introduction=unknown)
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, facts)
    assert caught.value.exit_code is ExitCode.REFUSED
    (diagnostic,) = caught.value.diagnostics
    assert "usermod -g mailusers alice" in diagnostic.fix
    assert diagnostic.got == "uid 1001, gid 100, home /home/alice"
    assert "mailusers" in diagnostic.want


def test_an_account_that_left_the_site_is_locked_and_kept() -> None:
    facts = fulfilled()
    introduction = replace(facts.introduction, managed_accounts=frozenset({"bob"}))
    bob = AccountState("bob", 1002, 990, "/home/bob", "/sbin/nologin", "$2b$12$x")
    facts = replace(facts, introduction=introduction, accounts={**facts.accounts, "bob": bob})
    assert steps(GENERATION, facts)[0] == ("lock", "account", "bob")
    # A lock alone keeps out nobody who has a key, and no cron job.
    locked = replace(bob, password="!$2b$12$x")
    facts = replace(facts, accounts={**facts.accounts, "bob": locked})
    assert steps(GENERATION, facts)[0] == ("lock", "account", "bob")
    shut = replace(locked, expires=EXPIRED)
    facts = replace(facts, accounts={**facts.accounts, "bob": shut})
    assert ("lock", "account", "bob") not in steps(GENERATION, facts)


@pytest.mark.parametrize(
    ("locked", "expires", "changes"),
    [(True, "", 1), (True, EXPIRED, 0), (False, EXPIRED, 1), (False, "", 0), (False, "19000", 0)],
)
def test_an_account_expires_with_its_lock_and_no_other_expiry_is_touched(
    *, locked: bool, expires: str, changes: int
) -> None:
    generation, facts = with_alice()
    alice = replace(generation.accounts_by_name["alice"], locked=locked)
    generation = replace(
        generation, accounts=tuple(alice if a.name == "alice" else a for a in generation.accounts)
    )
    state = replace(facts.accounts["alice"], password=alice.shadow_text, expires=expires)
    facts = replace(facts, accounts={**facts.accounts, "alice": state})
    told = [c for c in diff_generation(generation, facts).changes if c.kind == "password"]
    assert len(told) == changes


def test_a_service_that_left_the_host_is_retired_before_its_files_go() -> None:
    facts = fulfilled()
    introduction = replace(
        facts.introduction,
        managed_units=frozenset({"unbound.service", "postfix.service"}),
        left={**facts.introduction.left, "/etc/unbound/unbound.conf": left_by(MAIN_CF)},
    )
    got = steps(GENERATION, replace(facts, introduction=introduction))
    assert got[:2] == [
        ("retire", "unit", "unbound.service"),
        ("remove", "file", "/etc/unbound/unbound.conf"),
    ]


def test_a_secret_of_the_host_keeps_its_owner_and_mode() -> None:
    (recipe,) = GENERATION.recipes
    readable = FileState("regular file", "root", "root", 0o644)
    plan = diff_generation(GENERATION, with_file(fulfilled(), recipe.path, readable))
    change = plan.changes[0]
    assert (change.kind, change.action, change.name) == ("secret", Action.UPDATE, recipe.path)
    assert change.reason == "mode is 0644, wanted 0600"


def test_the_operators_certificate_gives_way_to_one_of_the_hosts_own() -> None:
    (recipe,) = GENERATION.recipes
    facts = fulfilled()
    left = {**facts.introduction.left, recipe.path: left_by(MAIN_CF)}
    facts = replace(facts, introduction=replace(facts.introduction, left=left))
    got = steps(GENERATION, facts)
    assert ("create", "secret", recipe.path) in got
    assert ("remove", "file", recipe.path) not in got


@pytest.mark.parametrize(
    "changed",
    [{"shell": "/bin/bash"}, {"password": "$2b$12$old"}, {"gid": 4}, {"expires": EXPIRED}],
)
def test_a_user_who_carries_the_connection_is_refused_before_anything_changes(
    changed: dict[str, object],
) -> None:
    """Root was locked, and mailprov came in as alice by her sudo: nobody got in any more."""
    generation, facts = with_alice(**changed)
    carried = replace(facts.introduction, carriers=frozenset({"alice"}))
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, replace(facts, introduction=carried))
    assert caught.value.exit_code is ExitCode.REFUSED
    (diagnostic,) = caught.value.diagnostics
    assert "alice carries this connection" in diagnostic.summary
    assert diagnostic.where == "mail: account alice"
    assert diagnostic.got
    assert "login" in diagnostic.want
    assert "hosts.mail.ssh.user" in diagnostic.fix


def test_a_carrier_whom_mailprov_did_not_make_is_not_to_be_handed_over() -> None:
    """The advice for a stranger's account, usermod, would change what the connection hangs on."""
    generation, facts = with_alice(gid=100)
    introduction = replace(
        facts.introduction, managed_accounts=frozenset(), carriers=frozenset({"alice"})
    )
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, replace(facts, introduction=introduction))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.where == "mail: account alice"
    assert "take it over" in diagnostic.got
    assert "usermod" not in diagnostic.fix


def test_all_that_would_change_of_a_carrier_is_told_line_by_line() -> None:
    differing = {"shell": "/bin/bash", "password": "$2b$12$old"}
    generation, facts = with_alice(**differing)
    carried = replace(facts.introduction, carriers=frozenset({"alice"}))
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, replace(facts, introduction=carried))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.got.splitlines() == [
        "update account: login shell is /bin/bash",
        "update password: differs",
    ]


def test_a_carrier_who_left_the_site_is_not_locked_out_either() -> None:
    facts = fulfilled()
    introduction = replace(
        facts.introduction, managed_accounts=frozenset({"bob"}), carriers=frozenset({"bob"})
    )
    bob = AccountState("bob", 1002, 990, "/home/bob", "/bin/sh", "$2b$12$x")
    facts = replace(facts, introduction=introduction, accounts={**facts.accounts, "bob": bob})
    with pytest.raises(MailprovError, match="bob carries this connection"):
        diff_generation(GENERATION, facts)


def test_a_carrier_who_stays_as_the_account_is_may_be_a_user() -> None:
    generation, facts = with_alice()
    carried = replace(facts.introduction, carriers=frozenset({"alice"}))
    assert diff_generation(generation, replace(facts, introduction=carried)).changes == ()


def test_root_is_nobodys_mail_account_whatever_group_it_is_in() -> None:
    generation, facts = with_alice(uid=0)
    with pytest.raises(MailprovError, match="administrator") as caught:
        diff_generation(generation, facts)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.where, diagnostic.got, bool(diagnostic.want)) == ("mail", "uid 0", True)


@pytest.mark.parametrize(
    ("groups", "advice"),
    [({}, "/usr/sbin/groupadd mailusers && /usr/sbin/usermod"), (None, ": /usr/sbin/usermod")],
)
def test_an_account_is_handed_over_by_commands_that_work_at_once(
    groups: dict[str, int] | None, advice: str
) -> None:
    """The group came with the first apply, which the account kept from happening."""
    generation, facts = with_alice(gid=100)
    unknown = replace(facts.introduction, managed_accounts=frozenset())
    facts = replace(facts, introduction=unknown, groups=facts.groups if groups is None else groups)
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, facts)
    assert f"{advice} -g mailusers alice" in caught.value.diagnostics[0].fix


def test_mail_that_nobody_will_see_any_more_is_named() -> None:
    """An account was handed over as advised, and what lay in /var/mail was gone from sight."""
    generation, facts = with_alice()
    facts = replace(facts, spools={"/var/mail/alice": "3", "/var/mail/somebody": "1"})
    (notice,) = diff_generation(generation, facts).generation.notices
    assert "/var/mail/alice contains 3 messages that alice will not see" in notice


def reasons(generation: Generation, facts: Facts) -> dict[tuple[str, str], str]:
    """Return what the plan says of each kind and name."""
    plan = diff_generation(generation, facts)
    return {(change.kind, change.name): change.reason for change in plan.changes}


def test_each_change_says_why() -> None:
    got = reasons(GENERATION, Facts(Introduction(os_release={})))
    assert got == {
        ("package", "postfix"): "not installed",
        ("package", "dovecot-core"): "not installed",
        ("group", "vmail"): "missing",
        ("account", "vmail"): "missing",
        ("directory", "/srv/vmail"): "missing",
        ("secret", "/etc/mailprov/tls/site.pem"): "made on the host for mail.example.org",
        ("file", USERS.path): "missing",
        ("file", MAP.path): "missing",
        ("file", MAIN_CF.path): "missing",
        ("unit", "postfix.service"): "not running",
        ("record", "directory"): "users, aliases or secrets",
        ("record", GENERATION.id): "first generation of this host",
    }


def test_what_goes_says_that_the_site_no_longer_has_it() -> None:
    facts = fulfilled()
    gone = replace(MAP, path="/etc/postfix/mailprov/gone")
    introduction = replace(
        facts.introduction,
        generation="0123456789ab",
        left={**facts.introduction.left, gone.path: left_by(gone)},
        managed_units=frozenset({"postfix.service", "dovecot.service"}),
        managed_accounts=frozenset({"bob"}),
    )
    bob = AccountState("bob", 1002, 990, "/home/bob", "/sbin/nologin", "$2b$12$x")
    facts = replace(facts, introduction=introduction, accounts={**facts.accounts, "bob": bob})
    assert reasons(GENERATION, facts) == {
        ("account", "bob"): "no longer in the site; its mail is kept",
        ("unit", "dovecot.service"): "no longer part of this host",
        ("file", gone.path): "no longer part of the site",
        ("record", "directory"): "users, aliases or secrets",
        ("record", GENERATION.id): "was generation 0123456789ab",
    }


def test_a_record_that_is_written_anew_for_the_same_generation_says_so() -> None:
    facts = with_file(fulfilled(), MAP.path, None)
    assert reasons(GENERATION, facts)["record", GENERATION.id] == "the generation stays"


@pytest.mark.parametrize(
    ("locked", "state", "reason"),
    [
        (False, {"password": "$2b$12$old"}, "differs"),
        (True, {"password": "$2b$12$new"}, "locked"),
        (True, {"password": "!$2b$12$new"}, "locked, but SSH keys still work"),
        (False, {"expires": EXPIRED}, "the account has expired"),
    ],
)
def test_a_password_says_why_it_is_set(*, locked: bool, state: dict[str, str], reason: str) -> None:
    generation, facts = with_alice(**state)
    generation = replace(generation, accounts=(replace(ALICE, locked=locked),))
    assert reasons(generation, facts)["password", "alice"] == reason
    assert ("update", "password", "alice") in steps(generation, facts)


def test_a_new_account_gets_its_password_at_once() -> None:
    generation, facts = with_alice()
    got = reasons(generation, replace(facts, accounts={}))
    assert (got["account", "alice"], got["password", "alice"]) == ("missing", "new")


def test_an_account_that_is_shut_holds_its_hash_behind_a_mark() -> None:
    assert ALICE.shadow_text == "$2b$12$new"
    assert replace(ALICE, locked=True).shadow_text == "!$2b$12$new"
    assert replace(ALICE, locked=True, password=None).shadow_text == "!"


def test_one_account_hides_no_other() -> None:
    """Neither one that is refused nor one of the system's, which is only looked at."""
    bob = replace(ALICE, name="bob", home="/home/bob")
    generation, facts = with_alice(gid=100)
    generation = replace(generation, accounts=(ALICE, bob))
    states = {
        name: replace(facts.accounts["alice"], name=name, home=f"/home/{name}")
        for name in ("alice", "bob")
    }
    unknown = replace(facts.introduction, managed_accounts=frozenset())
    facts = replace(facts, accounts=states, introduction=unknown)
    with pytest.raises(MailprovError) as caught:
        diff_generation(generation, facts)
    assert [one.summary for one in caught.value.diagnostics] == [
        "the account alice exists, but mailprov did not make it",
        "the account bob exists, but mailprov did not make it",
    ]
    other_shell = {"shell": "/bin/bash"}
    generation, facts = with_alice(**other_shell)
    (vmail,) = GENERATION.accounts
    generation = replace(
        generation, accounts=(vmail, ALICE), groups=(*GENERATION.groups, *generation.groups)
    )
    facts = replace(
        facts,
        accounts={**fulfilled().accounts, **facts.accounts},
        groups={**fulfilled().groups, **facts.groups},
    )
    assert ("update", "account", "alice") in steps(generation, facts)


def test_an_account_is_ours_by_its_group_or_because_we_made_it() -> None:
    generation, facts = with_alice()
    unknown = replace(facts.introduction, managed_accounts=frozenset())
    got = reasons(generation, replace(facts, introduction=unknown))
    assert ("account", "alice") not in got
    differing = {"gid": 100, "shell": "/bin/bash"}
    generation, facts = with_alice(**differing)
    assert reasons(generation, facts)["account", "alice"] == (
        "primary group is not mailusers, login shell is /bin/bash"
    )


def test_a_secret_of_the_host_is_made_where_it_is_not_there() -> None:
    recipe = Recipe("trust-anchor", "/var/lib/unbound/root.key", "the root zone")
    generation = replace(GENERATION, recipes=(*GENERATION.recipes, recipe))
    facts = fulfilled(generation)
    assert steps(generation, facts) == []
    facts = replace(facts, recipes=frozenset({"self-signed"}))
    assert ("create", "secret", recipe.path) in steps(generation, facts)


def test_a_file_that_no_daemon_reads_waits_for_the_daemons() -> None:
    """The host's resolver file names Unbound only once Unbound answers."""
    resolver = replace(MAP, path="/etc/resolv.conf", daemons=(), rank=99)
    generation = replace(GENERATION, artifacts=(resolver, MAIN_CF, MAP, USERS))
    facts = with_file(with_file(fulfilled(generation), resolver.path, None), MAP.path, None)
    kinds = [step for step in steps(generation, facts) if step[1] != "record"]
    assert kinds == [
        ("create", "file", MAP.path),
        ("reload", "unit", "postfix.service"),
        ("create", "file", resolver.path),
    ]


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        (None, "-"),
        (FileState("symbolic link", "root", "root", 0o777, MAP.sha256), "link"),
        (FileState("fifo", "root", "root", 0o644, "0" * 64), "other"),
        (FileState("regular file", "root", "root", 0o644, None), "other"),
        (FileState("regular file", "root", "root", 0o644, "0" * 64), "0" * 64),
    ],
)
def test_a_plan_keeps_what_it_saw_where_it_writes(state: FileState | None, seen: str) -> None:
    """The host compares that with what is there when it writes, and refuses where it is not."""
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAP.path, state))
    assert plan.seen == {MAP.path: seen}


def test_a_plan_names_the_transaction_that_it_follows() -> None:
    facts = fulfilled()
    pending = Pending("8", GENERATION.id, "operator@desk", armed=True)
    introduction = replace(facts.introduction, serial="7", pending=pending)
    plan = diff_generation(GENERATION, replace(facts, introduction=introduction))
    assert (plan.serial, plan.pending) == ("7", pending)


def test_a_user_who_becomes_virtual_is_told_when_the_account_is_locked() -> None:
    """The users' files change their kind: the lock waits for the confirmation."""
    facts = fulfilled()
    before = replace(USERS, path="/etc/dovecot/mailprov/accounts")
    bob = AccountState("bob", 1002, 990, "/home/bob", "/sbin/nologin", "$2b$12$x")
    introduction = replace(
        facts.introduction,
        managed_accounts=frozenset({"bob"}),
        left={before.path: left_by(before)},
    )
    facts = replace(facts, introduction=introduction, accounts={**facts.accounts, "bob": bob})
    got = reasons(replace(GENERATION, people=frozenset({"bob"})), facts)
    assert got["account", "bob"] == (
        "its user is virtual from now on; locked once this is confirmed"
    )

"""What a transaction leaves behind that returned, broke off, or was ended in the middle.

The remote program itself, on a host that is nothing but a disk (support.forgetful_host);
where a test needs a fault it puts a program in the place of the host's own.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.chance import some_of
from support.crash_site import (
    ALIASES,
    MAIN_CF,
    PROGRAMS,
    RECOVER_AT_BOOT,
    USERS,
    generation,
    observe,
)
from support.forgetful_host import NEVER, ForgetfulHost, missing_for_forgetful_hosts, pending_of

from provisioner.model.secrets import PasswordHash
from provisioner.plan.diff import diff_generation
from provisioner.plan.drift import find_drift
from provisioner.plan.generation import Generation
from provisioner.plan.transaction import pack_transaction
from provisioner.resources.account import Account
from provisioner.resources.group import Group

pytestmark = pytest.mark.skipif(
    bool(missing_for_forgetful_hosts()), reason="; ".join(missing_for_forgetful_hosts())
)

STATE = "/var/lib/mailprov"
DOVECOT_CONF = "/etc/dovecot/dovecot.conf"
OWN = "# of the operator\n"
PEOPLE = ("alice", "bob")
ACCOUNTS = """
echo mailusers:x:1001: >>/etc/group
for name in alice bob; do
    echo "$name:x:1001:1001::/home/$name:/sbin/nologin" >>/etc/passwd
    echo "$name:\\$6\\$x:19000::::::" >>/etc/shadow
done"""


@pytest.fixture
def bare(tmp_path: Path) -> ForgetfulHost:
    """Return a host with a main.cf of its operator's."""
    host = ForgetfulHost.create(tmp_path / "host")
    host.shell(f"echo '{OWN.strip()}' >{MAIN_CF}")
    return host


@pytest.fixture(scope="module")
def applied_once() -> Iterator[ForgetfulHost]:
    with tempfile.TemporaryDirectory() as folder:
        host = ForgetfulHost.create(Path(folder) / "host")
        confirm(host, generation("a", 0))
        yield host


@pytest.fixture
def applied(applied_once: ForgetfulHost, tmp_path: Path) -> ForgetfulHost:
    """Return a host with configuration `a` and the list of users 0."""
    return applied_once.copy(tmp_path / "host")


@pytest.fixture(scope="module")
def with_accounts_once() -> Iterator[ForgetfulHost]:
    with tempfile.TemporaryDirectory() as folder:
        host = ForgetfulHost.create(Path(folder) / "host")
        host.shell(ACCOUNTS)
        confirm(host, of_accounts(*PEOPLE))
        yield host


@pytest.fixture
def with_accounts(with_accounts_once: ForgetfulHost, tmp_path: Path) -> ForgetfulHost:
    """Return a host whose users, alice and bob, have accounts of the host."""
    return with_accounts_once.copy(tmp_path / "host")


def of_accounts(*names: str) -> Generation:
    """Return a configuration whose users have accounts of the host."""
    plain = generation("a", 0)
    password = PasswordHash("{SHA512-CRYPT}$6$x")
    return replace(
        plain,
        artifacts=tuple(one for one in plain.artifacts if one.path != USERS),
        groups=(Group("mailusers", system=False),),
        accounts=tuple(
            Account(name, "mailusers", f"/home/{name}", "/sbin/nologin", False, password)  # noqa: FBT003 system
            for name in names
        ),
    )


def of_virtual_users(*names: str) -> Generation:
    return replace(generation("b", 0), people=frozenset(names))


def transact(
    host: ForgetfulHost, wanted: Generation, *, between: str = "", decided: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Apply without an end. between: done on the host after it was observed."""
    plan = diff_generation(wanted, observe(host, wanted))
    assert decided or not plan.drift, [drift.what for drift in plan.drift]
    host.shell(between)
    return host.run(PROGRAMS["transact"], "test", "60", stdin=pack_transaction(plan))


def settle(
    host: ForgetfulHost, done: subprocess.CompletedProcess[bytes], *end: str, crash: int = NEVER
) -> subprocess.CompletedProcess[bytes]:
    pending = pending_of(done.stdout)
    assert pending, done.stdout.decode() + done.stderr.decode()
    return host.run(PROGRAMS["settle"], end[0], pending, *end[1:], crash=crash)


def confirm(host: ForgetfulHost, wanted: Generation) -> None:
    done = transact(host, wanted)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    if pending_of(done.stdout):
        done = settle(host, done, "confirm")
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def return_now(host: ForgetfulHost, wanted: Generation) -> subprocess.CompletedProcess[bytes]:
    return settle(host, transact(host, wanted), "return", "it does not work")


def locked(host: ForgetfulHost) -> set[str]:
    rows = (row.split(":") for row in host.shell("cat /etc/shadow").splitlines())
    return {name for name, password, *_ in rows if password.startswith("!")}


def last_outcome(host: ForgetfulHost) -> str:
    return host.shell(f"tail -n 1 {STATE}/history").rstrip("\n").split("\t")[-1]


def put_before(host: ForgetfulHost, name: str, text: str) -> None:
    """Have lines of shell run before a program of the host's, at each call."""
    program = host.folder / "programs/sbin" / name
    first, _, rest = program.read_text().partition("\n")
    host.add_program(name, f"{first}\n{text}\n{rest}")


def called_with(last: str, fault: str) -> str:
    """Return shell for `put_before`: the fault, where the program's last words are these."""
    return f'case " $*" in *" {last}") {fault} ;; esac'


def once(last: str, fault: str) -> str:
    return called_with(last, f"[ -e /run/hit ] || {{ : >/run/hit; {fault}; }}")


def test_an_account_is_locked_only_once_the_kind_of_accounts_has_really_changed(
    with_accounts: ForgetfulHost,
) -> None:
    host = with_accounts
    done = transact(host, of_virtual_users("alice"))
    # Nobody's return revives bob, who was removed.
    assert locked(host) == {"bob"}
    assert settle(host, done, "return", "it does not work").returncode == 0
    assert locked(host) == {"bob"}
    assert not diff_generation(of_accounts("alice"), observe(host, of_accounts("alice"))).drift
    confirm(host, of_virtual_users("alice"))
    assert locked(host) == {"alice", "bob"}


def test_the_power_may_fail_while_another_kind_of_accounts_is_confirmed(
    with_accounts: ForgetfulHost, tmp_path: Path
) -> None:
    before, after = of_accounts(*PEOPLE), of_virtual_users("alice")
    done = transact(with_accounts, after)
    whole = with_accounts.copy(tmp_path / "whole")
    assert settle(whole, done, "confirm").returncode == 0
    for crash in some_of(whole.calls):
        host = with_accounts.copy(tmp_path / f"crash-{crash}")
        settle(host, done, "confirm", crash=crash)
        host.boot()
        host.shell(RECOVER_AT_BOOT)
        host.start_units()
        facts = observe(host, after)
        is_after = facts.introduction.generation == after.id
        wanted = after if is_after else before
        assert not find_drift(wanted, observe(host, wanted)), crash
        assert locked(host) == ({"alice", "bob"} if is_after else {"bob"}), crash
        confirm(host, after)
        assert not diff_generation(after, observe(host, after)).changes, crash
        assert locked(host) == {"alice", "bob"}, crash


def test_what_is_edited_after_a_first_apply_returned_is_what_was_found(
    bare: ForgetfulHost,
) -> None:
    assert return_now(bare, generation("a", 0)).returncode == 0
    assert bare.shell(f"cat {MAIN_CF}") == OWN
    edited = "# an edit of meanwhile\n"
    bare.shell(f"echo '{edited.strip()}' >{MAIN_CF}")
    confirm(bare, generation("a", 0))
    assert bare.shell(f"cat {STATE}/generations/0/tree{MAIN_CF}") == edited
    # What mailprov left itself is never taken for something found.
    confirm(bare, generation("b", 0))
    assert bare.shell(f"cat {STATE}/generations/0/tree{MAIN_CF}") == edited


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        pytest.param(DOVECOT_CONF, "echo '# by hand' >>/etc/dovecot/dovecot.conf", id="edited"),
        pytest.param("/etc/resolv.conf", "echo '# by hand' >/etc/resolv.conf", id="new"),
        pytest.param(DOVECOT_CONF, "rm /etc/dovecot/dovecot.conf", id="removed"),
        pytest.param(USERS, f"echo '# by hand' >>{USERS}", id="users"),
    ],
)
def test_an_edit_made_after_the_host_was_observed_is_not_overwritten(
    applied: ForgetfulHost, path: str, edit: str, tmp_path: Path
) -> None:
    alike = applied.copy(tmp_path / "alike")
    alike.shell(edit)
    done = transact(applied, generation("b", 1), between=edit)
    assert done.returncode == 75, done.stdout.decode()
    assert f"@edited\n{path}\n" in done.stdout.decode()
    assert applied.files() == alike.files()
    assert transact(applied, generation("b", 1), decided=True).returncode == 0


def test_a_link_that_stands_in_the_way_is_replaced_wherever_it_leads(
    applied: ForgetfulHost,
) -> None:
    applied.shell("echo '# stub' >/etc/stub && ln -s /etc/stub /etc/resolv.conf")
    done = transact(applied, generation("b", 0), between="echo '# new lease' >/etc/stub")
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize("end", ["confirm", "return"])
def test_a_reload_that_users_share_with_a_configuration_is_owed_until_it_was_done(
    applied: ForgetfulHost, end: str
) -> None:
    # The configuration cannot begin; users are in force by then.
    unit = "/etc/systemd/system/mailprov-recover.service"
    blocked = f"{unit}.new"
    applied.shell(f"rm {unit} && mkdir {blocked}")
    assert transact(applied, generation("b", 1)).returncode == 71
    assert applied.stale_units() == ["postfix.service"]
    applied.shell(f"rmdir {blocked}")
    # The site file goes back, too: nothing but the reload is left to do.
    done = transact(applied, generation("a", 1))
    assert settle(applied, done, end, "it does not work").returncode == 0
    assert applied.stale_units() == []
    facts = observe(applied, generation("a", 1))
    assert facts.introduction.unfinished == frozenset()


@pytest.mark.parametrize(
    ("log", "status"),
    [
        (["SIGHUP received - reloading configuration"], 0),
        (["SIGHUP received - reloading configuration", "Error: Config reload failed: no such"], 71),
        (["Error: Failed to read configuration: no such"], 71),
        (["Error: Config reload failed: no such", "Dovecot v2.4.1 starting up for imap"], 0),
    ],
)
def test_what_dovecot_could_not_read_at_a_reload_is_not_kept(
    applied: ForgetfulHost, log: list[str], status: int
) -> None:
    before = applied.files()
    said = "".join(f"master: {line}\\n" for line in log)
    applied.add_program("journalctl", f"#!/bin/sh\nprintf '{said}'\n")
    done = settle(applied, transact(applied, generation("b", 0)), "confirm")
    assert done.returncode == status
    assert (applied.files() == before) == (status == 71)
    if status:
        assert "no such" in done.stderr.decode()
        assert last_outcome(applied) == "returned: Dovecot could not use its new configuration"


def test_a_service_that_boot_starts_meanwhile_reads_the_new_files_all_the_same(
    applied: ForgetfulHost,
) -> None:
    applied.shell("systemctl stop dovecot.service")
    done = transact(applied, generation("b", 0), between="systemctl start dovecot.service")
    assert settle(applied, done, "confirm").returncode == 0
    assert applied.stale_units() == []


def test_a_service_that_does_not_come_up_after_a_return_is_told(applied: ForgetfulHost) -> None:
    applied.add_program("journalctl", "#!/bin/sh\necho no room for mail\n")
    done = transact(applied, generation("b", 0))
    put_before(applied, "systemctl", called_with("restart dovecot.service", "exit 1"))
    done = settle(applied, done, "return", "it does not work")
    assert done.returncode == 0
    assert "@down dovecot.service\n" in done.stdout.decode()
    assert "|no room for mail\n" in done.stdout.decode()
    want = "returned: it does not work; did not come up: dovecot.service"
    assert last_outcome(applied) == want
    # The others are what they were.
    assert [path for path in applied.files() if ".mailprov-" in path] == []
    assert "postfix.service" not in applied.stale_units()


@pytest.mark.parametrize("broken", ["restart", "reload"])
def test_what_a_reload_put_in_force_is_taken_back_by_one_or_else_by_a_restart(
    applied: ForgetfulHost, broken: str
) -> None:
    done = transact(applied, generation("d", 0))
    put_before(applied, "systemctl", called_with(f"{broken} postfix.service", "exit 1"))
    done = settle(applied, done, "return", "it does not work")
    assert "@down" not in done.stdout.decode()
    assert applied.stale_units() == []


def test_what_two_broken_off_transactions_wrote_is_nobodys_edit(applied: ForgetfulHost) -> None:
    programs = applied.folder / "programs/sbin"
    moving, writing = (programs / "mv").read_text(), (programs / "install").read_text()
    put_before(applied, "mv", called_with(ALIASES, "exit 1"))
    assert transact(applied, generation("a", 1)).returncode == 70
    assert applied.files()[USERS] == b"users 1\n"
    applied.add_program("mv", moving)
    put_before(applied, "install", called_with(f"{USERS}.mailprov-new", "exit 1"))
    assert transact(applied, generation("a", 2)).returncode == 70
    applied.add_program("install", writing)
    confirm(applied, generation("a", 3))
    assert applied.files()[USERS] == b"users 3\n"
    assert applied.stale_units() == []


@pytest.mark.parametrize("signal", ["TERM", "HUP", "INT"])
def test_a_signal_in_the_middle_has_the_configuration_return_at_once(
    applied: ForgetfulHost, signal: str
) -> None:
    before = applied.files()
    put_before(applied, "systemctl", once("reload dovecot.service", f"kill -{signal} $PPID"))
    done = transact(applied, generation("b", 0))
    assert done.returncode == 71, done.stdout.decode() + done.stderr.decode()
    assert "@failed reload dovecot.service\n|it was interrupted by a signal\n" in (
        done.stdout.decode()
    )
    assert applied.files() == before
    assert applied.stale_units() == []
    assert last_outcome(applied) == "returned: interrupted"
    assert not (applied.folder / "run/armed").exists()
    assert observe(applied, generation("a", 0)).introduction.pending is None


def test_a_signal_while_users_change_leaves_what_is_in_force_and_converges(
    applied: ForgetfulHost,
) -> None:
    put_before(applied, "mv", once(ALIASES, "kill -TERM $PPID"))
    done = transact(applied, generation("b", 1))
    assert done.returncode == 70
    assert "|it was interrupted by a signal" in done.stdout.decode()
    confirm(applied, generation("b", 1))
    assert applied.stale_units() == []


@pytest.mark.parametrize("site", ["a", "b", "c"])
def test_what_is_pending_is_no_edit_and_an_edit_of_it_is(applied: ForgetfulHost, site: str) -> None:
    transact(applied, generation("b", 1))
    wanted = generation(site, 1)
    assert find_drift(wanted, observe(applied, wanted)) == {}
    applied.shell(f"echo '# by hand' >>{DOVECOT_CONF}")
    assert set(find_drift(wanted, observe(applied, wanted))) == {DOVECOT_CONF}


def test_a_settling_that_finds_another_program_at_work_says_so(applied: ForgetfulHost) -> None:
    done = transact(applied, generation("b", 0))
    at_work = f"exec 8>>{STATE}/lock; flock 8; flock() {{ return 1; }}\n"
    done = applied.run(at_work + PROGRAMS["settle"], "confirm", pending_of(done.stdout) or "")
    assert (done.returncode, done.stdout) == (75, b"@locked\n")
    done = applied.run(PROGRAMS["settle"], "abandoned")
    assert done.returncode == 75
    assert b"@locked\nthe configuration that test applied waits" in done.stdout


def test_a_host_that_waits_longer_is_confirmed_as_ever(applied: ForgetfulHost) -> None:
    done = transact(applied, generation("b", 0))
    applied.shell(": >/run/active-mailprov-return.service")
    waits = settle(applied, done, "extend", "60")
    assert waits.returncode == 0, waits.stderr.decode()
    # Whoever had come to return, and found the host locked, has gone; the timer is set anew.
    assert applied.shell("ls /run").split().count("armed") == 1
    assert "active-mailprov-return.service" not in applied.shell("ls /run")
    assert settle(applied, done, "confirm").returncode == 0
    assert observe(applied, generation("b", 0)).introduction.generation == generation("b", 0).id
    assert [p for p in applied.files() if ".mailprov-" in p] == []


def test_a_host_that_cannot_wait_longer_returns_at_once(applied: ForgetfulHost) -> None:
    done = transact(applied, generation("b", 0))
    applied.add_program("systemd-run", "#!/bin/sh\nexit 1\n")
    waits = settle(applied, done, "extend", "60")
    assert waits.returncode == 71
    facts = observe(applied, generation("a", 0))
    assert (facts.introduction.pending, facts.introduction.generation) == (
        None,
        generation("a", 0).id,
    )
    last = applied.shell(f"tail -n 1 {STATE}/history")
    assert last.rstrip("\n").endswith("\treturned: it could not wait any longer")


def test_nobody_waits_for_what_has_returned(applied: ForgetfulHost) -> None:
    done = transact(applied, generation("b", 0))
    assert settle(applied, done, "return", "it does not work").returncode == 0
    assert settle(applied, done, "extend", "60").returncode == 66


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 4, 5])
def test_a_host_that_dies_before_it_is_confirmed_returns_however_long_it_was_to_wait(
    applied: ForgetfulHost, calls: int
) -> None:
    done = transact(applied, generation("b", 0))
    settle(applied, done, "extend", "3600", crash=calls or NEVER)
    applied.boot()
    assert applied.run(RECOVER_AT_BOOT).returncode == 0
    applied.start_units()
    assert applied.files()[DOVECOT_CONF] == b"# a\n"
    confirm(applied, generation("c", 0))
    assert applied.files()[DOVECOT_CONF] == b"# c\n"

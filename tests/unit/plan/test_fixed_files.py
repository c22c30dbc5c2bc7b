"""Files that cannot give way are told before packages are installed.

Where /etc/resolv.conf was immutable people saw the words of ln(1) alone, after the packages had
come.
"""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, MAP

from provisioner.facts.host import Facts, FixedFile, Introduction
from provisioner.facts.observation import parse_facts
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.fixed_files import fixed_diagnostic

BARE = Introduction(os_release={})
RESOLV = replace(MAP, path="/etc/resolv.conf")


def plan(*artifacts: object) -> Plan:
    generation = replace(GENERATION, artifacts=artifacts, accounts=(), groups=(), packages=())  # type: ignore[arg-type]
    return diff_generation(generation, Facts(BARE))


def test_the_command_that_sets_a_file_free_is_told_and_the_key_that_leaves_it_alone() -> None:
    fixed = [FixedFile("/etc/resolv.conf", "immutable", "/etc/resolv.conf")]
    got = fixed_diagnostic(plan(RESOLV), fixed)
    assert got is not None
    assert got.got == "/etc/resolv.conf: immutable (chattr +i)"
    assert (got.where, bool(got.want)) == ("mail", True)
    assert "`chattr -i /etc/resolv.conf`" in got.fix
    assert "`resolv_conf: keep` under hosts.mail" in got.fix


def test_files_of_all_kinds_are_told_at_once_with_one_command_for_each() -> None:
    fixed = [
        FixedFile(MAIN_CF.path, "mount", MAIN_CF.path),
        FixedFile(MAP.path, "read-only", "/etc/postfix"),
        FixedFile(RESOLV.path, "immutable", "/etc"),
    ]
    got = fixed_diagnostic(plan(MAIN_CF, MAP, RESOLV), fixed)
    assert got is not None
    assert got.got.splitlines() == [
        "/etc/postfix/main.cf is a mount point",
        "/etc/postfix/mailprov/aliases is on /etc/postfix, which is mounted read-only",
        "/etc, above /etc/resolv.conf: immutable (chattr +i)",
    ]
    commands = "chattr -i /etc && umount /etc/postfix/main.cf && mount -o remount,rw /etc/postfix"
    assert f"`{commands}`" in got.fix


def test_what_does_not_change_may_be_as_fixed_as_it_is() -> None:
    fixed = [
        FixedFile(RESOLV.path, "immutable", RESOLV.path),
        FixedFile("/etc/passwd", "immutable", "/etc/passwd"),
    ]
    assert fixed_diagnostic(plan(MAIN_CF), fixed) is None


def test_files_of_accounts_count_where_accounts_or_packages_come() -> None:
    fixed = [FixedFile("/etc/passwd", "immutable", "/etc/passwd")]
    got = fixed_diagnostic(diff_generation(GENERATION, Facts(BARE)), fixed)
    assert got is not None
    assert "chattr -i /etc/passwd" in got.fix


def test_the_hosts_rows_are_read() -> None:
    lines = ["@fixed", "/etc/resolv.conf\tmount\t/etc/resolv.conf", "@end"]
    assert parse_facts(BARE, lines).fixed == (
        FixedFile("/etc/resolv.conf", "mount", "/etc/resolv.conf"),
    )

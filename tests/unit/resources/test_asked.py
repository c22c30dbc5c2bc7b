"""What a host is asked of all but files: what is wanted, and people's accounts that were left."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION

from provisioner.facts.host import Introduction
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import observation_rows
from provisioner.platforms.records import platform_named
from provisioner.resources.account import Account
from provisioner.resources.unit import Unit

NOBODYS = Introduction({})
ALICE = Account("alice", "mailusers", "/home/alice", "/sbin/nologin", system=False)


def asked(
    kind: str, wanted: Generation = GENERATION, introduction: Introduction = NOBODYS
) -> list[list[str]]:
    lines = observation_rows(wanted, introduction).decode().splitlines()
    return [row.split("\t")[1:] for row in lines if row.partition("\t")[0] == kind]


def test_packages_and_groups_are_asked_for_by_name() -> None:
    assert asked("package") == [["postfix"], ["dovecot-core"]]
    assert asked("group") == [["vmail"]]


def test_passwords_are_asked_for_of_people_alone_and_of_those_who_left() -> None:
    wanted = replace(GENERATION, accounts=(*GENERATION.accounts, ALICE))
    left = replace(NOBODYS, managed_accounts=frozenset({"bob", "alice"}))
    assert asked("account", wanted, left) == [["alice"], ["bob"], ["vmail"]]
    assert asked("shadow", wanted, left) == [["alice"], ["bob"]]
    assert asked("shadow") == []


def test_a_service_is_asked_for_with_what_runs_it_and_whose_place_it_takes() -> None:
    assert asked("unit") == [["postfix.service"], ["postfix@-.service"]]
    assert asked("runs") == [["postfix@-.service"]]
    alone = (Unit("postfix", "postfix.service", "postfix.service"),)
    upgraded = replace(GENERATION, platform=platform_named("debian-13"), units=alone)
    assert asked("unit", upgraded) == [["postfix.service"], ["postfix@-.service"]]
    assert asked("runs", upgraded) == [["postfix.service"]]


def test_what_the_host_makes_is_asked_for_with_for_whom_it_is() -> None:
    path = "/etc/mailprov/tls/site.pem"
    assert asked("recipe") == [["self-signed", path, "mail.example.org"]]
    assert asked("certificate") == [[path]]
    assert asked("certificate", replace(GENERATION, certificate_path=None)) == []
    (folder,) = (row for row in asked("file") if row[0] == "/srv/vmail")
    assert folder[1:] == ["-", "1", "-"]

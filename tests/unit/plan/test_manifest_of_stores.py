"""Where a host tries whether mail can be stored, the sockets it looks at, and its answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.generations import GENERATION

from provisioner.facts.host import Introduction
from provisioner.facts.observation import parse_facts
from provisioner.plan.manifest import (
    HOMES_TRIED,
    Look,
    observation_rows,
    people_tried,
    store_rows,
)
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.probes.store import StoreState, parse_store
from provisioner.probes.unix_sockets import (
    UnixSocketState,
    judge_unix_socket,
    parse_unix_sockets,
)
from provisioner.remote.protocol import MalformedError
from provisioner.resources.account import Account
from provisioner.resources.unit import Unit

MAIL = replace(
    GENERATION,
    units=(*GENERATION.units, Unit("dovecot", "dovecot.service", "dovecot.service")),
    mail_root="/srv/vmail",
    ports=(25, 587, 4190),
)
PEOPLE = tuple(
    Account(f"user{number}", "mailusers", f"/home/user{number}", "/bin/false", system=False)
    for number in range(50)
)


def test_the_place_of_virtual_users_is_tried_as_the_account_that_owns_it() -> None:
    assert list(store_rows(MAIL)) == [("/srv/vmail", "vmail", "dovecot.service", "within")]


def test_of_system_users_a_few_homes_are_tried_however_many_there_are() -> None:
    system = replace(MAIL, mail_root="/home", folders=(), accounts=PEOPLE)
    rows = list(store_rows(system))
    assert len(rows) == HOMES_TRIED
    assert rows[0] == ("/home/user0", "user0", "dovecot.service", "alone")
    assert [(row[1], row[0]) for row in rows] == list(people_tried(system))


def test_a_host_without_mail_is_asked_for_neither() -> None:
    assert list(store_rows(GENERATION)) == []
    assert unix_sockets_of(GENERATION) == ()


def test_the_socket_of_unbounds_own_tool_is_looked_at_and_named() -> None:
    resolver = replace(GENERATION, units=(Unit("unbound", "unbound.service", "unbound.service"),))
    (socket,) = unix_sockets_of(resolver)
    finding = judge_unix_socket("ns", socket, None)
    assert finding.question == "Can unbound-control connect to unbound at /run/unbound.ctl?"
    assert finding.remedy.startswith("restart the daemon with `/usr/bin/systemctl restart unbound`")


def test_a_status_looks_at_the_sockets_and_writes_nothing_where_mail_lies() -> None:
    rows = observation_rows(MAIL, Introduction(os_release={}), Look.STATUS).decode()
    assert "link\t/var/spool/postfix/private/auth\tpostfix\n" in rows
    assert "\nstore\t" not in rows
    plan = observation_rows(MAIL, Introduction(os_release={})).decode()
    assert "link\t" not in plan


def test_what_a_host_tells_of_both() -> None:
    lines = [
        "@links",
        "is\t/run/unbound.ctl\tregular file\troot\troot\t644",
        "is\t/var/spool/postfix/private/auth\tsocket\tpostfix\tpostfix\t660",
        "takes\t/run/systemd/notify",
        "takes\t/var/spool/postfix/private/auth",
        "opens\t/var/spool/postfix/private/auth\tpostfix",
        "@store",
        "unmounted\tsrv-vmail.mount\t",
        "begun\t/srv/vmail\t",
        "folder\t/srv/vmail\t",
        "folder\t/srv/vmail/a.example\t",
        "folder\t/srv/vmail/a.example\tInput/output error",
        "@end",
    ]
    facts = parse_facts(Introduction(os_release={}), lines)
    assert facts.unix_sockets == {
        "/var/spool/postfix/private/auth": UnixSocketState(
            "socket", "postfix", "postfix", "660", listening=True, open_to=frozenset({"postfix"})
        ),
        "/run/unbound.ctl": UnixSocketState("regular file", "root", "root", "644"),
    }
    assert facts.store == StoreState(
        folders={"/srv/vmail": "", "/srv/vmail/a.example": "Input/output error"},
        finished=False,
        unmounted=("srv-vmail.mount",),
    )


@pytest.mark.parametrize(
    ("section", "row"),
    [
        ("links", "is\t/run/unbound.ctl\tsocket"),
        ("links", "stat: cannot"),
        ("store", "folder"),
        ("store", "mkdir: cannot\t\t"),
    ],
)
def test_what_has_another_form_is_named(section: str, row: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_facts(Introduction(os_release={}), [f"@{section}", row, "@end"])
    assert (caught.value.section, caught.value.line) == (section, row)


def test_what_was_not_looked_at_is_not_judged() -> None:
    assert parse_store([]) is None
    assert parse_unix_sockets([]) == {}

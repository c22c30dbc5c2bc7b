"""Verbs that only look: each asks every host once, and one that fails leaves the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.refs import ref
from support.scripted_host import Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import generation_of, standing, told, told_history, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.names import HostRef
from provisioner.site.catalogue_files import read_catalogue
from provisioner.verbs.diagnose import diagnose_site
from provisioner.verbs.history import read_site_history
from provisioner.verbs.machines import Machines
from provisioner.verbs.runs import Runs
from provisioner.verbs.status import status_sites

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
RECORDED = Path(__file__).parents[2] / "recorded/answers/observing.txt"

# A day older than the clock that is recorded.
QUEUED = [
    '{"queue_id": "4jYf", "queue_name": "deferred", "arrival_time": 1795996498, "message_size": 1}',
    "total\t1",
    "ended\t0",
]


def observed(facts: Facts) -> Program:
    """Return the answer of a host with what `status` asks beside."""
    recorded = RECORDED.read_text(encoding="utf-8").splitlines()
    beside = recorded[recorded.index("@clock") : recorded.index("@shadow")]
    return Program("observe", [*told(facts)[:-1], *beside, "@end"])


def test_a_status_is_one_observation_a_host_and_each_site_has_its_part() -> None:
    sites = [two_hosts("one.example"), two_hosts("two.example")]
    script: dict[HostRef, list[Step]] = {
        ref(key, site.domain): [observed(standing(site, key))]
        for site in sites
        for key in ("mail", "ns")
    }
    script[ref("ns", "two.example")] = [Connection(unreachable())]
    machines = Machines()
    with ScriptedFleet(script) as fleet:
        runs = Runs(tuple(fleet.run_over(site, machines=machines) for site in sites), several=True)
        status = status_sites(runs)
    assert b"status\tqueue" in fleet.calls[0].stdin
    assert list(status.conditions) == list(script)[:3]
    assert not status.is_healthy
    one, two = (status.of(site.domain) for site in sites)
    assert one.is_healthy
    assert (list(two.conditions), list(two.errors)) == (
        [ref("mail", "two.example")],
        [ref("ns", "two.example")],
    )
    assert (ref("mail", "one.example"), "observed") in fleet.told


def test_mail_that_waits_for_longer_than_the_site_allows_is_a_problem_of_the_host() -> None:
    patient = two_hosts(more="queue_warning: 1w")
    for site, healthy in ((SITE, False), (patient, True)):
        mail = observed(standing(site, "mail"))
        lines = list(mail.lines)
        at = lines.index("@queue") + 1
        script = {
            MAIL: [replace(mail, lines=[*lines[:at], *QUEUED, *lines[at + 2 :]])],
            NS: [observed(standing(site, "ns"))],
        }
        with ScriptedFleet(script) as fleet:
            status = status_sites(Runs.over(fleet.run_over(site)))
        assert status.is_healthy is healthy


def test_a_host_with_a_problem_is_not_healthy() -> None:
    facts = standing(SITE, "ns")
    down = {name: replace(unit, active="failed") for name, unit in facts.units.items()}
    script = {
        MAIL: [observed(standing(SITE, "mail"))],
        NS: [observed(replace(facts, units=down))],
    }
    with ScriptedFleet(script) as fleet:
        status = status_sites(Runs.over(fleet.run_over(SITE)))
    assert not status.errors
    assert not status.is_healthy


def test_a_status_of_a_machine_that_is_two_hosts_is_refused() -> None:
    machine = standing(SITE, "mail").introduction.machine
    ns = standing(SITE, "ns")
    twin = replace(ns, introduction=replace(ns.introduction, machine=machine))
    script = {MAIL: [observed(standing(SITE, "mail"))], NS: [observed(twin)]}
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as refusal:
        status_sites(Runs.over(fleet.run_over(SITE)))
    assert refusal.value.exit_code is ExitCode.REFUSED


def test_a_history_is_read_of_each_host() -> None:
    names = [generation_of(SITE, key).id for key in ("mail", "ns")]
    script: dict[HostRef, list[Step]] = {
        MAIL: [Program("recall", told_history("3", *names))],
        NS: [Connection(unreachable())],
    }
    with ScriptedFleet(script) as fleet:
        told_of = read_site_history(fleet.run_over(SITE))
    assert [event.generation for event in told_of.histories[MAIL].events] == names
    assert list(told_of.errors) == [NS]
    assert (MAIL, "reading the history") in fleet.told


def test_a_diagnosis_reads_the_lines_that_a_known_failure_may_be_in() -> None:
    catalogue = read_catalogue()
    log = ["@now 1796082898 +0000", "@source journal", "@end"]
    script: dict[HostRef, list[Step]] = {
        MAIL: [Program("log", log)],
        NS: [Program("log", log[:-1], status=1)],
    }
    with ScriptedFleet(script) as fleet:
        found = diagnose_site(fleet.run_over(SITE), catalogue, 90)
    rows = fleet.call("mail: log").stdin.decode().splitlines()
    assert rows[0] == "since\t-90"
    assert f"pattern\t{catalogue.selection}" in rows
    assert f"context\t{catalogue.context_selection}" in rows
    # The checkers of the host's own daemons run beside.
    assert [row for row in rows if row.startswith("check\t")] == [
        "check\tdovecot",
        "check\tpostfix",
    ]
    assert list(found.hosts) == [MAIL]
    assert list(found.errors) == [NS]
    assert [text for host, text in fleet.told if host == MAIL] == ["reading the mail log", "read"]

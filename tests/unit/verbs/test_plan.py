"""The order of a survey over several sites: look at all, refuse, and only then settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import standing, told, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Pending
from provisioner.model.names import HostRef
from provisioner.verbs.machines import Machines
from provisioner.verbs.plan import DriftDecision, plan_sites
from provisioner.verbs.runs import Runs

SITES = {name: two_hosts(name) for name in ("one.example", "two.example")}
ONE, TWO = ref("mail", "one.example"), ref("mail", "two.example")
ABANDONED = Program("settle", ["@finished"], arguments=("abandoned",))


def observed(host: HostRef, *, pending: bool = True, machine: str = "") -> Program:
    """Return the answer of a host on which something broke off."""
    facts = standing(SITES[host.site], host.host)
    introduction = replace(
        facts.introduction,
        pending=Pending("7", "abc", "root@elsewhere", armed=False) if pending else None,
        machine=machine or facts.introduction.machine,
    )
    return Program("observe", told(replace(facts, introduction=introduction)))


def survey(scripts: dict[HostRef, Sequence[Step]]) -> tuple[ScriptedFleet, Runs]:
    fleet, machines = ScriptedFleet(scripts), Machines()
    runs = [fleet.run_over(site, [site.host("mail")], machines=machines) for site in SITES.values()]
    return fleet, Runs(tuple(runs), several=True)


def test_nothing_is_settled_where_a_machine_belongs_to_two_sites() -> None:
    machine = standing(SITES["one.example"], "mail").introduction.machine
    fleet, runs = survey({one: [observed(one, machine=machine)] for one in (ONE, TWO)})
    with fleet, pytest.raises(MailprovError, match="one machine belongs to two sites") as caught:
        plan_sites(runs, settle=True)
    assert caught.value.exit_code is ExitCode.REFUSED


def test_hosts_settle_what_is_pending_once_all_have_been_looked_at() -> None:
    steps = {one: [observed(one), ABANDONED, observed(one, pending=False)] for one in (ONE, TWO)}
    fleet, runs = survey(steps)
    with fleet:
        plans = plan_sites(runs, DriftDecision.REFUSE, settle=True)
    assert fleet.order[:3] == ["mail: observe", "mail: observe", "mail: abandoned"]
    assert [call.host for call in fleet.calls] == [ONE, TWO, ONE, ONE, TWO, TWO]
    assert list(plans.plans) == [ONE, TWO]
    assert plans.is_empty


def test_what_cannot_be_settled_is_the_host_s_error() -> None:
    failed = replace(ABANDONED, lines=["@locked", "me"], status=75)
    fleet, runs = survey({one: [observed(one), failed] for one in (ONE, TWO)})
    with fleet:
        plans = plan_sites(runs, settle=True)
    assert list(plans.errors) == [ONE, TWO]
    assert not plans.is_empty


def test_each_site_has_its_own_part_of_what_was_found() -> None:
    down = unreachable("it is down")
    fleet, runs = survey({ONE: [Connection(down)], TWO: [observed(TWO, pending=False)]})
    with fleet:
        plans = plan_sites(runs, settle=True)
    assert plans.of(ONE.site).errors == {ONE: down}
    assert not plans.of(ONE.site).plans
    assert list(plans.of(TWO.site).plans) == [TWO]
    assert not plans.of(TWO.site).errors


def test_without_settling_a_host_is_planned_for_as_it_is_and_tells_what_is_pending() -> None:
    fleet, runs = survey({one: [observed(one)] for one in (ONE, TWO)})
    with fleet:
        plans = plan_sites(runs)
    assert [plan.pending.serial for plan in plans.plans.values() if plan.pending] == ["7", "7"]

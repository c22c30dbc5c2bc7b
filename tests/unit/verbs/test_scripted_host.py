"""The scripted host itself: it fails on what nobody expected, and tells facts as a real one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import before, standing, told, two_hosts

from provisioner.diagnostics import MailprovError
from provisioner.facts.host import CheckRun, Pending
from provisioner.facts.observation import parse_facts, parse_introduction
from provisioner.verbs.plan import plan_site

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")


@pytest.mark.parametrize("key", ["ns", "mail"])
def test_facts_are_told_as_they_are_read(key: str) -> None:
    facts = standing(SITE, key)
    introduction = replace(facts.introduction, pending=Pending("3", "abc", "me", armed=True))
    facts = replace(
        facts, introduction=introduction, checks=(CheckRun("postfix check", 1, "no\nno"),)
    )
    lines = told(facts)
    read = parse_facts(parse_introduction(lines), lines)
    assert bool(read.certificate) is bool(facts.certificate) is (key == "mail")
    assert replace(read, certificate=facts.certificate) == facts


def test_a_host_that_stands_needs_no_change_and_one_of_before_needs_one() -> None:
    main = "/etc/postfix/main.cf"
    script = {
        MAIL: [Program("observe", told(before(standing(SITE, "mail"), main)))],
        NS: [Program("observe", told(standing(SITE, "ns")))],
    }
    with ScriptedFleet(script) as fleet:
        plans = plan_site(fleet.run_over(SITE)).plans
    assert plans[NS].changes == ()
    assert main in {change.name for change in plans[MAIL].changes}
    assert plans[MAIL].drift == ()


def ask(fleet: ScriptedFleet, verb: str, *arguments: str) -> list[str]:
    way = fleet.transport(SITE.host("mail"))
    keep = verb != "observe"
    with way.start(verb, *arguments, timeout=1, doing="testing", keep=keep) as talk:
        return list(talk.lines())


@pytest.mark.parametrize(
    "script",
    [
        {},
        {MAIL: []},
        {MAIL: [Program("packages")]},
        {MAIL: [Program("settle", arguments=("confirm", "2"))]},
        {MAIL: [Program("observe"), Connection()]},
    ],
)
def test_what_the_script_does_not_expect_fails(script: dict[object, list[Step]]) -> None:
    with pytest.raises(AssertionError, match="mail"), ScriptedFleet(script) as fleet:
        ask(fleet, "settle", "confirm", "1")


def test_what_nobody_asked_for_fails_in_the_end() -> None:
    with (
        pytest.raises(AssertionError, match="settle confirm 2"),
        ScriptedFleet({MAIL: [Program("settle", arguments=("confirm", "2"))]}),
    ):
        pass


def test_an_answer_waits_for_the_end_of_the_input() -> None:
    lines = ["@head", "@ready", "@end"]
    fleet = ScriptedFleet({MAIL: [Program("observe", lines)]})
    with pytest.raises(AssertionError, match="end of its input"):
        ask(fleet, "observe")


def test_an_old_connection_is_of_no_use_beside_a_new_one() -> None:
    with ScriptedFleet({MAIL: [Connection(), Connection(), Program("observe")]}) as fleet:
        old = fleet.transport(SITE.host("mail"))
        fleet.reopen(SITE.host("mail"))
        with pytest.raises(AssertionError, match="connection that was replaced"):
            old.start("observe", timeout=1, doing="testing")


def test_a_host_may_be_out_of_reach_from_the_beginning_or_later() -> None:
    closed = Connection(unreachable())
    broken = Program("observe", ["@head"], lost=unreachable("no answer"))
    for step, words in ((closed, "connection was lost"), (broken, "no answer")):
        fleet = ScriptedFleet({MAIL: [step]})
        with fleet, pytest.raises(MailprovError, match=words):
            ask(fleet, "observe")

"""The proof of a configuration: what is asked alone and together, and what is told of failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import Program, ScriptedFleet
from support.told_facts import generation_of, standing, told, two_hosts

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.names import HostRef
from provisioner.plan.generation import Generation
from provisioner.plan.recall import generation_as_found
from provisioner.probes.dns import DnsAnswer
from provisioner.probes.store import StoreState
from provisioner.verbs.health import HealthProof, RecalledProof
from provisioner.verbs.runs import Runs

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
ROUND_TRIP = "mail.round-trip@mail"
GENERATIONS = {ref(key): generation_of(SITE, key) for key in ("mail", "ns")}
NO_LOG = Program("log", ["@now 1 +0000", "@source journal", "@end"])
TROUBLE = Program(
    "log",
    ["@now 1796082898 +0000", "@source journal",
     "|2026-11-30T23:54:46.326694+0000 postfix/smtpd[7]: fatal: no room", "@end"],
)  # fmt: skip
Failing = Callable[[str], object]


def observed(facts: Facts) -> Program:
    return Program("observe", told(facts))


MAIL_STANDS, NS_STANDS = observed(standing(SITE, "mail")), observed(standing(SITE, "ns"))


def nothing(_: str) -> None:
    return None


def asked(fleet: ScriptedFleet) -> set[str]:
    """Return the ids of all questions that were put."""
    return {one for call in fleet.calls if call.what == "asked" for one in call.arguments}


def health(fleet: ScriptedFleet, failing: Failing = nothing) -> HealthProof:
    return HealthProof(Runs.over(fleet.run_over(SITE)), fleet.asker(failing))


def recalled(
    fleet: ScriptedFleet,
    failing: Failing = nothing,
    generations: Mapping[HostRef, Generation] = GENERATIONS,
) -> RecalledProof:
    runs = Runs.over(fleet.run_over(SITE))
    return RecalledProof(runs, fleet.asker(failing), generations)


def reasons(prove: Callable[[], None]) -> tuple[Diagnostic, ...]:
    with pytest.raises(MailprovError) as caught:
        prove()
    return caught.value.diagnostics


def test_a_host_that_is_proven_whole_is_asked_for_mail_too() -> None:
    mail = SITE.host("mail")
    with ScriptedFleet({MAIL: [MAIL_STANDS]}) as fleet:
        health(fleet).whole(mail, fleet.transport(mail))
    assert ROUND_TRIP in asked(fleet)
    assert (MAIL, "testing the new configuration") in fleet.told
    # The checkers have read these files, when they were staged.
    rows = fleet.call("mail: observe").stdin
    assert b"sockets\tall" in rows
    assert b"check\t" not in rows


def test_the_asker_has_the_prober_s_account_and_the_certificate_that_the_host_told() -> None:
    mail = SITE.host("mail")
    with ScriptedFleet({MAIL: [MAIL_STANDS]}) as fleet:
        health(fleet).whole(mail, fleet.transport(mail))
    (asker,) = fleet.askers
    assert asker.known["account"].secret == standing(SITE, "mail").probe_secret
    assert list(asker.known["fingerprints"]) == ["mail"]
    assert asker.known["hosts"] == SITE.hosts


def test_a_resolver_is_asked_without_an_account() -> None:
    ns = SITE.host("ns")
    with ScriptedFleet({NS: [NS_STANDS]}) as fleet:
        health(fleet).whole(ns, fleet.transport(ns))
    (asker,) = fleet.askers
    assert (asker.known["account"], asker.known["fingerprints"]) == (None, {})


def test_a_host_of_a_group_is_asked_alone_for_all_but_mail_and_the_group_for_mail() -> None:
    mail, ns = SITE.host("mail"), SITE.host("ns")
    with ScriptedFleet({MAIL: [MAIL_STANDS]}) as fleet:
        health(fleet).alone(mail, fleet.transport(mail))
    assert asked(fleet)
    assert ROUND_TRIP not in asked(fleet)
    with ScriptedFleet({MAIL: [MAIL_STANDS], NS: [NS_STANDS]}) as fleet:
        health(fleet).together((mail, ns))
    assert asked(fleet) == {ROUND_TRIP}
    assert fleet.order == ["mail: observe", "ns: observe", "mail: asked", "ns: asked"]


def test_what_does_not_work_is_told_with_what_the_daemons_said_of_it() -> None:
    mail = SITE.host("mail")
    with ScriptedFleet({MAIL: [MAIL_STANDS, TROUBLE]}) as fleet:
        proof = health(fleet, lambda one: "it is silent" if one == ROUND_TRIP else None)
        failed, said = reasons(lambda: proof.whole(mail, fleet.transport(mail)))
    assert b"since\tpending\n" in fleet.call("mail: log").stdin
    assert "does not work" in failed.summary
    assert (failed.where, failed.got) == (ROUND_TRIP, "it is silent")
    assert failed.want
    assert (said.where, "fatal: no room" in said.got) == ("mail", True)


def test_of_a_group_that_fails_every_host_s_log_is_read() -> None:
    mail, ns = SITE.host("mail"), SITE.host("ns")
    with ScriptedFleet({MAIL: [MAIL_STANDS, NO_LOG], NS: [NS_STANDS, TROUBLE]}) as fleet:
        proof = health(fleet, lambda _: "it is silent")
        failed, said = reasons(lambda: proof.together((mail, ns)))
    assert failed.where == ROUND_TRIP
    assert said.where == "ns"


def test_what_a_stranger_gets_is_not_safe() -> None:
    ns = SITE.host("ns")

    def open_resolver(question: str) -> object:
        return DnsAnswer("NOERROR") if question.startswith("dns.stranger") else None

    with ScriptedFleet({NS: [NS_STANDS, NO_LOG]}) as fleet:
        proof = health(fleet, open_resolver)
        (failed,) = reasons(lambda: proof.alone(ns, fleet.transport(ns)))
    assert "is not safe" in failed.summary


def test_a_log_that_cannot_be_read_leaves_the_failure_as_it_is() -> None:
    ns = SITE.host("ns")
    broken = Program("log", ["@now"], status=1)
    with ScriptedFleet({NS: [NS_STANDS, broken]}) as fleet:
        proof = health(fleet, lambda one: "silent" if one.startswith("dns.") else None)
        assert all(
            "does not work" in one.summary
            for one in reasons(lambda: proof.whole(ns, fleet.transport(ns)))
        )


@pytest.mark.parametrize(
    ("state", "got"),
    [
        (StoreState({"/srv/vmail": "", "/srv/vmail/example.org": ""}, finished=True), ""),
        (StoreState({"/srv/vmail/example.org": "No space left"}, finished=True), "No space left"),
        (StoreState({"/srv/vmail/other": "No space left"}, finished=True), ""),
        (StoreState({"/srv/vmail": ""}), "timed out"),
        (StoreState({"/srv/vmail": ""}, finished=True, unmounted=("srv.mount",)), "srv.mount"),
    ],
)
def test_mail_that_cannot_be_stored_is_no_configuration_to_keep(
    state: StoreState, got: str
) -> None:
    mail = SITE.host("mail")
    facts = replace(standing(SITE, "mail"), store=state)
    with ScriptedFleet({MAIL: [observed(facts), *([NO_LOG] if got else [])]}) as fleet:
        proof = health(fleet)

        def prove() -> None:
            proof.alone(mail, fleet.transport(mail))

        if not got:
            prove()
            return
        (failed,) = reasons(prove)
    assert (failed.where, got in failed.got) == ("store@mail", True)
    assert "/srv/vmail" in failed.summary


def test_people_s_homes_are_where_mail_lies_with_system_accounts() -> None:
    people = [f"user{n}" for n in range(7)]
    site = two_hosts(more="accounts: {kind: system}", users=people)
    mail = site.host("mail")
    state = StoreState({"/home/user0": "Permission denied"}, finished=True)
    with ScriptedFleet(
        {MAIL: [observed(replace(standing(site, "mail"), store=state)), NO_LOG]}
    ) as fleet:
        proof = HealthProof(Runs.over(fleet.run_over(site)), fleet.asker())
        (failed,) = reasons(lambda: proof.alone(mail, fleet.transport(mail)))
    assert "people's homes (5 of 7 tried)" in failed.summary
    assert failed.got == "/home/user0: Permission denied"


def test_where_all_homes_are_tried_no_number_is_told() -> None:
    site = two_hosts(more="accounts: {kind: system}", users=[f"user{n}" for n in range(5)])
    mail = site.host("mail")
    state = StoreState({"/home/user0": "Permission denied"}, finished=True)
    facts = replace(standing(site, "mail"), store=state)
    with ScriptedFleet({MAIL: [observed(facts), NO_LOG]}) as fleet:
        proof = HealthProof(Runs.over(fleet.run_over(site)), fleet.asker())
        (failed,) = reasons(lambda: proof.alone(mail, fleet.transport(mail)))
    assert "people's homes" in failed.summary
    assert "tried" not in failed.summary


def test_a_recalled_group_whose_mail_does_not_go_is_told_with_all_its_logs() -> None:
    mail, ns = SITE.host("mail"), SITE.host("ns")
    with ScriptedFleet({MAIL: [MAIL_STANDS, NO_LOG], NS: [NS_STANDS, TROUBLE]}) as fleet:
        proof = recalled(fleet, lambda _: "it is silent")
        failed, said = reasons(lambda: proof.together((mail, ns)))
    assert (failed.where, said.where) == (ROUND_TRIP, "ns")


def test_of_a_recalled_configuration_mail_is_asked_by_the_ports_that_it_has() -> None:
    mail = SITE.host("mail")
    with ScriptedFleet({MAIL: [MAIL_STANDS] * 2}) as fleet:
        recalled(fleet).whole(mail, fleet.transport(mail))
        assert asked(fleet) == {ROUND_TRIP}
        assert b"sockets\tall" in fleet.call("mail: observe").stdin
        assert (MAIL, "testing the new configuration") in fleet.told
        fleet.calls.clear()
        closed = replace(GENERATIONS[MAIL], ports=(25,))
        proof = recalled(fleet, generations={**GENERATIONS, MAIL: closed})
        proof.whole(mail, fleet.transport(mail))
    # Nobody could read the mail again.
    assert asked(fleet) == set()


def test_a_recalled_configuration_with_another_prober_is_asked_for_its_services_alone() -> None:
    mail = SITE.host("mail")
    recipes = tuple(
        replace(one, subject="other@example.org") if one.kind == "probe" else one
        for one in GENERATIONS[MAIL].recipes
    )
    other = {**GENERATIONS, MAIL: replace(GENERATIONS[MAIL], recipes=recipes)}
    with ScriptedFleet({MAIL: [MAIL_STANDS]}) as fleet:
        recalled(fleet, generations=other).whole(mail, fleet.transport(mail))
    assert asked(fleet) == set()


def test_a_recalled_group_proves_services_alone_and_mail_together() -> None:
    mail, ns = SITE.host("mail"), SITE.host("ns")
    with ScriptedFleet({MAIL: [MAIL_STANDS] * 2, NS: [NS_STANDS]}) as fleet:
        ways = {host.ref: fleet.transport(host) for host in (mail, ns)}
        recalled(fleet).alone(mail, ways[MAIL])
        assert asked(fleet) == set()
        recalled(fleet).together((mail, ns))
    assert asked(fleet) == {ROUND_TRIP}


def test_the_hosts_as_found_are_asked_for_nothing() -> None:
    mail, ns = SITE.host("mail"), SITE.host("ns")
    found = {
        host.ref: generation_as_found(host, GENERATIONS[host.ref].platform) for host in (mail, ns)
    }
    with ScriptedFleet({MAIL: [], NS: [NS_STANDS]}) as fleet:
        ways = {host.ref: fleet.transport(host) for host in (mail, ns)}
        proof = recalled(fleet, generations=found)
        proof.whole(mail, ways[MAIL])
        proof.alone(mail, ways[MAIL])
        proof.together((mail, ns))
        # Of a group of which one has a configuration, that one is asked.
        proof = recalled(fleet, generations={**found, NS: GENERATIONS[NS]})
        proof.together((mail, ns))
    assert fleet.order == ["ns: observe", "ns: asked"]


def test_a_recalled_configuration_whose_mail_does_not_go_is_told() -> None:
    mail = SITE.host("mail")
    with ScriptedFleet({MAIL: [MAIL_STANDS, NO_LOG]}) as fleet:
        proof = recalled(fleet, lambda _: "it is silent")
        (failed,) = reasons(lambda: proof.whole(mail, fleet.transport(mail)))
    assert (failed.where, failed.got) == (ROUND_TRIP, "it is silent")

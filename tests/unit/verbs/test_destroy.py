"""What `destroy` has hosts do: back to how they were found, all of them, and only then the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import OWNER, Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import before, generation_of, standing, told, told_history, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts, Pending
from provisioner.model.names import HostRef
from provisioner.plan.compile import host_made_paths
from provisioner.resources.change import Action
from provisioner.verbs.apply import ApplyOptions
from provisioner.verbs.destroy import destroy_site, survey_destruction
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import DriftDecision

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
MAIN = "/etc/postfix/main.cf"
CONFIRMED = Program("settle", ["@finished"], arguments=("confirm", "3-abc"))
GONE = Program("destroy", ["@held", "Q1\tother.example", "@finished"], arguments=(OWNER,))


def observed(facts: Facts) -> Program:
    return Program("observe", told(facts))


def recalled(key: str) -> Program:
    return Program("recall", told_history("2", "0", generation_of(SITE, key).id))


def at_rest(key: str, generation: str | None = "0") -> Facts:
    """Return the facts of a host that has no configuration of mailprov's any more."""
    facts = standing(SITE, key)
    bare = replace(facts.introduction, generation=generation, left={}, managed_units=frozenset())
    return replace(facts, introduction=bare)


def back(key: str) -> list[Step]:
    """Return what a host is asked that goes back to how it was found."""
    facts = observed(standing(SITE, key))
    transact = Program("transact", ["@pending 3-abc", "@finished"], arguments=(OWNER, "60"))
    return [facts, recalled(key), facts, transact, Connection(), CONFIRMED]


def removed(key: str, end: Program = GONE) -> list[Step]:
    return [observed(at_rest(key)), end]


def destroy(fleet: ScriptedFleet, *keys: str) -> dict[HostRef, HostOutcome]:
    hosts = [SITE.host(key) for key in keys] if keys else None
    outcomes = destroy_site(fleet.run_over(SITE, hosts), ApplyOptions())
    return {one.host: one for one in outcomes}


def error_of(outcome: HostOutcome) -> MailprovError:
    assert outcome.error is not None
    assert all(one.where == outcome.host.host for one in outcome.error.diagnostics)
    return outcome.error


def test_all_hosts_are_as_found_before_anything_else_is_taken_away() -> None:
    script = {one: [*back(one.host), *removed(one.host)] for one in (MAIL, NS)}
    with ScriptedFleet(script) as fleet:
        outcomes = destroy(fleet)
    surveyed = ["observe", "recall", "observe"]
    gone_back = ["transact", "connect", "confirm"]
    assert fleet.order == [
        *(f"mail: {what}" for what in surveyed),
        *(f"ns: {what}" for what in surveyed),
        *(f"ns: {what}" for what in gone_back),
        *(f"mail: {what}" for what in gone_back),
        *("mail: observe", "mail: destroy", "ns: observe", "ns: destroy"),
    ]
    assert {one.status for one in outcomes.values()} == {HostStatus.CHANGED}
    assert {one.generation for one in outcomes.values()} == {""}
    assert Action.RESTORE in {one.action for one in outcomes[MAIL].changes}
    (notice,) = outcomes[MAIL].notices
    assert notice.startswith("mail: 1 message for other.example")
    assert (MAIL, "destroyed") in fleet.told


def test_what_the_host_made_for_itself_is_named() -> None:
    with ScriptedFleet({MAIL: [*back("mail"), *removed("mail")]}) as fleet:
        destroy(fleet, "mail")
    made = host_made_paths(SITE.host("mail"), generation_of(SITE, "mail").platform)
    rows = fleet.call("mail: destroy").stdin.decode().splitlines()
    assert rows == [f"made\t{path}" for path in made]


@pytest.mark.parametrize("generation", ["0", None])
def test_an_interrupted_destroy_goes_on_where_nothing_is_in_force(generation: str | None) -> None:
    bare = observed(at_rest("mail", generation))
    with ScriptedFleet({MAIL: [bare, bare, GONE]}) as fleet:
        outcomes = destroy(fleet, "mail")
    assert fleet.order == ["mail: observe", "mail: observe", "mail: destroy"]
    assert outcomes[MAIL].status is HostStatus.CHANGED
    assert outcomes[MAIL].changes == ()


def test_a_host_on_which_nothing_is_left_is_unchanged() -> None:
    nothing = Program("destroy", ["@nothing", "@finished"])
    bare = observed(at_rest("mail", None))
    with ScriptedFleet({MAIL: [bare, bare, nothing]}) as fleet:
        assert destroy(fleet, "mail")[MAIL].status is HostStatus.UNCHANGED


def test_a_host_that_does_not_go_back_keeps_all_others_from_losing_the_rest() -> None:
    failed = Program("transact", ["@failed remove x", "|no"], 71)
    script: dict[HostRef, list[Step]] = {
        MAIL: back("mail")[:3],
        NS: [*back("ns")[:3], failed],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = destroy(fleet)
    assert [one.status for one in outcomes.values()] == [
        HostStatus.NOT_STARTED,
        HostStatus.RETURNED,
    ]


def test_a_host_out_of_reach_keeps_all_others_as_they_are() -> None:
    with ScriptedFleet({MAIL: [Connection(unreachable())], NS: back("ns")[:3]}) as fleet:
        outcomes = destroy(fleet)
    assert [one.status for one in outcomes.values()] == [
        HostStatus.FAILED,
        HostStatus.NOT_STARTED,
    ]


@pytest.mark.parametrize(
    ("lines", "status", "code", "got"),
    [
        (["@locked", "root@elsewhere"], 75, ExitCode.REFUSED, "root@elsewhere"),
        ([], 67, ExitCode.REFUSED, ""),
        (["@held"], 70, ExitCode.FAILED, "no room"),
        (["@finished"], 70, ExitCode.FAILED, "no room"),
        ([], 0, ExitCode.FAILED, "no room"),
    ],
)
def test_what_keeps_the_rest_on_a_host_is_told_and_the_others_go_on(
    lines: Sequence[str], status: int, code: ExitCode, got: str
) -> None:
    end = Program("destroy", lines, status, stderr="no room")
    script = {MAIL: [*back("mail"), *removed("mail", end)], NS: [*back("ns"), *removed("ns")]}
    with ScriptedFleet(script) as fleet:
        outcomes = destroy(fleet)
    assert outcomes[MAIL].status is HostStatus.FAILED
    assert outcomes[NS].status is HostStatus.CHANGED
    error = error_of(outcomes[MAIL])
    assert error.exit_code is code
    assert got in error.diagnostics[0].got
    if code is ExitCode.FAILED:
        assert "removing" in error.diagnostics[0].summary
    # What was changed before is still told.
    assert outcomes[MAIL].changes


def test_without_agreement_only_plans_are_made() -> None:
    with ScriptedFleet({MAIL: back("mail")[:3]}) as fleet:
        told_of = survey_destruction(fleet.run_over(SITE, [SITE.host("mail")]), ApplyOptions())
    assert MAIN in {change.name for change in told_of.plans[MAIL].changes}
    assert not told_of.errors


@pytest.mark.parametrize("drift", DriftDecision)
def test_an_edit_that_would_be_lost_has_to_be_decided_on(drift: DriftDecision) -> None:
    edited = observed(before(standing(SITE, "mail"), MAIN, edited=True))
    with ScriptedFleet({MAIL: [edited, recalled("mail"), edited]}) as fleet:
        run = fleet.run_over(SITE, [SITE.host("mail")])
        told_of = survey_destruction(run, ApplyOptions(drift))
    assert bool(told_of.errors) is (drift is DriftDecision.REFUSE)


def pending(facts: Facts, *, armed: bool) -> Program:
    waiting = Pending("7", "abc", "root@elsewhere", armed)
    return observed(replace(facts, introduction=replace(facts.introduction, pending=waiting)))


@pytest.mark.parametrize("facts", [standing(SITE, "mail"), at_rest("mail")])
@pytest.mark.parametrize(
    ("armed", "want"),
    [(False, "an earlier run was interrupted"), (True, "the change is not confirmed yet")],
)
def test_a_pending_transaction_is_told_and_not_settled_without_agreement(
    facts: Facts, want: str, *, armed: bool
) -> None:
    waiting = pending(facts, armed=armed)
    with ScriptedFleet({MAIL: [waiting, recalled("mail"), waiting]}) as fleet:
        told_of = survey_destruction(fleet.run_over(SITE, [SITE.host("mail")]), ApplyOptions())
    (error,) = told_of.errors.values()
    (problem,) = error.diagnostics
    assert want in problem.summary
    assert problem.got == "root@elsewhere, generation abc"
    assert error.exit_code is ExitCode.REFUSED


def test_with_agreement_it_is_settled_first() -> None:
    waiting = pending(standing(SITE, "mail"), armed=False)
    abandoned = Program("settle", ["@finished"], arguments=("abandoned",))
    settled = [waiting, recalled("mail"), waiting, abandoned, *back("mail")[1:]]
    with ScriptedFleet({MAIL: [*settled, *removed("mail")]}) as fleet:
        assert destroy(fleet, "mail")[MAIL].status is HostStatus.CHANGED
    assert "mail: abandoned" in fleet.order


def test_a_machine_that_is_two_hosts_is_refused_with_nothing_changed() -> None:
    facts = standing(SITE, "ns")
    machine = standing(SITE, "mail").introduction.machine
    twin = observed(replace(facts, introduction=replace(facts.introduction, machine=machine)))
    script = {MAIL: back("mail")[:3], NS: [twin, recalled("ns"), twin]}
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as refusal:
        destroy(fleet)
    assert refusal.value.exit_code is ExitCode.REFUSED

"""What `apply` does in which order, and what it leaves alone, as hosts see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import OWNER, Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import before, standing, told, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts, Pending
from provisioner.model.names import HostRef
from provisioner.model.site import Site
from provisioner.verbs.apply import ApplyOptions, apply_sites
from provisioner.verbs.machines import Machines
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import DriftDecision
from provisioner.verbs.runs import Runs

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
MAIN = "/etc/postfix/main.cf"
UNBOUND = "/etc/unbound/unbound.conf"
PENDING = ("@step check", "@step begin x", "@pending 3-abc", "@finished")
NO_LOG = Program("log", ["@now 1 +0000", "@source journal", "@end"])
Failing = Callable[[str], str | None]


def observed(facts: Facts) -> Program:
    return Program("observe", told(facts))


def same(key: str, site: Site = SITE) -> Program:
    """Return the answer of a host that needs no change."""
    return observed(standing(site, key))


def older(key: str, site: Site = SITE) -> Facts:
    """Return the facts of a host whose configuration is that of an earlier apply."""
    return before(standing(site, key), MAIN if key == "mail" else UNBOUND)


def lacking(key: str) -> Facts:
    """Return the facts of a host that has not all of its packages."""
    facts = older(key)
    return replace(facts, packages=facts.packages - {"postfix" if key == "mail" else "unbound"})


def transacted(lines: Sequence[str] = PENDING, status: int = 0) -> Program:
    return Program("transact", lines, status, arguments=(OWNER, "60"))


def confirmed(lines: Sequence[str] = ("@finished",), status: int = 0) -> Program:
    return Program("settle", lines, status, arguments=("confirm", "3-abc"))


def returned(lines: Sequence[str] = ("@finished",), status: int = 0) -> Program:
    return Program("settle", lines, status)


def proven(key: str, site: Site = SITE) -> list[Step]:
    """Return what a host is asked that is changed and proves itself."""
    return [transacted(), Connection(), same(key, site), confirmed()]


def runs_over(fleet: ScriptedFleet, *sites: Site) -> Runs:
    machines = Machines()
    runs = tuple(fleet.run_over(site, machines=machines) for site in sites or (SITE,))
    return Runs(runs, several=len(runs) > 1)


def apply(
    fleet: ScriptedFleet,
    *sites: Site,
    options: ApplyOptions | None = None,
    failing: Failing = lambda _: None,
) -> dict[HostRef, HostOutcome]:
    runs = runs_over(fleet, *sites)
    outcomes = apply_sites(runs, fleet.asker(failing), options or ApplyOptions()).hosts
    assert [one.host for one in outcomes] == [host.ref for host in runs.hosts]
    return {one.host: one for one in outcomes}


def statuses(outcomes: dict[HostRef, HostOutcome]) -> tuple[HostStatus, ...]:
    """Return where the hosts stand, in the site's order: mail, ns."""
    return tuple(one.status for one in outcomes.values())


def error_of(outcome: HostOutcome) -> MailprovError:
    assert outcome.error is not None
    return outcome.error


def dead(host: str) -> Failing:
    """Return that whatever is asked of a host's daemons goes wrong."""
    return lambda question: "it is silent" if question.endswith(f"@{host}") else None


def test_all_are_observed_then_the_resolver_is_proven_and_then_the_rest() -> None:
    script = {key: [observed(older(key.host)), *proven(key.host)] for key in (MAIL, NS)}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert fleet.order == [
        "mail: observe", "ns: observe",
        "ns: transact", "ns: connect", "ns: observe", "ns: asked", "ns: confirm",
        "mail: transact", "mail: connect", "mail: observe", "mail: asked", "mail: confirm",
    ]  # fmt: skip
    assert statuses(outcomes) == (HostStatus.CHANGED, HostStatus.CHANGED)
    assert MAIN in {change.name for change in outcomes[MAIL].changes}
    assert "postfix" in outcomes[MAIL].checked


def test_nothing_to_do_ends_with_the_observation() -> None:
    with ScriptedFleet({MAIL: [same("mail")], NS: [same("ns")]}) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.UNCHANGED, HostStatus.UNCHANGED)
    assert not any(one.changes or one.error for one in outcomes.values())
    assert (MAIL, "nothing to change") in fleet.told


def test_a_host_with_nothing_to_do_is_left_alone_beside_one_that_changes() -> None:
    script = {MAIL: [same("mail")], NS: [observed(older("ns")), *proven("ns")]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.UNCHANGED, HostStatus.CHANGED)
    for key in (MAIL, NS):
        assert outcomes[key].generation == standing(SITE, key.host).introduction.generation


def test_packages_come_on_all_hosts_before_any_transaction_and_plans_are_made_anew() -> None:
    script = {
        key: [
            observed(lacking(key.host)),
            Program("packages", ["@progress unpacking"]),
            observed(older(key.host)),
            *proven(key.host),
        ]
        for key in (MAIL, NS)
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert fleet.order[:7] == [
        "mail: observe", "ns: observe", "mail: packages", "mail: observe", "ns: packages",
        "ns: observe", "ns: transact",
    ]  # fmt: skip
    manager, units, *packages = fleet.call("mail: packages").arguments
    assert (manager, packages) == ("apt", ["postfix"])
    assert "postfix.service:postfix@-.service" in units.split(",")
    assert (MAIL, "unpacking") in fleet.told
    kinds = [change.kind for change in outcomes[MAIL].changes]
    assert kinds[0] == "package"
    assert kinds.count("package") == 1


def test_packages_alone_are_a_change_that_needs_no_proof() -> None:
    lacks = replace(standing(SITE, "ns"), packages=frozenset())
    script = {MAIL: [same("mail")], NS: [observed(lacks), Program("packages"), same("ns")]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert outcomes[NS].status is HostStatus.CHANGED
    assert {change.kind for change in outcomes[NS].changes} == {"package"}


def test_packages_that_do_not_come_on_one_host_stop_all_transactions() -> None:
    script: dict[HostRef, list[Step]] = {
        MAIL: [observed(lacking("mail")), Program("packages"), observed(older("mail"))],
        NS: [observed(lacking("ns")), Program("packages", ["|no mirror"], status=100)],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.FAILED)
    (told_of,) = error_of(outcomes[NS]).diagnostics
    assert (told_of.where, told_of.got, told_of.want) == ("ns", "no mirror", "unbound")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Connection(unreachable()), ExitCode.UNREACHABLE),
        (observed(before(standing(SITE, "mail"), MAIN, edited=True)), ExitCode.REFUSED),
        (Program("observe", ["@head"], status=1, stderr="broken"), ExitCode.FAILED),
    ],
)
def test_a_host_that_cannot_be_planned_stops_the_run_with_nothing_changed(
    answer: Step, code: ExitCode
) -> None:
    with ScriptedFleet({MAIL: [answer], NS: [observed(lacking("ns"))]}) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.FAILED, HostStatus.NOT_STARTED)
    assert error_of(outcomes[MAIL]).exit_code is code


@pytest.mark.parametrize(
    ("decision", "path_is_changed"), [(DriftDecision.OVERWRITE, True), (DriftDecision.KEEP, False)]
)
def test_an_edit_is_undone_or_kept_as_was_decided(
    decision: DriftDecision, *, path_is_changed: bool
) -> None:
    edited = before(standing(SITE, "mail"), MAIN, edited=True)
    steps = [observed(edited), *proven("mail")] if path_is_changed else [observed(edited)]
    with ScriptedFleet({MAIL: steps, NS: [same("ns")]}) as fleet:
        outcome = apply(fleet, options=ApplyOptions(drift=decision))[MAIL]
    assert (MAIN in {change.name for change in outcome.changes}) is path_is_changed
    assert outcome.kept == (() if path_is_changed else (MAIN,))


def test_an_edit_that_nobody_decided_on_is_told_as_it_is() -> None:
    edited = before(standing(SITE, "mail"), MAIN, edited=True)
    with ScriptedFleet({MAIL: [observed(edited)], NS: [same("ns")]}) as fleet:
        (told_of,) = error_of(apply(fleet)[MAIL]).diagnostics
    assert told_of.where == f"mail:{MAIN}"
    # Its content is not known here: then that it differs has to do.
    assert told_of.got
    assert told_of.want
    assert "--keep-drift" in told_of.fix


def test_a_resolver_that_fails_leaves_the_rest_unstarted() -> None:
    failed = transacted(["@step activate x", "@failed activate x", "|no room"], status=70)
    script = {MAIL: [observed(older("mail"))], NS: [observed(older("ns")), failed]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.FAILED)
    assert error_of(outcomes[NS]).exit_code is ExitCode.FAILED


def test_a_transaction_that_returned_by_itself_is_told_as_returned_and_stops_the_rest() -> None:
    lines = ["@failed reload unbound.service", "|no", "@ended eve", "@held", "Q1\tother.example"]
    script = {
        MAIL: [observed(older("mail"))],
        NS: [observed(older("ns")), transacted(lines, status=71)],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.RETURNED)
    assert error_of(outcomes[NS]).diagnostics[0].got == "no"
    notices = "\n".join(outcomes[NS].notices)
    assert "logged out because of changed access: eve" in notices
    assert "other.example" in notices
    assert (NS, "returned") in fleet.told


def test_a_change_of_users_alone_is_in_force_at_once_and_needs_no_proof() -> None:
    lines = ["@step admit x", "@ended eve", "@finished"]
    script = {MAIL: [observed(older("mail")), transacted(lines)], NS: [same("ns")]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert outcomes[MAIL].status is HostStatus.CHANGED
    assert "logged out because of changed access: eve" in outcomes[MAIL].notices


def test_a_configuration_that_does_not_work_is_taken_back_over_the_fresh_connection() -> None:
    script = {
        MAIL: [observed(older("mail"))],
        NS: [
            observed(older("ns")), transacted(), Connection(), same("ns"), NO_LOG,
            returned(["@down unbound.service", "|no port", "@finished"]),
        ],
    }  # fmt: skip
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet, failing=dead("ns"))
    assert fleet.order[-5:] == ["ns: connect", "ns: observe", "ns: asked", "ns: log", "ns: return"]
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.RETURNED)
    first, *_, last = error_of(outcomes[NS]).diagnostics
    how, serial, reason = fleet.call("ns: return").arguments
    assert (how, serial, reason) == ("return", "3-abc", first.summary)
    assert (last.where, last.got) == ("ns", "no port")


def test_a_service_that_is_down_on_the_host_is_no_configuration_to_confirm() -> None:
    ns = standing(SITE, "ns")
    down = {name: replace(unit, active="failed") for name, unit in ns.units.items()}
    dead_host = observed(replace(ns, units=down))
    script = {
        MAIL: [observed(older("mail"))],
        NS: [observed(older("ns")), transacted(), Connection(), dead_host, NO_LOG, returned()],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert outcomes[NS].status is HostStatus.RETURNED


def test_a_return_that_fails_is_told_beside_its_reason() -> None:
    script = {
        MAIL: [observed(older("mail"))],
        NS: [
            observed(older("ns")), transacted(), Connection(), same("ns"), NO_LOG,
            returned(["@locked", "root@elsewhere"], status=75),
        ],
    }  # fmt: skip
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet, failing=dead("ns"))
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.FAILED)
    error = error_of(outcomes[NS])
    assert error.diagnostics[-1].got == "root@elsewhere"
    assert error.diagnostics[0].got == "it is silent"
    assert error.exit_code is ExitCode.FAILED


def test_a_host_that_lets_nobody_in_again_is_left_to_itself() -> None:
    script = {
        MAIL: [observed(older("mail"))],
        NS: [observed(older("ns")), transacted(), Connection(unreachable("no way in"))],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.FAILED)
    error = error_of(outcomes[NS])
    assert error.exit_code is ExitCode.UNREACHABLE
    cause, consequence = error.diagnostics
    assert cause.summary == "no way in"
    assert consequence.where == "ns"
    assert "60 s" in consequence.fix


def test_a_connection_that_is_lost_during_a_transaction_is_the_host_s_error() -> None:
    lost = replace(transacted(["@step check"]), lost=unreachable("gone"))
    script = {MAIL: [observed(older("mail"))], NS: [observed(older("ns")), lost]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, HostStatus.FAILED)
    assert error_of(outcomes[NS]).exit_code is ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (confirmed(["@history", "|returned: not confirmed in time"], 66), HostStatus.RETURNED),
        (confirmed(["@locked", "me"], 75), HostStatus.FAILED),
        (confirmed(["@down unbound.service", "|no"], 71), HostStatus.RETURNED),
        (confirmed([], 0), HostStatus.FAILED),
    ],
)
def test_a_confirmation_that_does_not_come_through_is_no_success(
    end: Program, status: HostStatus
) -> None:
    script = {
        MAIL: [observed(older("mail"))],
        NS: [observed(older("ns")), transacted(), Connection(), same("ns"), end],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.NOT_STARTED, status)
    assert error_of(outcomes[NS]).diagnostics


def test_the_host_waits_for_its_confirmation_as_long_as_was_said() -> None:
    transaction = replace(transacted(), arguments=(OWNER, "7"))
    steps = [observed(older("ns")), transaction, Connection(), same("ns"), confirmed()]
    with ScriptedFleet({MAIL: [same("mail")], NS: steps}) as fleet:
        apply(fleet, options=ApplyOptions(within=7))


def pending(key: str, *, armed: bool) -> Facts:
    facts = older(key)
    waiting = Pending("3", "abc", "root@elsewhere", armed)
    return replace(facts, introduction=replace(facts.introduction, pending=waiting))


def test_what_broke_off_is_settled_once_all_are_observed_and_the_host_is_planned_anew() -> None:
    abandoned = Program("settle", ["@down postfix.service", "@finished"], arguments=("abandoned",))
    script = {
        MAIL: [observed(pending("mail", armed=False)), abandoned, same("mail")],
        NS: [same("ns")],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert fleet.order == ["mail: observe", "ns: observe", "mail: abandoned", "mail: observe"]
    assert statuses(outcomes) == (HostStatus.UNCHANGED, HostStatus.UNCHANGED)
    assert any("postfix.service" in text for _, text in fleet.told)


def test_what_somebody_may_still_confirm_is_left_alone() -> None:
    script = {MAIL: [observed(pending("mail", armed=True))], NS: [observed(older("ns"))]}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == (HostStatus.FAILED, HostStatus.NOT_STARTED)
    error = error_of(outcomes[MAIL])
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].got == "root@elsewhere, generation abc"


ONE, TWO = two_hosts("one.example"), two_hosts("two.example")


def test_resolvers_of_all_sites_come_first_and_a_failure_stops_its_own_site_alone() -> None:
    script: dict[HostRef, list[Step]] = {}
    for site in (ONE, TWO):
        for key in ("mail", "ns"):
            script[ref(key, site.domain)] = [observed(older(key, site)), *proven(key, site)]
    script[ref("ns", "one.example")][1:] = [transacted([], status=70)]
    script[ref("mail", "one.example")][1:] = []
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet, ONE, TWO)
    assert statuses(outcomes) == (
        HostStatus.NOT_STARTED, HostStatus.FAILED, HostStatus.CHANGED, HostStatus.CHANGED,
    )  # fmt: skip
    changed = [str(call.host) for call in fleet.calls if call.what == "transact"]
    assert changed == ["one.example/ns", "two.example/ns", "two.example/mail"]


def test_a_machine_that_is_two_hosts_is_refused_with_nothing_changed() -> None:
    facts = older("ns")
    machine = standing(SITE, "mail").introduction.machine
    twin = replace(facts, introduction=replace(facts.introduction, machine=machine))
    with (
        ScriptedFleet({MAIL: [observed(older("mail"))], NS: [observed(twin)]}) as fleet,
        pytest.raises(MailprovError) as refusal,
    ):
        apply(fleet)
    assert refusal.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("at", ["transact", "packages"])
def test_ctrl_c_names_the_hosts_that_are_at_work_and_what_becomes_of_them(at: str) -> None:
    facts = older("ns") if at == "transact" else lacking("ns")
    stopped = Program(at, ["@step check"], lost=KeyboardInterrupt())
    script = {MAIL: [observed(older("mail"))], NS: [observed(facts), stopped]}
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as interrupted:
        apply(fleet)
    assert interrupted.value.exit_code is ExitCode.INTERRUPTED
    (told_of,) = interrupted.value.diagnostics
    assert told_of.where == "ns"
    assert ("60 s" in told_of.fix) is (at == "transact")


def test_ctrl_c_names_a_host_with_its_site_where_there_are_several() -> None:
    refs = [ref(key, site.domain) for site in (ONE, TWO) for key in ("mail", "ns")]
    sites = {site.domain: site for site in (ONE, TWO)}
    script = {one: [observed(older(one.host, sites[one.site]))] for one in refs}
    script[refs[1]].append(Program("transact", lost=KeyboardInterrupt()))
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as interrupted:
        apply(fleet, ONE, TWO)
    assert [one.where for one in interrupted.value.diagnostics] == ["one.example/ns"]


def test_a_host_that_waits_for_nothing_is_not_told_of_at_ctrl_c() -> None:
    script = {
        MAIL: [same("mail")],
        NS: [Connection(), Program("observe", lost=KeyboardInterrupt())],
    }
    with ScriptedFleet(script) as fleet, pytest.raises(KeyboardInterrupt):
        apply(fleet)

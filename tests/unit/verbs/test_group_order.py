"""Hosts that are confirmed together: in which order, and what becomes of all if one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from support.generations import GENERATION
from support.refs import ref
from support.scripted_host import (
    OWNER,
    Call,
    Connection,
    Program,
    ScriptedFleet,
    Step,
    unreachable,
)

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.phases import Group
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.resources.file_state import LeftFile
from provisioner.site.load import parse_site
from provisioner.verbs.apply import ApplyOptions, carry_out
from provisioner.verbs.destroy import NoProof
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.runs import Runs

SITE = parse_site(
    b"""
domain: example.org
hosts:
  out: {address: 192.0.2.12, roles: [submission]}
  mx: {address: 192.0.2.11, roles: [mx]}
  store: {address: 192.0.2.10, roles: [store]}
  ns: {address: 192.0.2.9, roles: [dns]}
users: {alice: {password: {env: X}}}
""",
    "site.yaml",
).site
STORE, OUT, MX, NS = ref("store"), ref("out"), ref("mx"), ref("ns")
GROUP = (STORE, OUT, MX)
"""In the order of confirmation: who is depended on, and then as the site file has them."""
CHANGE = Change("record", GENERATION.id, Action.UPDATE, "another")
PENDING = ["@pending 3-abc", "@finished"]
BROKEN = MailprovError(Diagnostic("mail does not go", "mx"))
CHANGED, RETURNED, FAILED = HostStatus.CHANGED, HostStatus.RETURNED, HostStatus.FAILED
NOT_STARTED, UNCHANGED = HostStatus.NOT_STARTED, HostStatus.UNCHANGED


@dataclass
class Proof:
    """A proof that notes when it was asked for. failing: what it says, by what is proven."""

    fleet: ScriptedFleet
    failing: Mapping[str, BaseException] = field(default_factory=dict)

    def whole(self, host: Host, transport: object) -> None:
        self._prove(host, transport, "whole")

    def alone(self, host: Host, transport: object) -> None:
        self._prove(host, transport, "alone")

    def together(self, group: Group) -> None:
        for host in group:
            self._prove(host, self.fleet.transport(host), "together")

    def _prove(self, host: Host, transport: object, what: str) -> None:
        assert self.fleet.transport(host) is transport, "it is asked over a connection of before"
        self.fleet.calls.append(Call(host.ref, what))
        if error := self.failing.get(f"{host.key}: {what}"):
            raise error


def settled(how: str, *arguments: str, status: int = 0) -> Program:
    lines = ("@finished",) if not status else ()
    return Program("settle", lines, status, arguments=(how, "3-abc", *arguments))


TRANSACTED = Program("transact", PENDING, arguments=(OWNER, "60"))
EXTENDED = settled("extend", "60")
UP_TO_EXTENDED: list[Step] = [TRANSACTED, Connection(), Connection(), EXTENDED]


def returned(reason: str) -> Program:
    return settled("return", reason)


def unplanned(host: Host, transport: object) -> Plan:
    raise AssertionError(f"{host.ref} needs no packages, and is planned anew by {transport}")


def carried_out(
    fleet: ScriptedFleet,
    failing: Mapping[str, BaseException] | None = None,
    idle: Sequence[HostRef] = (NS,),
) -> dict[HostRef, HostOutcome]:
    """Carry out a plan of one change on each host but the idle ones."""
    plans = {
        host.ref: Plan(GENERATION, () if host.ref in idle else (CHANGE,), GENERATION.id)
        for host in SITE.hosts
    }

    runs = Runs.over(fleet.run_over(SITE))
    proof = Proof(fleet, failing or {})
    outcomes = carry_out(runs, ApplyOptions(), SitePlan(plans), unplanned, proof)
    return {one.host: one for one in outcomes}


def statuses(outcomes: Mapping[HostRef, HostOutcome]) -> list[HostStatus]:
    """Return how the hosts of the group ended."""
    return [outcomes[one].status for one in GROUP]


def steps(*names: str, of: Sequence[HostRef] = GROUP) -> list[str]:
    """Return these steps of host after host, as `ScriptedFleet.order` tells them."""
    return [f"{one.host}: {name}" for one in of for name in names]


def test_all_change_then_each_proves_itself_then_mail_goes_then_all_wait_and_are_confirmed() -> (
    None
):
    script = {one: [*UP_TO_EXTENDED, settled("confirm")] for one in GROUP}
    with ScriptedFleet(script) as fleet:
        outcomes = carried_out(fleet)
    assert fleet.order == [
        *steps("transact"),
        *steps("connect", "alone"),
        *steps("together"),
        *steps("connect", "extend"),
        *steps("confirm"),
    ]
    assert statuses(outcomes) == [CHANGED] * 3
    assert not any(one.error for one in outcomes.values())


def test_a_host_that_cannot_change_takes_those_back_that_have() -> None:
    locked = Program("transact", ["@locked", "somebody"], 75)
    reason = "another apply is running on this host, or has just ended"
    back = [TRANSACTED, returned(reason)]
    with ScriptedFleet({STORE: back, OUT: [locked], MX: back}) as fleet:
        outcomes = carried_out(fleet)
    assert fleet.order == [*steps("transact"), *steps("return", of=(STORE, MX))]
    assert statuses(outcomes) == [RETURNED, FAILED, RETURNED]
    (error,) = (one.error for one in outcomes.values() if one.error)
    assert error.exit_code is ExitCode.REFUSED
    told = f"store: the old configuration is in force again, as on its whole group: {reason}"
    assert told in outcomes[STORE].notices


def test_a_host_that_returned_by_itself_is_not_taken_back_again() -> None:
    broken = Program("transact", ["@failed reload postfix.service", "|no"], 71)
    reason = "the step `reload postfix.service` failed; the old configuration is in force again"
    back = [TRANSACTED, returned(reason)]
    with ScriptedFleet({STORE: back, OUT: back, MX: [broken]}) as fleet:
        outcomes = carried_out(fleet)
    assert statuses(outcomes) == [RETURNED] * 3
    assert [ref for ref, one in outcomes.items() if one.error] == [MX]


@pytest.mark.parametrize("what", ["alone", "together"])
def test_what_fails_in_a_proof_takes_all_back_and_nobody_is_confirmed(what: str) -> None:
    script = {one: [TRANSACTED, Connection(), returned("mail does not go")] for one in GROUP}
    with ScriptedFleet(script) as fleet:
        outcomes = carried_out(fleet, {f"mx: {what}": BROKEN})
    proven = steps("connect", "alone") + (steps("together") if what == "together" else [])
    assert fleet.order == [*steps("transact"), *proven, *steps("return")]
    assert statuses(outcomes) == [RETURNED] * 3
    (error,) = (one.error for one in outcomes.values() if one.error)
    assert [one.summary for one in error.diagnostics] == ["mail does not go"]


@pytest.mark.parametrize("extended", [False, True])
def test_a_host_that_nobody_reaches_any_more_is_left_to_itself_and_the_rest_goes_back(
    extended: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    before = UP_TO_EXTENDED[: 2 if extended else 1]
    ready = UP_TO_EXTENDED if extended else UP_TO_EXTENDED[:2]
    back = [*ready, returned("the connection was lost")]
    gone = [*before, Connection(refused=unreachable())]
    with ScriptedFleet({STORE: back, OUT: gone, MX: back}) as fleet:
        outcomes = carried_out(fleet)
    assert statuses(outcomes) == [RETURNED, FAILED, RETURNED]
    error = outcomes[OUT].error
    assert error is not None
    assert error.exit_code is ExitCode.UNREACHABLE
    assert "restores the old configuration by itself within 60 s" in error.diagnostics[-1].fix
    assert not {"store: confirm", "mx: confirm"} & set(fleet.order)


def test_a_host_that_did_not_wait_so_long_takes_the_others_back_before_any_is_confirmed() -> None:
    late = [TRANSACTED, Connection(), Connection(), settled("extend", "60", status=66)]
    reason = (
        "the wait for the confirmation timed out, and the host returned to the old configuration"
    )
    back = [*UP_TO_EXTENDED, returned(reason)]
    with ScriptedFleet({STORE: back, OUT: back, MX: late}) as fleet:
        outcomes = carried_out(fleet)
    assert statuses(outcomes) == [RETURNED] * 3
    assert not {str(call) for call in fleet.calls} & set(steps("confirm"))


def test_where_the_first_confirmation_fails_nobody_keeps_the_new_configuration() -> None:
    failing = [*UP_TO_EXTENDED, settled("confirm", status=71)]
    summary = "the host could not confirm its new configuration; the old configuration is in "
    back = [*UP_TO_EXTENDED, returned(f"{summary}force again")]
    with ScriptedFleet({STORE: failing, OUT: back, MX: back}) as fleet:
        outcomes = carried_out(fleet)
    assert fleet.order[-3:] == ["store: confirm", "out: return", "mx: return"]
    assert statuses(outcomes) == [RETURNED] * 3
    error = outcomes[STORE].error
    assert error is not None
    assert len(error.diagnostics) == 1


def test_who_is_confirmed_keeps_what_was_proven_and_those_behind_a_failure_go_back() -> None:
    summary = "the host could not confirm its new configuration; the old configuration is in "
    script = {
        STORE: [*UP_TO_EXTENDED, settled("confirm")],
        OUT: [*UP_TO_EXTENDED, settled("confirm", status=71)],
        MX: [*UP_TO_EXTENDED, returned(f"{summary}force again")],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = carried_out(fleet)
    assert fleet.order[-3:] == ["store: confirm", "out: confirm", "mx: return"]
    assert statuses(outcomes) == [CHANGED, RETURNED, RETURNED]
    error = outcomes[OUT].error
    assert error is not None
    assert error.exit_code is ExitCode.FAILED
    assert error.diagnostics[-1].got == "new: store; old: out, mx"


def test_a_return_that_fails_keeps_no_other_host_from_its_own() -> None:
    reason = "mail does not go"
    lost = Program("settle", arguments=("return", "3-abc", reason), lost=unreachable())
    begun = [TRANSACTED, Connection()]
    with ScriptedFleet(
        {
            STORE: [*begun, lost],
            OUT: [*begun, returned(reason)],
            MX: [*begun, returned(reason)],
        }
    ) as fleet:
        outcomes = carried_out(fleet, {"mx: together": BROKEN})
    assert statuses(outcomes) == [FAILED, RETURNED, RETURNED]


def test_a_host_without_changes_is_not_touched_and_mail_goes_through_it() -> None:
    script = {one: [*UP_TO_EXTENDED, settled("confirm")] for one in (OUT, MX)}
    with ScriptedFleet({**script, STORE: []}) as fleet:
        outcomes = carried_out(fleet, idle=(NS, STORE))
    assert [each for each in fleet.order if each.startswith("store")] == ["store: together"]
    assert statuses(outcomes) == [UNCHANGED, CHANGED, CHANGED]


def test_what_is_in_force_at_once_is_neither_proven_nor_confirmed() -> None:
    at_once = Program("transact", ["@finished"])
    with ScriptedFleet({one: [at_once] for one in GROUP}) as fleet:
        outcomes = carried_out(fleet)
    assert fleet.order == steps("transact")
    assert statuses(outcomes) == [CHANGED] * 3


def test_the_group_is_left_alone_where_the_resolver_before_it_fails() -> None:
    refused = Program("transact", ["@refused", "@check unbound-checkconf 1", "|no"], 65)
    with ScriptedFleet({NS: [refused]}) as fleet:
        outcomes = carried_out(fleet, idle=())
    assert statuses(outcomes) == [NOT_STARTED] * 3
    assert outcomes[NS].status is FAILED


def test_ctrl_c_says_of_every_host_of_the_group_what_becomes_of_it() -> None:
    script = {one: [TRANSACTED, Connection()] for one in GROUP}
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as told:
        carried_out(fleet, {"store: together": KeyboardInterrupt()})
    assert told.value.exit_code is ExitCode.INTERRUPTED
    assert [one.where for one in told.value.diagnostics] == ["store", "out", "mx"]


def test_an_edit_that_is_left_alone_is_told_whatever_its_kind() -> None:
    kept = {"/etc/motd": LeftFile(Plane.CONFIGURATION, "0", "root", "root", 0o644, secret=False)}
    plan = Plan(GENERATION, (), GENERATION.id, kept=kept, kept_lines={("timer", "tidy"): "on"})
    run = ScriptedFleet({}).run_over(SITE, [SITE.host("ns")])
    (told,) = carry_out(Runs.over(run), ApplyOptions(), SitePlan({NS: plan}), unplanned, NoProof())
    assert told.kept == ("/etc/motd", "tidy")

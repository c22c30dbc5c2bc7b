"""What `rollback` has hosts do: recall, observe, and then a transaction that proves itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import OWNER, Connection, Program, ScriptedFleet, Step
from support.told_facts import before, generation_of, standing, told, told_history, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts, Pending
from provisioner.model.names import HostRef
from provisioner.resources.change import Action
from provisioner.verbs.apply import ApplyOptions
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import DriftDecision
from provisioner.verbs.rollback import WayBack, rollback_site

SITE = two_hosts()
EARLIER = two_hosts(more="submission: {message_size: 64K}")
MAIL, NS = ref("mail"), ref("ns")
MAIN = "/etc/postfix/main.cf"
NOW, THEN = generation_of(SITE, "mail"), generation_of(EARLIER, "mail")
OTHER = "f" * 16
PENDING = ["@step check", "@pending 3-abc", "@finished"]
NO_LOG = Program("log", ["@now 1 +0000", "@source journal", "@end"])


def recalled(*history: str) -> Program:
    """Return the answer of a host that has had these generations, and brings the earlier one."""
    return Program("recall", told_history("2", *(history or (THEN.id, NOW.id)), brings=THEN))


def observed(facts: Facts | None = None) -> Program:
    return Program("observe", told(facts or standing(SITE, "mail")))


CONFIRMED = Program("settle", ["@finished"], arguments=("confirm", "3-abc"))


def proven(answer: Program, *end: Step) -> list[Step]:
    """Return what a host is asked that goes back. answer: how it then is."""
    transact = Program("transact", PENDING, arguments=(OWNER, "60"))
    return [transact, Connection(), answer, *(end or (CONFIRMED,))]


def roll_back(
    fleet: ScriptedFleet,
    wanted: str | None = None,
    *,
    drift: DriftDecision = DriftDecision.REFUSE,
    failing: Callable[[str], str | None] = lambda _: None,
    hosts: tuple[str, ...] = ("mail",),
) -> dict[HostRef, HostOutcome]:
    run = fleet.run_over(SITE, [SITE.host(key) for key in hosts])
    outcomes = rollback_site(run, fleet.asker(failing), ApplyOptions(drift), wanted)
    return {one.host: one for one in outcomes}


def error_of(outcome: HostOutcome) -> MailprovError:
    assert outcome.error is not None
    assert all(one.where.startswith(outcome.host.host) for one in outcome.error.diagnostics)
    return outcome.error


def test_the_generation_before_is_recalled_and_proves_itself_like_any_other() -> None:
    with ScriptedFleet({MAIL: [recalled(), observed(), *proven(observed())]}) as fleet:
        outcome = roll_back(fleet)[MAIL]
    assert fleet.order == [
        "mail: recall", "mail: observe", "mail: transact", "mail: connect", "mail: observe",
        "mail: asked", "mail: confirm",
    ]  # fmt: skip
    assert fleet.call("mail: recall").stdin == f"{THEN.id}\n".encode()
    assert outcome.status is HostStatus.CHANGED
    assert outcome.generation == THEN.id
    changed = {one.name for one in outcome.changes}
    assert MAIN in changed
    # No user comes back.
    assert not changed & set(THEN.user_files)


def test_a_generation_is_meant_by_the_beginning_of_its_name() -> None:
    history = recalled(THEN.id, OTHER, NOW.id)
    with ScriptedFleet({MAIL: [history, observed(), *proven(observed())]}) as fleet:
        roll_back(fleet, THEN.id[:6])
    assert fleet.call("mail: recall").stdin == f"{THEN.id}\n".encode()


@pytest.mark.parametrize(("wanted", "history"), [("abcd", (THEN.id, NOW.id)), (None, (NOW.id,))])
def test_a_host_without_such_a_generation_is_asked_for_nothing_more(
    wanted: str | None, history: tuple[str, ...]
) -> None:
    with ScriptedFleet({MAIL: [recalled(*history)]}) as fleet:
        outcome = roll_back(fleet, wanted)[MAIL]
    assert not fleet.call("mail: recall").stdin
    assert error_of(outcome).exit_code is ExitCode.REFUSED


def test_one_host_that_cannot_go_back_keeps_the_others_where_they_are() -> None:
    script: dict[HostRef, list[Step]] = {
        MAIL: [recalled(), observed()],
        NS: [Program("recall", told_history("1", generation_of(SITE, "ns").id))],
    }
    with ScriptedFleet(script) as fleet:
        outcomes = roll_back(fleet, hosts=("mail", "ns"))
    assert [one.status for one in outcomes.values()] == [HostStatus.NOT_STARTED, HostStatus.FAILED]


def test_a_record_that_is_not_the_one_that_was_named_is_not_believed() -> None:
    wrong = Program("recall", told_history("2", THEN.id, NOW.id, brings=NOW))
    with ScriptedFleet({MAIL: [wrong, observed()]}) as fleet:
        outcome = roll_back(fleet)[MAIL]
    assert THEN.id in error_of(outcome).diagnostics[0].summary
    assert not fleet.call("mail: observe").stdin


def test_an_answer_about_the_past_that_breaks_off_is_an_error_with_its_words() -> None:
    lines = told_history("2", THEN.id, NOW.id, brings=THEN)
    for length in (3, lines.index("@ready") + 1, -1):
        broken = Program("recall", lines[:length], status=2, stderr="no room")
        with ScriptedFleet({MAIL: [broken]}) as fleet:
            outcome = roll_back(fleet)[MAIL]
        assert "no room" in error_of(outcome).diagnostics[0].got


def test_a_host_that_runs_another_release_by_now_is_refused() -> None:
    facts = standing(SITE, "mail")
    system = {"ID": "debian", "VERSION_ID": "13"}
    newer = replace(facts, introduction=replace(facts.introduction, os_release=system))
    with ScriptedFleet({MAIL: [recalled(), observed(newer)]}) as fleet:
        outcome = roll_back(fleet)[MAIL]
    error = error_of(outcome)
    assert error.exit_code is ExitCode.REFUSED
    assert "13" in error.diagnostics[0].got
    assert "12" in error.diagnostics[0].want


def test_users_that_the_configuration_would_not_read_refuse_it() -> None:
    facts = standing(SITE, "mail")
    left = {path: one for path, one in facts.introduction.left.items() if "aliases" not in path}
    other = replace(facts, introduction=replace(facts.introduction, left=left))
    with ScriptedFleet({MAIL: [recalled(), observed(other)]}) as fleet:
        outcome = roll_back(fleet)[MAIL]
    assert error_of(outcome).exit_code is ExitCode.REFUSED


EDITED = before(standing(SITE, "mail"), "/etc/postfix/master.cf", edited=True)


def test_an_edit_that_would_be_undone_refuses_unless_somebody_decided() -> None:
    with ScriptedFleet({MAIL: [recalled(), observed(EDITED)]}) as fleet:
        error = error_of(roll_back(fleet)[MAIL])
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].where == "mail:/etc/postfix/master.cf"
    for drift in (DriftDecision.OVERWRITE, DriftDecision.KEEP):
        script = {MAIL: [recalled(), observed(EDITED), *proven(observed())]}
        with ScriptedFleet(script) as fleet:
            outcome = roll_back(fleet, drift=drift)[MAIL]
        changed = "/etc/postfix/master.cf" in {one.name for one in outcome.changes}
        assert changed is (drift is DriftDecision.OVERWRITE)


def test_packages_that_the_configuration_needs_come_back_and_the_way_is_planned_anew() -> None:
    facts = standing(SITE, "mail")
    bare = observed(replace(facts, packages=facts.packages - {"dovecot-pop3d"}))
    script = {
        MAIL: [
            recalled(), bare, Program("packages"), recalled(), observed(), *proven(observed()),
        ]
    }  # fmt: skip
    with ScriptedFleet(script) as fleet:
        outcome = roll_back(fleet)[MAIL]
    assert fleet.order[:5] == [
        "mail: recall", "mail: observe", "mail: packages", "mail: recall", "mail: observe",
    ]  # fmt: skip
    assert fleet.call("mail: packages").arguments[2:] == ("dovecot-pop3d",)
    assert outcome.status is HostStatus.CHANGED


def test_a_recalled_configuration_that_does_not_work_is_taken_back() -> None:
    back = Program("settle", ["@finished"])
    script = {MAIL: [recalled(), observed(), *proven(observed(), NO_LOG, back)]}
    with ScriptedFleet(script) as fleet:
        outcome = roll_back(
            fleet, failing=lambda one: "silent" if one.startswith("mail.") else None
        )[MAIL]
    assert fleet.order[-1] == "mail: return"
    assert outcome.status is HostStatus.RETURNED


def test_of_a_recalled_configuration_only_mail_is_asked() -> None:
    # The site file may be newer: what it says of the resolver or of strangers is no measure.
    with ScriptedFleet({MAIL: [recalled(), observed(), *proven(observed())]}) as fleet:
        outcome = roll_back(
            fleet, failing=lambda one: None if one.startswith("mail.") else "silent"
        )[MAIL]
    assert outcome.status is HostStatus.CHANGED


def test_a_service_that_stays_down_takes_a_recalled_configuration_back() -> None:
    facts = standing(SITE, "mail")
    down = {name: replace(unit, active="failed") for name, unit in facts.units.items()}
    dead = observed(replace(facts, units=down))
    back = Program("settle", ["@finished"])
    script = {MAIL: [recalled(), observed(), *proven(dead, NO_LOG, back)]}
    with ScriptedFleet(script) as fleet:
        assert roll_back(fleet)[MAIL].status is HostStatus.RETURNED


def test_the_host_as_found_is_asked_for_by_0_and_confirmed_unproven() -> None:
    history = Program("recall", told_history("2", "0", THEN.id, NOW.id))
    script = {MAIL: [history, observed(), *proven(CONFIRMED)[:2], CONFIRMED]}
    with ScriptedFleet(script) as fleet:
        outcome = roll_back(fleet, "0")[MAIL]
    assert fleet.order == [
        "mail: recall", "mail: observe", "mail: transact", "mail: connect", "mail: confirm",
    ]  # fmt: skip
    assert outcome.generation == "0"
    assert Action.RESTORE in {one.action for one in outcome.changes}


def pending(*, armed: bool) -> Program:
    facts = standing(SITE, "mail")
    waiting = Pending("3", "abc", "root@elsewhere", armed)
    return observed(replace(facts, introduction=replace(facts.introduction, pending=waiting)))


def test_what_broke_off_is_settled_and_the_host_is_asked_anew() -> None:
    abandoned = Program("settle", ["@finished"], arguments=("abandoned",))
    script = {
        MAIL: [
            recalled(), pending(armed=False), abandoned, recalled(), observed(),
            *proven(observed()),
        ]
    }  # fmt: skip
    with ScriptedFleet(script) as fleet:
        assert roll_back(fleet)[MAIL].status is HostStatus.CHANGED
    assert fleet.order[:5] == [
        "mail: recall", "mail: observe", "mail: abandoned", "mail: recall", "mail: observe",
    ]  # fmt: skip


@pytest.mark.parametrize(("armed", "settle"), [(True, True), (True, False), (False, False)])
def test_what_is_pending_is_told_and_left_where_it_must_be(*, armed: bool, settle: bool) -> None:
    fleet = ScriptedFleet({MAIL: [recalled(), pending(armed=armed)]})
    back = WayBack(fleet.run_over(SITE, [SITE.host("mail")]), ApplyOptions(), None, settle)
    with fleet:
        (error,) = back.survey().errors.values()
    assert error.exit_code is ExitCode.REFUSED
    (told_of,) = error.diagnostics
    assert told_of.got == "root@elsewhere, generation abc"
    assert ("interrupted" in told_of.summary) is not armed


def test_a_host_that_has_that_configuration_already_needs_nothing() -> None:
    with ScriptedFleet({MAIL: [recalled(), observed(standing(EARLIER, "mail"))]}) as fleet:
        outcome = roll_back(fleet, THEN.id)[MAIL]
    assert outcome.status is HostStatus.UNCHANGED
    assert (MAIL, "nothing to change") in fleet.told


def test_a_machine_that_is_two_hosts_is_refused_with_nothing_changed() -> None:
    then = generation_of(SITE, "ns")
    history = Program("recall", told_history("2", then.id, OTHER, brings=then))
    facts = standing(SITE, "ns")
    machine = standing(SITE, "mail").introduction.machine
    twin = replace(facts, introduction=replace(facts.introduction, machine=machine))
    script = {MAIL: [recalled(), observed()], NS: [history, observed(twin)]}
    with ScriptedFleet(script) as fleet, pytest.raises(MailprovError) as refusal:
        roll_back(fleet, hosts=("mail", "ns"))
    assert refusal.value.exit_code is ExitCode.REFUSED

"""Actions of the site and gates: when they come, what they stop, and what goes on behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any

import pytest
from support.generations import fulfilled
from support.refs import ref
from support.scripted_host import (
    OWNER,
    Call,
    Connection,
    Program,
    ScriptedFleet,
    ScriptedTransport,
    Step,
)
from support.told_facts import before, standing, told, two_hosts

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Site
from provisioner.plan.site_phases import PhaseOutcome, PhaseStatus
from provisioner.probes.dns import DnsAnswer, RecordQuestion
from provisioner.probes.question import Answered, Endpoint, NoAnswer, Question, Unasked
from provisioner.rooms.phase import Gate, SiteAction, SitePhase
from provisioner.rooms.registry import room
from provisioner.rooms.room import Carrier
from provisioner.verbs.apply import Applied, ApplyOptions, apply_sites
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.gates import Patience
from provisioner.verbs.outcome import HostStatus
from provisioner.verbs.plan import plan_sites
from provisioner.verbs.runs import Runs

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
SEEN = DnsAnswer("NOERROR", frozenset({'"here"'}))
UNSEEN = DnsAnswer("NXDOMAIN")
PUBLISH = SiteAction(id="test.publish", text="Publish", about=("record",), program="publish")
LAST = SiteAction(id="test.last", text="Publish at last", about=("last",), program="last")
MORE = SiteAction(id="test.more", text="Publish more", about=("more",), program="more")


def gate(name: str = "seen") -> Gate:
    question = RecordQuestion(
        id=f"{name}@public",
        text="?",
        endpoint=Endpoint("public", ip_address("192.0.2.99"), 53),
        name="x.example",
        type="TXT",
        transport="tcp",
        records=frozenset({'"here"'}),
    )
    again = timedelta(minutes=1)
    return Gate(id=f"test.{name}", text="Seen?", about=(name,), again=again, questions=(question,))


GATE = gate()
Have = Callable[..., None]


@pytest.fixture
def have(monkeypatch: pytest.MonkeyPatch) -> Have:
    """Return what gives a daemon's room phases."""

    def has(daemon: str, *phases: SitePhase) -> None:
        def yielded(carrier: Carrier) -> Iterator[SitePhase]:
            del carrier
            yield from phases

        monkeypatch.setattr(room(daemon).behaviour, "phases", yielded)

    return has


@cache
def _standing(site: str, key: str) -> Facts:
    return standing(two_hosts(site), key)


def at(key: str, *passed: SitePhase, site: Site = SITE, edited: str = "") -> Program:
    """Return the answer of a host that is as it should be behind these phases.

    edited: a file that is otherwise.
    """
    first = _standing(site.domain, key)
    host = site.host(key)
    compiler = Compiler(site, lambda known: known)
    for one in passed:
        compiler.passes(host.ref, one.key)
    generation = compiler.generation_for(host, replace(first.introduction, generation=None))
    # A machine of each site's own.
    machine = f"{first.introduction.machine}{len(site.domain)}"
    left = fulfilled(generation).introduction.left
    known = replace(first.introduction, generation=generation.id, machine=machine, left=left)
    facts = replace(first, introduction=known)
    lines = told(before(facts, edited) if edited else facts)
    managed = lines.index("@managed") + 1
    return Program("observe", [
        *lines[:managed], *(f"passed\t{one.key}" for one in passed), *lines[managed:]
    ])  # fmt: skip


def behind(key: str, first: Sequence[SitePhase], then: Sequence[SitePhase]) -> list[Step]:
    """Return what a host is asked that goes on behind something."""
    return [
        at(key, *first),
        Program("transact", ["@pending 3-abc", "@finished"], arguments=(OWNER, "60")),
        Connection(),
        at(key, *then),
        Program("settle", ["@finished"], arguments=("confirm", "3-abc")),
    ]


@dataclass
class World:
    """The asker: the public name server gives these answers, one a time that it is asked."""

    fleet: ScriptedFleet
    answers: list[object]

    def __call__(self, *, transports: Mapping[str, ScriptedTransport], **_: object) -> World:
        for transport in transports.values():
            known = transport.host_as_known
            assert self.fleet.transport(known) is transport, "a connection of before"
        return self

    def ask(self, questions: Sequence[Question[Any]]) -> list[Answered]:
        return [Answered(one, self._answer(one)) for one in questions]

    def _answer(self, question: Question[Any]) -> object:
        if question.host != "public":
            return Unasked("no test asks it")
        self.fleet.calls.append(Call(ref("world"), question.id))
        return self.answers.pop(0)


@dataclass
class Clock:
    """A clock that goes on when somebody sleeps. ends: after so many sleeps Ctrl-C comes."""

    moment: datetime = NOON
    slept: list[float] = field(default_factory=list)
    ends: int = 99

    def patience(self, longest: timedelta | None = timedelta()) -> Patience:
        return Patience(longest, lambda: self.moment, self._sleep)

    def _sleep(self, seconds: float) -> None:
        if len(self.slept) == self.ends:
            raise KeyboardInterrupt
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def apply(
    fleet: ScriptedFleet,
    answers: Sequence[object] = (),
    patience: Patience | None = None,
    sites: Sequence[Site] = (SITE,),
) -> Applied:
    runs, left = Runs(tuple(map(fleet.run_over, sites))), list(answers)
    options = ApplyOptions(patience=patience or Clock().patience())
    applied = apply_sites(runs, World(fleet, left), options)  # type: ignore[arg-type]
    assert left == [], "the gate was asked less often"
    return applied


def ends(applied: Applied) -> list[tuple[str, PhaseStatus]]:
    """Return name and end of each action and gate."""
    return [(one.id, one.status) for one in applied.phases if one.kind != "transactions"]


def closed(applied: Applied) -> PhaseOutcome:
    (found,) = (one for one in applied.phases if one.status is PhaseStatus.CLOSED)
    return found


def test_an_action_comes_behind_the_transactions_and_is_remembered_before_the_gate_is_asked(
    have: Have,
) -> None:
    have("postfix", PUBLISH, GATE)
    done = behind("mail", (), (PUBLISH,))
    script = {MAIL: [at("mail"), Program("publish"), *done], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [UNSEEN])
    assert fleet.order == [
        "mail: observe", "ns: observe",
        "mail: publish",
        "mail: observe", "mail: transact", "mail: connect", "mail: observe", "mail: confirm",
        "world: seen@public",
    ]  # fmt: skip
    assert ends(applied) == [
        ("test.publish", PhaseStatus.DONE), ("test.seen", PhaseStatus.CLOSED),
    ]  # fmt: skip


def test_a_closed_gate_says_what_is_missing_and_when_to_come_back(have: Have) -> None:
    have("postfix", GATE)
    with ScriptedFleet({MAIL: [at("mail")], NS: [at("ns")]}) as fleet:
        applied = apply(fleet, [UNSEEN])
    outcome = closed(applied)
    assert outcome.again == NOON + timedelta(minutes=1)
    assert outcome.error is not None
    assert outcome.error.exit_code is ExitCode.GATE_CLOSED
    (one,) = outcome.error.diagnostics
    assert one.where == "mail (test.seen)"
    assert one.got == "seen@public: NXDOMAIN"
    assert one.want == '"here"'
    assert "at 2026-12-01 12:01 UTC or later (in 1m)" in one.fix
    assert [host.status for host in applied.hosts] == [HostStatus.UNCHANGED] * 2


@pytest.mark.parametrize("answer", [Unasked("nobody may ask"), NoAnswer("no way there")])
def test_a_gate_is_not_skipped_where_nobody_can_ask_at_it(have: Have, answer: object) -> None:
    have("postfix", GATE)
    with ScriptedFleet({MAIL: [at("mail")], NS: [at("ns")]}) as fleet:
        assert closed(apply(fleet, [answer])).id == "test.seen"


def test_a_gate_without_questions_is_never_passed(have: Have) -> None:
    have("postfix", replace(GATE, questions=()))
    with ScriptedFleet({MAIL: [at("mail")], NS: [at("ns")]}) as fleet:
        assert closed(apply(fleet)).id == "test.seen"


def test_behind_a_gate_the_host_is_changed_again_and_what_comes_then_is_due(have: Have) -> None:
    have("postfix", GATE, MORE)
    script = {
        MAIL: [
            at("mail"),
            *behind("mail", (), (GATE,)),
            Program("more"),
            *behind("mail", (GATE,), (GATE, MORE)),
        ],
        NS: [at("ns")],
    }
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [SEEN])
    assert ends(applied) == [("test.seen", PhaseStatus.PASSED), ("test.more", PhaseStatus.DONE)]
    kinds = [(one.kind, one.status.value) for one in applied.phases]
    assert kinds == [
        ("transactions", "unchanged"), ("transactions", "unchanged"), ("gate", "passed"),
        ("transactions", "done"), ("action", "done"), ("transactions", "done"),
    ]  # fmt: skip
    mail = next(one for one in applied.hosts if one.host == MAIL)
    assert mail.status is HostStatus.CHANGED
    assert [change.kind for change in mail.changes] == ["record", "record"]


def test_what_is_behind_a_host_is_neither_done_nor_asked_again(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    script = {MAIL: [at("mail", PUBLISH, GATE)], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet)
    assert ends(applied) == []
    assert fleet.order == ["mail: observe", "ns: observe"]


def test_a_gate_of_several_hosts_is_asked_once_and_all_go_on_behind_it(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    have("unbound", PUBLISH, GATE)
    both = [
        *behind("mail", (), (PUBLISH,)),
        *behind("mail", (PUBLISH,), (PUBLISH, GATE)),
    ]
    other = [*behind("ns", (), (PUBLISH,)), *behind("ns", (PUBLISH,), (PUBLISH, GATE))]
    script = {MAIL: [at("mail"), Program("publish"), *both], NS: [at("ns"), *other]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [SEEN])
    assert fleet.order.count("world: seen@public") == 1
    assert {one.status for one in applied.hosts} == {HostStatus.CHANGED}


def test_the_gate_of_one_room_holds_up_no_other(have: Have) -> None:
    other = gate("other")
    have("postfix", GATE)
    have("unbound", other)
    script = {MAIL: [at("mail")], NS: [at("ns"), *behind("ns", (), (other,))]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [UNSEEN, SEEN])
    assert ends(applied) == [
        ("test.other", PhaseStatus.PASSED), ("test.seen", PhaseStatus.CLOSED),
    ]  # fmt: skip


def test_an_action_that_fails_stops_its_site_and_what_was_done_is_remembered(have: Have) -> None:
    have("postfix", PUBLISH, MORE, LAST, GATE)
    failing = Program("more", status=1, stderr="no room")
    script = {
        MAIL: [at("mail"), Program("publish"), failing, *behind("mail", (), (PUBLISH,))],
        NS: [at("ns")],
    }
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet)
    assert ends(applied) == [("test.publish", PhaseStatus.DONE), ("test.more", PhaseStatus.FAILED)]
    (error,) = (one.error for one in applied.phases if one.error)
    assert error.exit_code is ExitCode.FAILED
    assert error.diagnostics[0].got == "no room"


def test_nothing_is_done_or_asked_where_a_host_failed(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    down = MailprovError(Diagnostic("it is down"), ExitCode.UNREACHABLE)
    script = {MAIL: [at("mail")], NS: [Program("observe", lost=down)]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet)
    assert fleet.order == ["mail: observe", "ns: observe"]
    assert ends(applied) == []


def test_a_host_that_returned_behind_a_gate_has_the_gate_asked_again_the_next_time(
    have: Have,
) -> None:
    have("postfix", GATE)
    broken = Program("transact", ["@failed reload postfix.service", "|no"], 71)
    script = {MAIL: [at("mail"), at("mail"), broken], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [SEEN])
    mail = next(one for one in applied.hosts if one.host == MAIL)
    assert mail.status is HostStatus.RETURNED
    assert applied.phases[-1].status is PhaseStatus.FAILED
    with ScriptedFleet({MAIL: [at("mail")], NS: [at("ns")]}) as fleet:
        assert closed(apply(fleet, [UNSEEN])).id == "test.seen"


def test_who_waits_asks_ever_more_rarely_over_fresh_connections_and_goes_on(have: Have) -> None:
    have("postfix", GATE)
    clock = Clock()
    fresh = [Connection()] * 5
    script = {MAIL: [at("mail"), *fresh, *behind("mail", (), (GATE,))], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [UNSEEN] * 5 + [SEEN], clock.patience(None))
    # Never more rarely than the gate asks for, which is a minute.
    assert clock.slept == [5, 10, 20, 40, 60]
    assert ends(applied) == [("test.seen", PhaseStatus.PASSED)]
    told = [text for _, text in fleet.told if text.startswith("waiting")]
    assert told[:2] == [
        "waiting for test.seen, asked again at 12:00:05 UTC",
        "waiting for test.seen, asked again at 12:00:15 UTC",
    ]


def test_who_has_waited_long_enough_is_told_as_if_he_had_not(have: Have) -> None:
    have("postfix", GATE)
    clock = Clock()
    script = {MAIL: [at("mail"), Connection(), Connection()], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [UNSEEN] * 3, clock.patience(timedelta(seconds=12)))
    assert clock.slept == [5, 7]
    assert closed(applied).again == NOON + timedelta(seconds=72)


def test_ctrl_c_while_waiting_says_where_the_run_stands(have: Have) -> None:
    have("postfix", GATE)
    with (
        ScriptedFleet({MAIL: [at("mail")], NS: [at("ns")]}) as fleet,
        pytest.raises(MailprovError, match="interrupted while a gate was closed") as caught,
    ):
        apply(fleet, [UNSEEN], Clock(ends=0).patience(None))
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    assert caught.value.diagnostics[0].where == "mail (test.seen)"


def test_a_host_that_another_kept_from_going_on_stays_as_it_was_told(have: Have) -> None:
    have("postfix", GATE)
    have("unbound", GATE)
    broken = Program("transact", ["@failed reload unbound.service", "|no"], 71)
    script = {MAIL: [at("mail"), at("mail")], NS: [at("ns"), at("ns"), broken]}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [SEEN])
    assert [one.status for one in applied.hosts] == [HostStatus.UNCHANGED, HostStatus.RETURNED]
    assert [one.status.value for one in applied.phases[-2:]] == ["failed", "not started"]


def test_an_action_that_fails_stops_no_other_site(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    two = two_hosts("two.example")
    other = {ref(key, "two.example"): [at(key, PUBLISH, site=two)] for key in ("mail", "ns")}
    failing = Program("publish", status=1)
    script = {MAIL: [at("mail"), failing], NS: [at("ns")], **other}
    with ScriptedFleet(script) as fleet:
        applied = apply(fleet, [UNSEEN], sites=(SITE, two))
    assert [(one.site, one.status) for one in applied.phases if one.kind != "transactions"] == [
        ("example.org", PhaseStatus.FAILED), ("two.example", PhaseStatus.CLOSED),
    ]  # fmt: skip


def test_a_room_asks_its_questions_for_the_stage_that_is_to_be_proven(
    have: Have, monkeypatch: pytest.MonkeyPatch
) -> None:
    have("postfix", GATE)
    stages: list[frozenset[str]] = []

    def asked(carrier: Carrier) -> Iterator[Question[Any]]:
        stages.append(carrier.nature.passed)
        yield from ()

    monkeypatch.setattr(room("postfix").behaviour, "questions", asked)
    script = {MAIL: [at("mail"), *behind("mail", (), (GATE,))], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        apply(fleet, [SEEN])
    assert stages == [{GATE.key}]


def test_nobody_waits_at_a_gate_of_a_site_where_something_failed(have: Have) -> None:
    other = gate("other")
    have("postfix", GATE)
    have("unbound", other)
    broken = Program("transact", ["@failed reload unbound.service", "|no"], 71)
    clock = Clock()
    with ScriptedFleet({MAIL: [at("mail")], NS: [at("ns"), at("ns"), broken]}) as fleet:
        applied = apply(fleet, [UNSEEN, SEEN], clock.patience(None))
    assert clock.slept == []
    assert [one.status for one in applied.hosts] == [HostStatus.UNCHANGED, HostStatus.RETURNED]
    assert closed(applied).id == "test.seen"


def test_ctrl_c_during_an_action_says_that_it_is_done_once_more(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    cut = Program("publish", lost=KeyboardInterrupt())
    with (
        ScriptedFleet({MAIL: [at("mail"), cut], NS: [at("ns")]}) as fleet,
        pytest.raises(MailprovError, match="interrupted during an action") as caught,
    ):
        apply(fleet)
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    assert "does the action once more" in caught.value.diagnostics[0].fix


def planned(*passed: SitePhase) -> list[tuple[str, tuple[HostRef, ...], bool]]:
    with ScriptedFleet({MAIL: [at("mail", *passed)], NS: [at("ns")]}) as fleet:
        survey = plan_sites(Runs.over(fleet.run_over(SITE)))
    assert survey.is_empty == (not survey.phases)
    return [(one.id or one.kind, one.hosts, one.waiting) for one in survey.phases]


def test_a_plan_tells_what_is_ahead_and_which_gate_is_waited_for(have: Have) -> None:
    have("postfix", PUBLISH, GATE)
    assert planned() == [
        ("test.publish", (MAIL,), False),
        ("test.seen", (MAIL,), False),
        ("transactions", (MAIL,), False),
    ]
    assert planned(PUBLISH) == [("test.seen", (MAIL,), True), ("transactions", (MAIL,), False)]
    assert planned(PUBLISH, GATE) == []


def test_a_gate_is_not_waited_for_while_there_are_changes_before_it(have: Have) -> None:
    have("postfix", GATE)
    script = {MAIL: [at("mail", edited="/etc/postfix/main.cf")], NS: [at("ns")]}
    with ScriptedFleet(script) as fleet:
        survey = plan_sites(Runs.over(fleet.run_over(SITE)))
    told = [(one.id or one.kind, one.waiting) for one in survey.phases]
    assert told == [("transactions", False), ("test.seen", False), ("transactions", False)]
    assert survey.of(MAIL.site).phases == survey.phases
    assert survey.of(DomainName("two.example")).phases == ()

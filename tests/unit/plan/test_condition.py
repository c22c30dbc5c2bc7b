"""What is wrong with a host, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.generations import CERTIFICATE, GENERATION, MAIN_CF, fulfilled, state_of, with_file

from provisioner.facts.host import Facts, Pending
from provisioner.facts.queue import Queue, QueuedMessage, Waiting
from provisioner.facts.status_facts import StatusFacts, parse_status
from provisioner.plan.condition import judge_condition
from provisioner.plan.record_1 import name_1
from provisioner.rooms.phase import Gate, SiteAction

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIMIT = timedelta(hours=3)


def observed(facts: Facts | None = None, *, days: int = 100) -> Facts:
    certificate = replace(CERTIFICATE, ends=NOW + timedelta(days=days))
    status = StatusFacts(now=NOW, queue=Queue(3))
    return replace(facts or fulfilled(), status=status, certificate=certificate)


def problems(facts: Facts) -> tuple[str, ...]:
    return judge_condition(GENERATION, facts, LIMIT).problems


def problems_beside_an_own_certificate(facts: Facts) -> tuple[str, ...]:
    """Return the problems of a host whose certificate is the operator's: it makes none anew."""
    wanted = replace(GENERATION, recipes=())
    introduction = replace(facts.introduction, generation=wanted.id)
    return judge_condition(wanted, replace(facts, introduction=introduction), LIMIT).problems


def waiting(age: timedelta, *reasons: str, queue: str = "deferred") -> Facts:
    """Return the facts of a good host whose queue has three messages, the oldest of that age."""
    recipients = tuple(Waiting("r@south.example", reason) for reason in reasons)
    arrived = int((NOW - age).timestamp())
    oldest = QueuedMessage("4jYf", queue, arrived, 1300, "ann@north.example", recipients)
    status = StatusFacts(now=NOW, queue=Queue(3, (oldest,)))
    return replace(observed(), status=status)


def test_a_host_that_is_as_it_should_be_has_no_problem_however_much_mail_waits() -> None:
    assert problems(observed()) == ()
    assert problems(waiting(timedelta(hours=2, minutes=59), "connection refused")) == ()


def test_mail_that_waits_for_longer_than_the_site_allows_is_one() -> None:
    """The word ok stood above mail that nobody would ever take."""
    assert problems(waiting(timedelta(hours=3), "no route to host", "host is busy")) == (
        "mail: 3 waiting, oldest since 2026-11-24 09:00 UTC, because no route to host",
    )


def test_mail_that_nobody_has_tried_to_deliver_says_where_it_lies() -> None:
    (told,) = problems(waiting(timedelta(days=1), queue="hold"))
    assert told.endswith("because in the queue hold")


def test_what_another_server_said_is_escaped_and_cut() -> None:
    (told,) = problems(waiting(timedelta(days=1), "\x1b]0;owned\x07" + "x" * 1000))
    assert "because \\x1b]0;owned\\x07xxx" in told
    assert len(told) < 300


def test_a_file_that_was_changed_by_hand_is_one() -> None:
    drifted = with_file(fulfilled(), MAIN_CF.path, replace(state_of(MAIN_CF), mode=0o666))
    condition = judge_condition(GENERATION, observed(drifted), LIMIT)
    (drift,) = condition.drift
    assert (drift.path, drift.what) == (MAIN_CF.path, "mode is 0666, wanted 0644")
    assert (condition.problems, condition.due) == (("1 file edited on the host",), 0)


def test_what_the_site_file_asks_for_and_nobody_applied_is_one() -> None:
    changed = replace(MAIN_CF, content=b"a = 1\nb = 3\n")
    wanted = replace(GENERATION, artifacts=(changed, *GENERATION.artifacts[1:]))
    condition = judge_condition(wanted, observed(), LIMIT)
    assert (condition.drift, condition.due) == ((), 1)
    assert condition.problems == ("1 change in the site file to apply",)


def test_the_name_that_an_earlier_version_gave_to_this_configuration_is_none() -> None:
    before = name_1(GENERATION.recorded)
    facts = fulfilled()
    facts = replace(facts, introduction=replace(facts.introduction, generation=before))
    condition = judge_condition(GENERATION, observed(facts), LIMIT)
    assert (condition.problems, condition.recorded, condition.wanted) == ((), before, before)


def test_what_waits_to_be_confirmed_is_one() -> None:
    facts = fulfilled()
    pending = Pending("8", GENERATION.id, "somebody", armed=True)
    facts = replace(facts, introduction=replace(facts.introduction, pending=pending))
    assert problems(observed(facts)) == ("the last apply is not confirmed",)


def test_a_file_that_is_gone_is_one() -> None:
    gone = with_file(fulfilled(), MAIN_CF.path, None)
    (drift,) = judge_condition(GENERATION, observed(gone), LIMIT).drift
    assert drift.what == "missing"


def test_a_service_that_is_down_is_one() -> None:
    facts = fulfilled()
    name = "postfix@-.service"
    down = {**facts.units, name: replace(facts.units[name], active="failed", sub="failed")}
    (told,) = problems(observed(replace(facts, units=down)))
    assert told.startswith("postfix@-.service is failed")


def test_a_service_that_nobody_knows_of_is_one() -> None:
    assert problems(observed(replace(fulfilled(), units={})))


@pytest.mark.parametrize(
    ("days", "want"),
    [
        (14, ()),
        (13, ("the certificate expires in 13 days",)),
        (-1, ("the certificate has expired",)),
    ],
)
def test_a_certificate_is_one_when_less_than_two_weeks_are_left(
    days: int, want: tuple[str, ...]
) -> None:
    assert problems_beside_an_own_certificate(observed(days=days)) == want


def test_a_certificate_that_the_host_makes_anew_is_a_change_to_apply_as_well() -> None:
    assert problems(observed(days=13)) == (
        "1 change in the site file to apply",
        "the certificate expires in 13 days",
    )


def test_a_certificate_that_cannot_be_read_is_one() -> None:
    facts = replace(fulfilled(), status=StatusFacts(now=NOW), certificate=None)
    assert problems_beside_an_own_certificate(facts) == ("mailprov cannot read the certificate",)


def test_another_generation_than_the_site_files_is_one() -> None:
    facts = fulfilled()
    other = replace(facts, introduction=replace(facts.introduction, generation="0" * 16))
    assert problems(observed(other)) == ("1 change in the site file to apply",)


def test_of_a_host_that_was_never_applied_nothing_else_is_said() -> None:
    facts = fulfilled()
    never = replace(facts, introduction=replace(facts.introduction, generation=None), units={})
    assert problems(observed(never)) == ("never applied",)


SECTIONS = {
    "clock": ["1795516142"],
    "applied": ["1795516000"],
    "since": [
        "Id=postfix.service",
        "ActiveEnterTimestamp=@1795516001",
        "",
        "ActiveEnterTimestamp=@0",
        "Id=dovecot.service",
        "",
        "Id=unbound.service",
        "ActiveEnterTimestamp=",
    ],
    "disk": ["/dev/sda1  1000 400 600  40% /srv/my mail"],
    "queue": ["total\t0", "ended\t0"],
}


def test_the_status_is_read_from_its_sections() -> None:
    got = parse_status(SECTIONS)
    assert got is not None
    assert (got.now.timestamp(), got.applied and got.applied.timestamp()) == (
        1795516142,
        1795516000,
    )
    assert {name: since.timestamp() for name, since in got.since.items()} == {
        "postfix.service": 1795516001
    }
    assert got.disk is not None
    assert (got.disk.mount, got.disk.size, got.disk.free) == ("/srv/my mail", 1024000, 614400)
    assert got.queue == Queue(0)


def test_what_the_host_could_not_say_is_left_out() -> None:
    got = parse_status({"clock": ["1795516142"], "disk": ["df: no"], "applied": []})
    assert got is not None
    assert (got.applied, got.disk, got.queue) == (None, None, None)


def test_without_a_clock_nobody_asked_for_the_status() -> None:
    assert parse_status({"queue": ["total\t0", "ended\t0"]}) is None


def test_a_gate_that_is_waited_for_is_told_and_is_none() -> None:
    action = SiteAction(id="a.publish", text="Publish", about=(), program="true")
    gate = Gate(id="a.seen", text="Seen?", about=(), questions=(), again=LIMIT)
    waits = replace(GENERATION, ahead=((gate,), (action, gate)))
    condition = judge_condition(waits, observed(), LIMIT)
    assert condition.problems == ()
    assert condition.gates == (gate,)


def test_a_unit_of_which_the_host_says_nothing_is_not_there() -> None:
    (unit,) = judge_condition(GENERATION, replace(observed(), units={}), LIMIT).units
    assert (unit.state, unit.restarts, unit.since) == ("inactive (dead)", 0, None)
    assert "postfix.service is not-found" in unit.problem
    assert unit.problem.endswith("postfix@-.service is inactive (dead, )")

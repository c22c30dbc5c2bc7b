"""What people and programs are told of the phases of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.refs import ref

from provisioner.cli.main import run
from provisioner.cli.phase_view import (
    phase_outcome_json,
    phase_outcome_lines,
    planned_phase_json,
    planned_phase_lines,
)
from provisioner.plan.site_phases import PhaseOutcome, PhaseStatus, PlannedPhase
from provisioner.verbs.run import by_key

MAIL, NS = ref("mail"), ref("ns")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
CHANGES = PlannedPhase("transactions", (MAIL, NS))
ACTION = PlannedPhase("action", (MAIL,), "a.publish", "Publish it")
GATE = PlannedPhase("gate", (MAIL,), "a.seen", "Is it seen?", waiting=True)
DONE = PhaseOutcome(MAIL.site, "transactions", (MAIL, NS), PhaseStatus.DONE)
CLOSED = PhaseOutcome(MAIL.site, "gate", (MAIL,), PhaseStatus.CLOSED, "a.seen", "Is it seen?", NOON)


def test_a_person_sees_the_phases_only_where_there_is_more_than_transactions() -> None:
    assert list(planned_phase_lines([CHANGES], by_key)) == []
    assert list(phase_outcome_lines([DONE], by_key)) == []
    assert list(planned_phase_lines([], by_key)) == []


def test_a_plan_numbers_the_phases_and_marks_the_gate_that_is_waited_for() -> None:
    lines = map(str, planned_phase_lines([CHANGES, ACTION, GATE, CHANGES], by_key))
    assert list(lines) == [
        "phases of the run:",
        "  1. transactions on mail, ns",
        "  2. action a.publish on mail: Publish it",
        "  3. gate a.seen on mail: Is it seen? (waiting)",
        "  4. transactions on mail, ns, behind the gate",
    ]


def test_the_end_of_a_run_says_until_when_a_gate_is_closed() -> None:
    _, done, closed = phase_outcome_lines([DONE, CLOSED], by_key)
    assert str(done).split() == ["transactions", "on", "mail,", "ns", "done"]
    assert "closed until 2026-12-01 12:00 UTC" in str(closed)
    assert str(closed).rstrip().endswith("Is it seen?")


def test_a_program_sees_all_phases() -> None:
    assert planned_phase_json(CHANGES) == {"kind": "transactions", "hosts": ["mail", "ns"]}
    assert planned_phase_json(GATE) == {
        "kind": "gate", "hosts": ["mail"], "id": "a.seen", "text": "Is it seen?", "waiting": True,
    }  # fmt: skip
    assert phase_outcome_json(DONE) == {
        "kind": "transactions", "hosts": ["mail", "ns"], "status": "done",
    }  # fmt: skip
    assert phase_outcome_json(CLOSED) == {
        "kind": "gate", "hosts": ["mail"], "id": "a.seen", "text": "Is it seen?",
        "status": "closed", "again": "2026-12-01T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("wait", [["--wait", "soon"], ["--wait", "site.yaml"]])
def test_what_is_no_time_to_wait_is_wrong_usage(
    wait: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", *wait]) == 64
    assert "--wait is no time" in capsys.readouterr().err

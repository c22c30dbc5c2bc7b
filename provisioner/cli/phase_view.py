"""How the phases of a run look, to a person and to a program: those to come, and their ends.

To a person transactions alone are told host by host already. So phases are shown only where there
is an action of the site or a gate among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.cli.terminal import Shown, coloured, stamp, table
from provisioner.plan.site_phases import PhaseOutcome, PlannedPhase
from provisioner.verbs.run import Naming


def planned_phase_lines(phases: Sequence[PlannedPhase], name: Naming) -> Iterator[Shown]:
    """Yield the phases that a run has before it, in their order."""
    if all(one.kind == "transactions" for one in phases):
        return
    yield "phases of the run:"
    for number, one in enumerate(phases, start=1):
        line = f"  {number}. {_called(one, name)}"
        if one.text:
            line += f": {one.text}"
        elif number > 1:
            line += ", behind the gate"
        yield line + coloured(" (waiting)", "warning") if one.waiting else line


def planned_phase_json(phase: PlannedPhase) -> dict[str, object]:
    """Return a phase that is to come as a JSON object."""
    row = _row(phase)
    return row if phase.kind == "transactions" else row | {"waiting": phase.waiting}


def phase_outcome_lines(phases: Sequence[PhaseOutcome], name: Naming) -> Iterator[Shown]:
    """Yield the lines of the table that says what became of each phase."""
    if all(one.kind == "transactions" for one in phases):
        return
    rows = []
    for one in phases:
        until = f" until {one.again:%Y-%m-%d %H:%M} UTC" if one.again else ""
        rows.append((_called(one, name), f"{one.status.value}{until}", one.text))
    yield from table(("PHASE", "STATUS", ""), rows)


def phase_outcome_json(phase: PhaseOutcome) -> dict[str, object]:
    """Return what became of a phase as a JSON object; what is empty is left out."""
    row = _row(phase) | {"status": phase.status.value}
    return row | {"again": stamp(phase.again)} if phase.again else row


def _row(phase: PlannedPhase | PhaseOutcome) -> dict[str, object]:
    row: dict[str, object] = {"kind": phase.kind, "hosts": [ref.host for ref in phase.hosts]}
    return row if phase.kind == "transactions" else row | {"id": phase.id, "text": phase.text}


def _called(phase: PlannedPhase | PhaseOutcome, name: Naming) -> str:
    word = f"{phase.kind} {phase.id}".rstrip()
    return f"{word} on {', '.join(map(name, phase.hosts))}"

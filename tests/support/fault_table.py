"""The fault matrix as a page for operators: what came of each fault at each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from support.fault_matrix import Fault


@dataclass(frozen=True)
class Cell:
    """What came of one fault. number: of the step, from 1. outcome: old, new, or what is wrong."""

    scenario: str
    step: str
    number: int
    fault: Fault
    outcome: str


_HEAD = """# Faults at every step of an apply

Each table shows the state of a host after a fault has interrupted an apply. `old` is wholly the
configuration before, `new` is wholly the one that was applied. In either case the services are up,
and the broken apply leaves nothing behind. The next apply converges, and a last `verify` passes.
`make test-all` writes this page.

- SSH cut: the host closes the connection.
- SSH stalled: the cable of the host is pulled.
- controller killed: `mailprov` gets SIGKILL.
- host killed: every process there gets SIGKILL, and it boots again.
- power lost: as host killed, and the disk forgets everything that was not synced.
"""
_HELD_AT = ", held at"
_NOT_RUN = "not run"
"""The outcome of a step that came since; somebody wrote it into the page by hand."""


def render_table(cells: Sequence[Cell]) -> str:
    """Return the page; every cell of a scenario is there."""
    counts = Counter(_word(cell) for cell in cells)
    words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    parts = [_HEAD, f"The last run of each apply has {len(cells)} cells: {words}.\n"]
    parts += [
        _section(scenario, [cell for cell in cells if cell.scenario == scenario])
        for scenario in dict.fromkeys(cell.scenario for cell in cells)
    ]
    return "\n".join(parts)


def parse_table(page: str) -> list[Cell]:
    """Return the cells of a page; of a wrong one, only that it is."""
    cells: list[Cell] = []
    scenario, number = "", 0
    for line in page.splitlines():
        fields = [field.strip(" `") for field in line.split("|")[1:-1]]
        if len(fields) != 1 + len(Fault) or set(fields[0]) == {"-"}:
            continue
        if fields[0].endswith(_HELD_AT):
            scenario, number = fields[0].removesuffix(_HELD_AT), 0
            continue
        number += 1
        outcomes = zip(Fault, fields[1:], strict=True)
        cells += [Cell(scenario, fields[0], number, fault, outcome) for fault, outcome in outcomes]
    return cells


def _section(scenario: str, cells: Iterable[Cell]) -> str:
    by_step: dict[tuple[int, str], dict[Fault, str]] = {}
    for cell in cells:
        by_step.setdefault((cell.number, cell.step), {})[cell.fault] = _word(cell)
    rows = [
        f"| `{step}` | {' | '.join(words[fault] for fault in Fault)} |"
        for (_, step), words in sorted(by_step.items())
    ]
    head = f"| {scenario}{_HELD_AT} | {' | '.join(Fault)} |"
    rule = "|---|" + "---|" * len(Fault)
    return "\n".join([f"## {scenario.capitalize()}", "", head, rule, *rows, ""])


def _word(cell: Cell) -> str:
    return cell.outcome if cell.outcome in {"old", "new", _NOT_RUN} else "wrong"

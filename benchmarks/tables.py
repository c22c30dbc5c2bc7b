"""Records as Markdown tables: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure, bytes_text, figure_of, ratio, seconds_text

Record = Mapping[str, Any]
"""A record as it stands in results.json; see `scenarios.Record`."""


def timed(records: Sequence[Record], **of: str) -> list[Record]:
    """Return the timed runs with these fields; the run for memory, number 0, is left out."""
    return [one for one in records if one["number"] > 0 and all(one[key] == of[key] for key in of)]


def figures_by_contender(records: Sequence[Record]) -> dict[str, Figure]:
    """Return the seconds of each contender's timed runs, in the order of the records."""
    names = dict.fromkeys(one["contender"] for one in records)
    runs = {name: timed(records, contender=name) for name in names}
    return {
        name: figure_of([one["seconds"] for one in of_name])
        for name, of_name in runs.items()
        if of_name
    }


def scenario_table(records: Sequence[Record], base: str) -> str:
    """Return one scenario's table: seconds, how many times `base`, bytes, memory.

    records: of one layout and one scenario. base: the contender whose median counts as 1.
    """
    figures = figures_by_contender(records)
    rows = [
        (
            name,
            seconds_text(figure),
            f"{ratio(figure, figures[base]):.2f}",
            _middle(records, name, "cpu"),
            _middle(records, name, "hosts_cpu"),
            _wire(records, name),
            _peak(records, name),
            _inside(records, name),
        )
        for name, figure in sorted(figures.items(), key=lambda pair: pair[1].median)
    ]
    runs = min(figure.runs for figure in figures.values())
    head = (
        f"{runs} runs",
        "seconds: median (lowest-highest)",
        f"times `{base}`",
        "CPU s, tool",
        "CPU s, hosts",
        "on the wire",
        "peak memory",
        "start-up aside",
    )
    return markdown(head, rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with its first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join([first, *others])} |"

    rule = [
        "-" * width if number == 0 else "-" * (width - 1) + ":"
        for number, width in enumerate(widths)
    ]
    return "\n".join([line(head), line(rule), *map(line, rows)]) + "\n"


def _middle(records: Sequence[Record], name: str, key: str) -> str:
    values = [one[key] for one in timed(records, contender=name)]
    return f"{figure_of(values).median:.2f}"


def _wire(records: Sequence[Record], name: str) -> str:
    counts = [one["wire"] for one in timed(records, contender=name)]
    middle = figure_of(counts).median
    return bytes_text(middle) if middle else "-"


def _peak(records: Sequence[Record], name: str) -> str:
    peaks = [one["peak"] for one in records if one["contender"] == name and one["peak"]]
    return bytes_text(max(peaks)) if peaks else "-"


def _inside(records: Sequence[Record], name: str) -> str:
    values = [one["inside"] for one in timed(records, contender=name)]
    counted = [value for value in values if value is not None]
    return seconds_text(figure_of(counted)) if counted else "-"

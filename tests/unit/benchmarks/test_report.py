"""Tables, chart and report of records that are written down here."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.chart import render_chart
from benchmarks.contenders import ANSIBLE, MAILPROV
from benchmarks.figures import Figure
from benchmarks.report import chart_of, render_report
from benchmarks.scenarios import NOOP
from benchmarks.tables import figures_by_contender, markdown, scenario_table


def _record(contender: str, number: int, seconds: float, **more: float) -> dict[str, Any]:
    return {
        "layout": "whole",
        "scenario": NOOP,
        "contender": contender,
        "number": number,
        "seconds": seconds,
        "cpu": 1.0,
        "hosts_cpu": 2.0,
        "wire": 40_000,
        "peak": 0,
        "inside": None,
        **more,
    }


RECORDS = [
    _record(ANSIBLE, 0, 999.0, peak=146_000_000),
    _record(ANSIBLE, 1, 100.0),
    _record(ANSIBLE, 2, 120.0),
    _record(MAILPROV, 0, 999.0, peak=60_000_000),
    _record(MAILPROV, 1, 1.0, inside=0.4),
    _record(MAILPROV, 2, 1.2, inside=0.6),
]


def test_the_run_for_memory_does_not_count_for_time() -> None:
    got = figures_by_contender(RECORDS)
    assert got == {ANSIBLE: Figure(110.0, 100.0, 120.0, 2), MAILPROV: Figure(1.1, 1.0, 1.2, 2)}


def test_a_table_has_the_quickest_first_and_says_how_many_times_slower_the_others_are() -> None:
    head, _, first, second = scenario_table(RECORDS, MAILPROV).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:3]] == [
        "2 runs",
        "seconds: median (lowest-highest)",
    ]
    cells = [cell.strip() for cell in first.split("|")[1:-1]]
    assert cells == [
        MAILPROV,
        "1.10 (1.00-1.20)",
        "1.00",
        "1.00",
        "2.00",
        "40 kB",
        "60.0 MB",
        "0.500 (0.400-0.600)",
    ]
    assert second.split("|")[3].strip() == "100.00"


def test_columns_of_a_table_line_up() -> None:
    lines = markdown(("a", "long head"), [("x", "1"), ("yy", "22")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| -- | --------: |"


def test_a_chart_is_svg_whose_bars_grow_with_the_logarithm() -> None:
    figures = {f"<{n}>": Figure(float(n), float(n), float(n), 5) for n in (1, 10, 100)}
    root = ET.fromstring(render_chart("a & b", [("title", figures)], ("<1>",)))  # noqa: S314 our own text
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect") if "x" in bar.attrib]
    assert widths[0] == 0
    assert abs(widths[2] - 2 * widths[1]) < 0.2
    assert "<10>" in [text.text for text in root.iter(f"{space}text")]


def test_a_report_names_machine_versions_and_scenarios() -> None:
    results = {
        "date": "2026-11-24",
        "machine": "2 cores",
        "versions": {"Ansible": "2.19"},
        "records": RECORDS,
        "failures": ["whole, first apply, pyinfra: ended with (1,)\nand more"],
    }
    got = render_report(results)
    assert "2026-11-24, 2 cores." in got
    assert "Ansible 2.19" in got
    assert "## Nothing to do: eight hosts" in got
    assert "- whole, first apply, pyinfra: ended with (1,)\n" in got
    assert "and more" not in got
    assert "<svg" in chart_of(RECORDS)


def test_without_comparable_runs_there_is_no_chart() -> None:
    assert chart_of([]) == ""

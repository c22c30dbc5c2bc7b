"""The report of a run: results.json in, results.md and results.svg out. Pure but for `write`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.chart import render_chart
from benchmarks.contenders import ANSIBLE, MAILPROV, MITOGEN, PLAN, PYINFRA
from benchmarks.scenarios import FIRST, NOOP, ONE_LINE, SINGLE
from benchmarks.tables import Record, figures_by_contender, scenario_table

_TITLES = {
    NOOP: "Nothing to do",
    ONE_LINE: "One setting of main.cf changed: file and reload",
    FIRST: "First apply, packages present",
    SINGLE: "One host, one command",
}
_LAYOUTS = {
    "whole": "Eight hosts, each a whole mail server (eight sites)",
    "spread": "One site over eight hosts: one mail server, eight resolvers",
}
_BASES = {SINGLE: "python -c pass"}
_CHARTED = (MAILPROV, MITOGEN, PYINFRA, ANSIBLE)


def write_report(results: Mapping[str, Any], folder: Path) -> str:
    """Write results.json, results.md and results.svg into a folder; return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = render_report(results)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(text, encoding="utf-8")
    chart = chart_of(results["records"])
    if chart:
        (folder / "results.svg").write_text(chart, encoding="utf-8")
    return text


def render_report(results: Mapping[str, Any]) -> str:
    """Return the Markdown of a run's results."""
    records = results["records"]
    parts = [
        "# Results\n",
        f"{results['date']}, {results['machine']}.\n",
        "Written by `make bench`; [README.md](../README.md) explains the columns.\n",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in results["versions"].items()) + ".\n",
        "![Seconds, whole processes](results.svg)\n",
    ]
    for layout, scenario in product(_LAYOUTS, _TITLES):
        some = _of(records, layout, scenario)
        if not figures_by_contender(some):
            continue
        title = _TITLES[scenario]
        where = "" if scenario == SINGLE else f": {_LAYOUTS[layout].lower()}"
        parts.append(f"## {title}{where}\n")
        parts.append(scenario_table(some, _BASES.get(scenario, MAILPROV)))
    if results["failures"]:
        rows = [f"- {text.splitlines()[0]}" for text in results["failures"]]
        parts += ["## Runs that failed, and were repeated\n", *rows, ""]
    return "\n".join(parts)


def chart_of(records: Sequence[Record]) -> str:
    """Return the chart of mailprov and the other tools on eight whole servers; "" without any."""
    groups = []
    for scenario in (NOOP, ONE_LINE, FIRST):
        figures = figures_by_contender(_of(records, "whole", scenario))
        shown = {name: figures[name] for name in _CHARTED if name in figures}
        if shown:
            groups.append((_TITLES[scenario], shown))
    title = "Eight hosts on one machine, whole processes, seconds (logarithmic)"
    return render_chart(title, groups, (MAILPROV, PLAN)) if groups else ""


def _of(records: Sequence[Record], layout: str, scenario: str) -> list[Record]:
    return [r for r in records if r["layout"] == layout and r["scenario"] == scenario]

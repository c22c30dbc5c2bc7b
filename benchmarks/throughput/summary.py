"""The results of the runs, as Markdown and as a chart: pure but for `write_summary`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.chart import render_chart
from benchmarks.figures import Figure, figure_of
from benchmarks.tables import markdown
from benchmarks.throughput.loads import ANSWER, HASHED, LOGIN, SUBMIT, Record
from benchmarks.throughput.variants import OURS, SHARED, STOCK, TUNED

AIM = 0.05
"""The aim: ours may be this far behind the tuned configuration."""

_TITLES = {
    SUBMIT: "Messages from submission to mailbox",
    LOGIN: "IMAP logins",
    HASHED: "IMAP logins with passwords as mailprov hashes them (bcrypt)",
    ANSWER: "DNS answers",
}
_SHORT = {SUBMIT: "messages", LOGIN: "logins", HASHED: "slow-hash logins", ANSWER: "DNS answers"}


def write_summary(results: Mapping[str, Any], folder: Path) -> str:
    """Write throughput.json, .md and .svg into a folder; return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = render_summary(results)
    written = json.dumps(results, indent=1) + "\n"
    (folder / "throughput.json").write_text(written, encoding="utf-8")
    (folder / "throughput.md").write_text(text, encoding="utf-8")
    chart = render_rates(results["records"])
    (folder / "throughput.svg").write_text(chart, encoding="utf-8")
    return text


def render_summary(results: Mapping[str, Any]) -> str:
    """Return the Markdown of a run's results."""
    records = results["records"]
    sync = f"A sync of 4 KiB takes the host's disk {results['sync_ms']:.2f} ms."
    columns = "[README.md](../README.md#throughput-of-a-host)"
    parts = [
        "# Throughput of a host\n",
        f"{results['date']}, {results['machine']}. {sync}\n",
        f"Written by `python -m benchmarks.throughput`; {columns} explains the columns.\n",
        "![Units a second](throughput.svg)\n",
    ]
    for load in loads_in(records):
        parts += [f"## {_TITLES[load]}\n", load_table(records, load)]
    parts += ["## Against the aims\n", verdict_table(records)]
    parts += ["## What `tuned` adds to `stock`\n", advice_table(results["advice"])]
    return "\n".join(parts)


def load_table(records: Sequence[Record], load: str) -> str:
    """Return one load's table: a line for each variant, medians with the lowest and highest."""
    rates, costs = figures(records, load, "rate"), figures(records, load, "cpu")
    callers = figures(records, load, "load_cpu")
    flushes = figures(records, load, "flushes")
    base = STOCK if STOCK in rates else next(iter(rates))
    rows = [
        (
            name,
            rate_text(rates[name]),
            f"{rates[name].median / rates[base].median:.2f}",
            cost_text(costs[name]),
            f"{costs[name].median / costs[base].median:.2f}",
            cost_text(callers[name]),
            f"{flushes[name].median:.1f}" if flushes[name].median else "-",
        )
        for name in rates
    ]
    runs = min(figure.runs for figure in rates.values())
    head = (
        f"{runs} runs",
        "a second: median (lowest-highest)",
        f"times `{base}`",
        "CPU of the host for each",
        f"times `{base}` ",
        "CPU of the callers for each",
        "flushes for each",
    )
    return markdown(head, rows)


def verdict_table(records: Sequence[Record]) -> str:
    """Return what became of the aims: ahead of stock, and close to tuned.

    Each round is compared with itself, because the machine is not the same in all of them.
    """
    rows = []
    for load in loads_in(records):
        for key, better, what in (("rate", 1, "a second"), ("cpu", -1, "CPU for each")):
            for other, slack in ((STOCK, 0.0), (TUNED, AIM)):
                aim = "ahead of stock" if other == STOCK else f"within {AIM:.0%} of tuned"
                got = [
                    _judged(_gains(records, load, key, (name, other), better), slack)
                    for name in (OURS, SHARED)
                ]
                rows.append((f"{_SHORT[load]}, {what}", aim, *got))
    return markdown(("", "aim", OURS, SHARED), rows)


def advice_table(advice: Sequence[Mapping[str, str]]) -> str:
    """Return every line that `tuned` has and `stock` has not, with its source."""
    rows = [(f"`{' '.join(one['line'].split())}`", one["source"]) for one in advice]
    return markdown(("line", "source"), rows)


def render_rates(records: Sequence[Record]) -> str:
    """Return the chart of all rates."""
    groups = [(_TITLES[load], figures(records, load, "rate")) for load in loads_in(records)]
    title = "Throughput of one host, units a second (logarithmic)"
    return render_chart(title, groups, (OURS, SHARED), tell=rate_text, unit="/s")


def figures(records: Sequence[Record], load: str, key: str) -> dict[str, Figure]:
    """Return a field's figure for each variant that did a load, in the order of the records."""
    values: dict[str, list[float]] = {}
    for one in records:
        if one["load"] == load:
            values.setdefault(one["variant"], []).append(one[key])
    return {name: figure_of(found) for name, found in values.items()}


def loads_in(records: Sequence[Record]) -> list[str]:
    """Return the loads that were done, in the order of the report."""
    done = {one["load"] for one in records}
    return [load for load in _TITLES if load in done]


def _gains(
    records: Sequence[Record], load: str, key: str, variants: tuple[str, str], better: int
) -> list[float]:
    """Return by how much the first variant was better than the second, in each round."""
    one, other = (
        {r["number"]: r[key] for r in records if (r["variant"], r["load"]) == (name, load)}
        for name in variants
    )
    return [(one[number] / other[number]) ** better - 1 for number in one.keys() & other.keys()]


def _judged(gains: Sequence[float], slack: float) -> str:
    if not gains:
        return "-"
    gain = figure_of(gains)
    verdict = "reached" if gain.low >= -slack else "missed" if gain.high < -slack else "undecided"
    return f"{gain.median:+.1%} ({gain.low:+.1%} to {gain.high:+.1%}) {verdict}"


def rate_text(figure: Figure) -> str:
    """Return a rate with its spread: `123 (120-131)`, and a decimal below ten."""
    digits = 1 if figure.median < 10 else 0  # noqa: PLR2004 a size
    return f"{figure.median:,.{digits}f} ({figure.low:,.{digits}f}-{figure.high:,.{digits}f})"


def cost_text(figure: Figure) -> str:
    """Return seconds of processor time with their spread, in ms or µs."""
    unit, factor = ("ms", 1e3) if figure.median >= 1e-3 else ("µs", 1e6)  # noqa: PLR2004 a size
    middle, low, high = (value * factor for value in (figure.median, figure.low, figure.high))
    return f"{middle:.2f} {unit} ({low:.2f}-{high:.2f})"

"""The cost of a site of N users to the controller, with no host: validate, render, plan.

    python -m benchmarks.scale [--users N …] [--runs N] [--folder DIR]

It prints a table with a line for each command and size. A line has processor time and wall time
in seconds, as median and extremes of the runs. It also has the peak of resident memory, and the
processor time for each user. The start of the program is included. On a machine that does other
work as well, compare the processor time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import figure_of, seconds_text
from benchmarks.installed import compile_mailprov
from benchmarks.one_process import Cost, installed_command, measure, table
from benchmarks.site_of import write_site

_HEAD = ("COMMAND", "USERS", "RUNS", "PROCESSOR s", "WALL s", "PEAK MiB", "µs A USER")
_MANY = 1_000  # below, the start of the program is nearly all of it
_SIZES = (1, 1_000, 10_000, 100_000)


def main() -> None:
    """Measure and print."""
    options = _options()
    compile_mailprov()
    with TemporaryDirectory(dir=options.folder, prefix="mailprov-scale-") as folder:
        rows = list(_rows(Path(folder), options.users, options.runs))
    print(table(_HEAD, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, nargs="+", default=_SIZES, metavar="N")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command (default 5)")
    parser.add_argument("--folder", type=Path, help="for sites and trees (default: temporary)")
    return parser.parse_args()


def _rows(folder: Path, sizes: Sequence[int], runs: int) -> Iterator[Sequence[str]]:
    for name, command in (
        ("python -c pass", [sys.executable, "-c", "pass"]),
        ("--help", [installed_command(), "--help"]),
    ):
        yield _row(name, None, [measure(command) for _ in range(runs)])
    for users in sizes:
        site = folder / "site.yaml"
        write_site(site, users)
        for name, command in _commands(site, folder / "tree"):
            costs = []
            for _ in range(runs):
                shutil.rmtree(folder / "tree", ignore_errors=True)
                costs.append(measure(command))
            yield _row(name, users, costs)


def _commands(site: Path, tree: Path) -> Iterator[tuple[str, list[str]]]:
    program = installed_command()
    yield "validate", [program, "validate", str(site)]
    yield "render", [program, "render", str(site), "-o", str(tree)]
    yield "plan, one user more", [sys.executable, "-m", "benchmarks.planning", str(site)]


def _row(name: str, users: int | None, costs: Sequence[Cost]) -> Sequence[str]:
    processor = figure_of([cost.processor for cost in costs]).median
    return (
        name,
        f"{users:,}" if users else "-",
        str(len(costs)),
        seconds_text(figure_of([cost.processor for cost in costs])),
        seconds_text(figure_of([cost.wall for cost in costs])),
        f"{max(cost.peak for cost in costs):,.0f}",
        f"{processor / users * 1e6:,.0f}" if users and users >= _MANY else "-",
    )


if __name__ == "__main__":
    main()

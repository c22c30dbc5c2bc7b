"""The cost of one command over several sites beside one site over the same hosts.

    python -m benchmarks.several_sites [--hosts N] [--runs N] [--name LAB]

It needs root. It boots a lab of bare mail servers. `spread` is one site over all of them: the first
host does everything, and the others resolve names. `whole` is a site for each host, which does
everything. Both are applied, and their states are kept on the hosts. Then `plan` and `apply` with
nothing to do are measured in turn: one site, all sites in one command, and all sites in a process
each, side by side. It prints a table with seconds and the command's own processor seconds, each
with the ratio of the medians.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import figure_of, seconds_text
from benchmarks.hosts import Hosts
from benchmarks.installed import compile_mailprov
from benchmarks.layouts import SiteText, spread_site, whole_sites
from benchmarks.one_process import Cost, installed_command, measure, table
from provisioner.lab import take_down

_HEAD = ("NOTHING TO DO", "RUNS", "one site", "sites", "RATIO", "processes")
_ONE, _SITES, _PROCESSES = "one site", "sites", "processes"
_WHAT: dict[str, Callable[[Cost], float]] = {
    "s": lambda cost: cost.wall,
    "CPU s": lambda cost: cost.processor,
}
_BLOCKS = 5
"""How often the hosts change between the layouts; a drift then affects both alike."""


def main() -> None:
    """Bring the hosts up, measure, print, and take them down."""
    options = _options()
    compile_mailprov()
    try:
        hosts = Hosts.up(options.name, options.hosts)
        files = {
            _ONE: _written(hosts, spread_site(options.hosts)),
            _SITES: _written(hosts, whole_sites(options.hosts)),
        }
        for layout, sites in files.items():
            hosts.return_to("found")
            _run(hosts, "apply", sites)
            hosts.keep(layout.replace(" ", "-"))
        print(table(_HEAD, list(_rows(hosts, files, options.runs))))
    finally:
        take_down(options.name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--runs", type=int, default=10, help="runs of each figure (default 10)")
    parser.add_argument("--name", default="several", help="the lab's name")
    return parser.parse_args()


def _written(hosts: Hosts, sites: Sequence[SiteText]) -> list[Path]:
    paths = []
    for site in sites:
        path = hosts.lab.home / f"{site.name}.yaml"
        path.write_text(hosts.lab.site(site.base), encoding="utf-8")
        paths.append(path)
    return paths


def _rows(hosts: Hosts, files: dict[str, list[Path]], runs: int) -> Iterator[Sequence[str]]:
    costs = _costs(hosts, files, runs)
    for verb in ("plan", "apply"):
        for what, read in _WHAT.items():
            figures = {
                layout: figure_of([read(cost) for cost in costs[verb, layout]])
                for layout in (_ONE, _SITES, _PROCESSES)
            }
            ratio = figures[_SITES].median / figures[_ONE].median
            one, sites, processes = (seconds_text(figure) for figure in figures.values())
            number = str(figures[_ONE].runs)
            yield (f"{verb}, {what}", number, one, sites, f"{ratio:.2f}", processes)


def _costs(
    hosts: Hosts, files: dict[str, list[Path]], runs: int
) -> dict[tuple[str, str], list[Cost]]:
    """Return the cost of each run of each verb, by verb and layout."""
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(_BLOCKS):
        for layout, sites in files.items():
            hosts.return_to(layout.replace(" ", "-"))
            _run(hosts, "apply", sites)  # a service's start may leave something to do
            for verb in ("plan", "apply"):
                _run(hosts, verb, sites)
                for _ in range(max(1, runs // _BLOCKS)):
                    costs.setdefault((verb, layout), []).append(_run(hosts, verb, sites))
                    if layout == _SITES:
                        costs.setdefault((verb, _PROCESSES), []).append(_apart(hosts, verb, sites))
    return costs


def _environment(hosts: Hosts) -> dict[str, str]:
    return {**os.environ, "HOME": str(hosts.lab.home), "NO_COLOR": "1"}


def _run(hosts: Hosts, verb: str, sites: Sequence[Path]) -> Cost:
    """Return the cost of one command over these sites."""
    command = [installed_command(), verb, *map(str, sites)]
    return measure(command, _environment(hosts))


def _apart(hosts: Hosts, verb: str, sites: Sequence[Path]) -> Cost:
    """Return the cost of a process for each site, side by side: time and processor of all."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(sites)) as pool:
        costs = list(pool.map(lambda site: _run(hosts, verb, [site]), sites))
    wall = time.perf_counter() - begun
    return Cost(wall, sum(one.processor for one in costs), max(one.peak for one in costs), 0)


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: the whole benchmark, from hosts that do not exist to a report.

Needs root, what `mailprov lab install` installs, and `.venv` in this folder with
requirements.txt (`make bench` installs both). The lab is taken down at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contenders import (
    ANSIBLE,
    FLOORS,
    HERE,
    INSIDE,
    MAILPROV,
    MITOGEN,
    ONE_COMMAND,
    PEER_NAMES,
    PLAN,
    PYINFRA,
    TOOLS,
    VERIFY,
)
from benchmarks.hosts import Hosts
from benchmarks.installed import compile_mailprov
from benchmarks.layouts import HOSTS, SiteText, spread_site, whole_sites
from benchmarks.machine import describe_machine, say
from benchmarks.measure import adopt_orphans
from benchmarks.report import write_report
from benchmarks.scenarios import FIRST, NOOP, ONE_LINE, SINGLE, Bench
from provisioner.lab import install_requirements, take_down

LAB = "benchmark"
_SCENARIOS = (SINGLE, NOOP, ONE_LINE, FIRST)
_SINGLE_ROUNDS = 4  # these take a second, and cost little to repeat: times `--rounds`


def main() -> None:
    """Run what the options say and write the report."""
    options = _parser().parse_args()
    if not options.without and not (TOOLS / "ansible-playbook").exists():
        sys.exit("the other tools are not installed: run tools/setup-bench.sh")
    install_requirements()
    compile_mailprov()
    begun = time.monotonic()
    hosts = Hosts.up(options.lab, options.hosts)
    adopt_orphans()
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "versions": _versions(),
        "records": [],
        "failures": [],
    }
    try:
        for layout in options.layout:
            _run_layout(hosts, layout, options, results)
    finally:
        if not options.keep:
            take_down(options.lab)
    say(f"{(time.monotonic() - begun) / 60:.0f} minutes in all")
    sys.stdout.write(write_report(results, options.output))


def _run_layout(
    hosts: Hosts, layout: str, options: argparse.Namespace, results: dict[str, Any]
) -> None:
    texts: dict[str, tuple[SiteText, ...]] = {
        "whole": whole_sites(options.hosts),
        "spread": spread_site(options.hosts),
    }
    bench = Bench(hosts, layout, texts[layout], say, results["records"], results["failures"])
    bench.prepare()
    peers = [name for name in PEER_NAMES if name not in options.without]
    ours = [MAILPROV, ONE_COMMAND] if len(texts[layout]) > 1 else [MAILPROV]
    idle = [*ours, PLAN, VERIFY, INSIDE, *FLOORS, *peers]
    work: dict[str, Callable[[], None]] = {
        FIRST: lambda: bench.first_apply([*ours, *peers], options.changing_rounds),
        ONE_LINE: lambda: bench.one_line([*ours, *peers], options.changing_rounds),
        NOOP: lambda: bench.nothing_to_do(idle, options.rounds),
        SINGLE: lambda: bench.one_host(options.rounds * _SINGLE_ROUNDS),
    }
    for scenario, run in work.items():
        if scenario in options.scenario and (scenario == NOOP or layout == "whole"):
            run()
            # The report has the finished scenarios even if a later one fails.
            write_report(results, options.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="timed runs of each tool with nothing to do (5)")
    add("--changing-rounds", type=int, default=5, help="timed runs that change hosts (5)")
    add("--hosts", type=int, default=HOSTS, help=f"number of lab hosts ({HOSTS})")
    add("--layout", nargs="+", choices=("whole", "spread"), default=["whole", "spread"])
    add("--scenario", nargs="+", choices=_SCENARIOS, default=list(_SCENARIOS))
    add("--without", nargs="+", choices=(MITOGEN, PYINFRA, ANSIBLE), default=[])
    add("--output", type=Path, default=HERE / "results", help="folder of the report")
    add("--lab", default=LAB, help="the lab's name")
    add("--keep", action="store_true", help="leave the lab up")
    return parser


def _versions() -> dict[str, str]:
    found = {"mailprov": version("mailprov"), "paramiko": version("paramiko")}
    if (TOOLS / "pip").exists():
        listed = subprocess.run(
            [str(TOOLS / "pip"), "freeze"], capture_output=True, text=True, check=True
        ).stdout
        pairs = dict(line.split("==") for line in listed.splitlines() if "==" in line)
        names = {"ansible-core": "Ansible", "mitogen": "Mitogen", "pyinfra": "pyinfra"}
        found |= {title: pairs[name] for name, title in names.items() if name in pairs}
    return found


if __name__ == "__main__":
    main()

"""The cost to a host of a one-line change with its proof, and of an observation.

    python -m benchmarks.one_line [--runs N]

It needs root. It brings up a lab host and applies a site. Three steps follow in turn: `true` by
SSH, a plan with nothing to do, and the apply of another value of one setting of main.cf. The
apply is verified. Processor seconds are those of the host's control group. Processes are the forks
in it, where perf(1) is there to count them. Each figure is the median of the runs, with the
extremes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import figure_of, seconds_text
from benchmarks.measure import Command, adopt_orphans, measure
from benchmarks.one_process import CommandFailedError, installed_command, table
from benchmarks.site_of import write_site
from provisioner.lab import HostSpec, Lab, take_down

_HEAD = ("STEP", "RUNS", "HOST CPU s", "PROCESSES", "KB ON THE WIRE", "WALL s")
_ADDRESS = "10.89.0.9"
_USERS = 20
_SIZE = 52_428_800


@dataclass(frozen=True, slots=True)
class Run:
    """One command. processes: 0 without perf(1)."""

    cpu: float
    processes: int
    wire: int
    wall: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each step (default 5)")
    runs = parser.parse_args().runs
    adopt_orphans()
    name = f"one-line-{os.getpid()}"
    try:
        lab = Lab.up(name, [HostSpec("mail", (_ADDRESS,), tree="debian-12-mail")])
        print(table(_HEAD, list(_rows(lab, runs))))
    finally:
        take_down(name)


def _rows(lab: Lab, runs: int) -> Iterator[Sequence[str]]:
    site = lab.home / "site.yaml"
    _write(lab, site, 0)
    _run(lab, "apply", site)
    floors, plans, applies = [], [], []
    for number in range(1, runs + 1):
        floors.append(_measured(lab, _true_by_ssh(lab)))
        plans.append(_run(lab, "plan", site))
        _write(lab, site, number)
        applies.append(_run(lab, "apply", site))
    yield _row("true by SSH", floors)
    yield _row("nothing to do, plan", plans)
    yield _row("one line, apply", applies)


def _write(lab: Lab, path: Path, number: int) -> None:
    write_site(path, _USERS)
    text = path.read_text(encoding="utf-8").replace("192.0.2.10", _ADDRESS)
    text += f'postfix: {{main: {{message_size_limit: "{_SIZE + number}"}}}}\n'
    path.write_text(lab.site(text), encoding="utf-8")


def _run(lab: Lab, verb: str, site: Path) -> Run:
    return _measured(lab, (installed_command(), verb, str(site)))


def _true_by_ssh(lab: Lab) -> tuple[str, ...]:
    """Return the command that only connects to the host and runs `true` there."""
    ssh = lab.home / ".ssh"
    connection = {
        "hosts": {"mail": lab.host("mail").address},
        "key": str(ssh / "id_ed25519"),
        "known_hosts": str(ssh / "known_hosts"),
    }
    (lab.home / "connection.json").write_text(json.dumps(connection), encoding="utf-8")
    return (sys.executable, str(Path(__file__).with_name("floor.py")), str(lab.home))


def _measured(lab: Lab, argv: tuple[str, ...]) -> Run:
    host = lab.host("mail")
    with tempfile.NamedTemporaryFile() as counted:
        if shutil.which("perf"):
            argv = (*_counting(host.cgroup.inner_path.lstrip("/"), counted.name), *argv)
        command = Command(argv, {"HOME": str(lab.home)})
        measured = measure([command], host.cable, [host.cgroup.folder])
        processes = _processes(Path(counted.name).read_text(encoding="utf-8"))
    if measured.statuses != (0,):
        raise CommandFailedError(f"{argv}: {measured.statuses}\n{measured.output[-2000:]}")
    return Run(measured.hosts_cpu, processes, measured.wire, measured.seconds)


def _counting(group: str, output: str) -> tuple[str, ...]:
    event = ("-e", "sched:sched_process_fork", "-G", group)
    return ("perf", "stat", "-a", "-o", output, *event, "--")


def _processes(told: str) -> int:
    found = re.search(r"([\d,]+)\s+sched:sched_process_fork", told)
    return int(found[1].replace(",", "")) if found else 0


def _row(step: str, runs: Sequence[Run]) -> Sequence[str]:
    processes = figure_of([float(run.processes) for run in runs])
    return (
        step,
        str(len(runs)),
        seconds_text(figure_of([run.cpu for run in runs])),
        f"{processes.median:.0f}" if processes.median else "-",
        f"{figure_of([run.wire / 1000 for run in runs]).median:,.0f}",
        seconds_text(figure_of([run.wall for run in runs])),
    )


if __name__ == "__main__":
    main()

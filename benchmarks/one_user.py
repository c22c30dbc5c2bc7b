"""The cost of one user's change on a site of N users: on the wire, on the host and here.

    python -m benchmarks.one_user [--users N …] [--runs N]

It needs root. It brings up a lab host, and applies a site of N users to it
(benchmarks/site_of.py). It prints a line for each size and step. The steps are `plan` with nothing
to change, `plan` with another password for one user, and `apply` of that. The apply is verified.
Each figure is the median of the runs, with the extremes. Bytes are those of the host's cable, in
both directions. Processor seconds are those of the host and of this end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import figure_of, seconds_text
from benchmarks.measure import Command, Measurement, adopt_orphans, measure
from benchmarks.one_process import CommandFailedError, installed_command, table
from benchmarks.site_of import user_name, write_site
from provisioner.lab import HostSpec, Lab, take_down

_HEAD = ("USERS", "STEP", "RUNS", "KB ON THE WIRE", "HOST CPU s", "CPU HERE s", "WALL s")
_SIZES = (1_000, 25_000, 100_000)
_ADDRESS = "10.89.0.9"
_DIGEST = "VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"


def main() -> None:
    """Measure and print."""
    options = _options()
    adopt_orphans()
    name = f"one-user-{os.getpid()}"
    try:
        lab = Lab.up(name, [HostSpec("mail", (_ADDRESS,), tree="debian-12-mail")])
        print(table(_HEAD, list(_rows(lab, options.users, options.runs))))
    finally:
        take_down(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, nargs="+", default=_SIZES, metavar="N")
    parser.add_argument("--runs", type=int, default=3, help="runs of each step (default 3)")
    return parser.parse_args()


def _rows(lab: Lab, sizes: Sequence[int], runs: int) -> Iterator[Sequence[str]]:
    path = lab.home / "site.yaml"
    for users in sizes:
        write_site(path, users)
        text = path.read_text(encoding="utf-8").replace("192.0.2.10", _ADDRESS)
        path.write_text(lab.site(text), encoding="utf-8")
        print(f"applying {users:,} users", file=sys.stderr)
        _run(lab, "apply", path)
        yield _row(users, "plan", [_run(lab, "plan", path) for _ in range(runs)])
        plans, applies = [], []
        for run in range(runs):
            _change(path, run)
            plans.append(_run(lab, "plan", path, status=2))
            applies.append(_run(lab, "apply", path))
        yield _row(users, "plan of one change", plans)
        yield _row(users, "apply", applies)


def _change(path: Path, run: int) -> None:
    """Give the user of this run's number another hash."""
    text = path.read_text(encoding="utf-8")
    before = f'  {user_name(run)}: {{password: "{{BLF-CRYPT}}$2b$12${_DIGEST}'
    after = before.replace(_DIGEST, _DIGEST[::-1].replace(".", "A").replace("/", "B"))
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def _run(lab: Lab, verb: str, path: Path, status: int = 0) -> Measurement:
    host = lab.host("mail")
    command = Command((installed_command(), verb, str(path)), {"HOME": str(lab.home)})
    measured = measure([command], host.cable, [host.cgroup.folder])
    if measured.statuses != (status,):
        raise CommandFailedError(f"{verb}: {measured.statuses}\n{measured.output[-2000:]}")
    return measured


def _row(users: int, step: str, runs: Sequence[Measurement]) -> Sequence[str]:
    return (
        f"{users:,}",
        step,
        str(len(runs)),
        f"{figure_of([run.wire / 1000 for run in runs]).median:,.0f}",
        seconds_text(figure_of([run.hosts_cpu for run in runs])),
        seconds_text(figure_of([run.cpu for run in runs])),
        seconds_text(figure_of([run.seconds for run in runs])),
    )


if __name__ == "__main__":
    main()

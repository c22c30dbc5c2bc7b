"""`python -m benchmarks.throughput`: from hosts that do not exist to a report, and down again.

It needs root and the packages of `mailprov lab install`, and takes some ten minutes. Nothing else
should work on the machine meanwhile: the load, the host and the clients share its processors.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bcrypt

from benchmarks.contenders import HERE
from benchmarks.figures import interleaved
from benchmarks.machine import describe_machine, say
from benchmarks.throughput.ground import Ground, ThroughputError, stock_and_tuned_differ_by
from benchmarks.throughput.loads import CONNECTIONS, LOADS, Amounts, Bench
from benchmarks.throughput.mail_load import Callers
from benchmarks.throughput.summary import write_summary
from benchmarks.throughput.variants import DOMAIN, VARIANTS, User
from provisioner.lab import install_requirements, take_down
from provisioner.site.password_memory import BCRYPT_COST

_USERS, _SLOW = 20, 4
_QUICK_COST, _SLOW_COST = 4, BCRYPT_COST
"""Of bcrypt. Most loads have quick hashes: at mailprov's own cost a login is an eighth of
a second of bcrypt, beside which nothing else could be seen."""


def main() -> None:
    """Run what the options say and write the report."""
    options = _parser().parse_args()
    install_requirements()
    begun = time.monotonic()
    amounts = Amounts(options.messages, options.logins, options.hashed, options.seconds)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "amounts": {**asdict(amounts), "connections": CONNECTIONS, "users": _USERS},
        "advice": [asdict(one) for one in stock_and_tuned_differ_by()],
        "records": [],
    }
    try:
        ground = Ground.up(options.lab, tuple(_users()))
        results["sync_ms"] = ground.sync_milliseconds()
        with TemporaryDirectory() as folder:
            ground.prepare(options.variant, Path(folder))
        say(f"{len(options.variant)} variants are ready")
        with Callers(CONNECTIONS) as callers:
            _measure(Bench(ground, callers, amounts), options, results)
    except ThroughputError as problem:
        sys.exit(f"{problem}\nno figures of this round; those before it are in {options.output}")
    finally:
        if not options.keep:
            take_down(options.lab)
    say(f"{(time.monotonic() - begun) / 60:.1f} minutes in all")
    sys.stdout.write(write_summary(results, options.output))


def _measure(bench: Bench, options: argparse.Namespace, results: dict[str, Any]) -> None:
    """Do all rounds, and write what there is after each variant."""
    for number, variant in interleaved(options.variant, options.rounds):
        records = bench.run(variant, number, options.load, _SLOW)
        results["records"] += records
        shown = ", ".join(f"{r['load']} {r['rate']:,.1f}/s" for r in records)
        say(f"round {number}, {variant}: {shown}")
        write_summary(results, options.output)


def _users() -> Iterator[User]:
    for number in range(1, _USERS + _SLOW + 1):
        password = secrets.token_hex(12)
        cost = _QUICK_COST if number <= _USERS else _SLOW_COST
        digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
        yield User(f"u{number:02}@{DOMAIN}", f"{{BLF-CRYPT}}{digest}", password)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds of all variants in turn (5)")
    add("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--load", nargs="+", choices=LOADS, default=list(LOADS))
    add("--messages", type=int, default=400, help="messages in a run (400)")
    add("--logins", type=int, default=300, help="logins in a run (300)")
    add("--hashed", type=int, default=24, help="logins against slow hashes in a run (24)")
    add("--seconds", type=int, default=4, help="seconds of DNS questions in a run (4)")
    add("--output", type=Path, default=HERE / "results", help="folder of the report")
    add("--lab", default="throughput", help="the lab's name")
    add("--keep", action="store_true", help="leave the lab up")
    return parser


if __name__ == "__main__":
    main()

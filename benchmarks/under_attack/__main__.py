"""`python -m benchmarks.under_attack`: logins during an attack, on lab hosts that it boots.

It needs root and the packages of `mailprov lab install`, and five minutes for each release. Nothing
else should work on the machine meanwhile: attackers, callers and the host share its processors.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import HERE, mailprov
from benchmarks.machine import describe_machine, say
from benchmarks.tables import markdown
from provisioner.lab import HostSpec, Lab, install_requirements, take_down

PORTS = (993, 995, 587, 465)

Row = dict[str, Any]
"""A caller's login (`clients.Login`), with the attack and where it came from."""

_TIMES = 20
_CALM = 2.0  # seconds for two logins and the start of the program that makes them
_TRIES = 60
# Eight addresses each, because no real user logs in as often in a minute as these callers.
_CALLERS = {
    "another address": tuple(f"198.18.0.{last}" for last in range(50, 58)),
    "a trusted address": tuple(f"10.89.0.{last}" for last in range(20, 28)),
}
_SITE = """\
domain: example.org
hosts: {mail: {address: 10.89.0.4}}
users: {alice: {password: {env: ALICE_PASSWORD}}}
networks: {trusted: [10.89.0.0/25]}
dns: {forward: {".": 10.89.0.253}}
unbound: {server: {auto-trust-anchor-file: "", trust-anchor: "@LAB_TRUST_ANCHOR@"}}
"""


@dataclass(frozen=True)
class Attack:
    """The work of attackers at a port, with `connections` from each of their addresses."""

    words: str
    kind: str = ""
    port: int = 0
    connections: int = 0
    addresses: int = 1
    user: str = "alice"


ATTACKS = (
    Attack("nobody attacks"),
    Attack("60 guess on 993, a user who exists", "guess", 993, 60),
    Attack("60 guess on 993, nobody's name", "guess", 993, 60, user="nobody"),
    Attack("60 guess on 995", "guess", 995, 60),
    Attack("60 guess on 4190", "guess", 4190, 60),
    Attack("60 guess on 465", "guess", 465, 60),
    Attack("60 guess on 993, the prober's name", "guess", 993, 60, user="mailprov-probe"),
    Attack("one user's 160 POP3 sessions, 16 addresses", "hold", 995, 10, 16),
    Attack("150 idle on 993", "idle", 993, 150),
    Attack("120 idle on 25, 3 addresses", "idle", 25, 40, 3),
    Attack("60 guess on 993, 3 addresses", "guess", 993, 20, 3),
)


class Bench:
    """A mail host, an attacker with many addresses, and a caller who wants to log in."""

    def __init__(self, name: str, release: str) -> None:
        many = tuple(f"198.18.0.{last}" for last in range(100, 150))
        self._lab = Lab.up(
            name,
            [
                HostSpec("mail", ("10.89.0.4",), tree=release),
                HostSpec("attacker", many, tree="debian-12-client"),
                HostSpec("caller", tuple(chain(*_CALLERS.values())), tree="debian-12-client"),
            ],
        )
        self._password = secrets.token_hex(12)
        self._next = count()
        site = self._lab.home / "site.yaml"
        site.write_text(self._lab.site(_SITE), encoding="utf-8")
        environment = {
            **os.environ,
            "HOME": str(self._lab.home),
            "ALICE_PASSWORD": self._password,
        }
        command = [mailprov(), "apply", str(site)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    def under(self, attack: Attack) -> list[Row]:
        """Return the logins of both callers, who call at once."""
        with self._attacking(attack):
            calls = {
                where: self._call(sources, PORTS, _TIMES) for where, sources in _CALLERS.items()
            }
            return [
                {"attack": attack.words, "from": where, **row}
                for where, caller in calls.items()
                for row in json.loads(caller.communicate()[0])
            ]

    @contextmanager
    def _attacking(self, attack: Attack) -> Iterator[None]:
        if not attack.kind:
            yield
            return
        # Addresses that have not guessed yet: Dovecot makes the others wait.
        held = range(16) if attack.kind == "hold" else range(attack.addresses)
        last = [100 + (next(self._next) % 50 if attack.kind != "hold" else n) for n in held]
        words = [attack.kind, "--user", attack.user, "--port", str(attack.port)]
        words += ["--connections", str(attack.connections)]
        with self._start("attacker", words, [f"198.18.0.{one}" for one in last]) as attackers:
            try:
                if attackers.stdout:
                    attackers.stdout.readline()
                yield
            finally:
                attackers.kill()
        self._calm_down()

    def _calm_down(self) -> None:
        """Wait until nothing of the attack is left: Dovecot still answers clients that are gone."""
        for _ in range(_TRIES):
            begun = time.monotonic()
            self._call(_CALLERS["another address"], (993, 995), 1).communicate()
            if time.monotonic() - begun < _CALM:
                return
        message = "the host does not calm down: two logins take longer than they should"
        raise TimeoutError(message)

    def _call(
        self, sources: Sequence[str], ports: Sequence[int], times: int
    ) -> subprocess.Popen[str]:
        words = ["call", "--user", "alice", f"--times={times}", "--ports", *map(str, ports)]
        return self._start("caller", words, sources)

    def _start(
        self, host: str, words: Sequence[str], sources: Sequence[str]
    ) -> subprocess.Popen[str]:
        namespace = self._lab.host(host).namespace
        kind, *options = words
        call = [kind, self._lab.host("mail").address, *options]
        call += ["--source", *map(self._lab.site, sources)]
        module = [sys.executable, "-m", "benchmarks.under_attack.clients"]
        started = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *module, *call],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if started.stdin:
            started.stdin.write(f"{self._password}\n")
            started.stdin.flush()
        return started


def report(rows: Sequence[Row]) -> str:
    """Return a table: for each attack and caller the successful logins and their seconds."""
    lines = []
    for words, where in dict.fromkeys((row["attack"], row["from"]) for row in rows):
        cells = [words, where]
        for port in PORTS:
            those = [
                row
                for row in rows
                if (row["attack"], row["from"], row["port"]) == (words, where, port)
            ]
            good = [row["seconds"] for row in those if not row["failure"]]
            shown = f"{median(good):.2f}, at most {max(good):.2f}" if good else "-"
            cells.append(f"{len(good)} of {len(those)}: {shown}")
        lines.append(tuple(cells))
    return markdown(("attack", "from", *(f"port {port}" for port in PORTS)), lines)


def main() -> None:
    """Measure the releases in turn and write the report."""
    options = _parser().parse_args()
    install_requirements()
    head = f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}.\n"
    parts = ["# Logins under attack\n", head]
    for release in options.release:
        try:
            bench = Bench(options.lab, release)
            rows: list[Row] = []
            for attack in ATTACKS:
                rows += bench.under(attack)
                say(f"{release}: {attack.words}")
        finally:
            take_down(options.lab)
        parts += [f"## {release}\n", report(rows)]
    text = "\n".join(parts)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "under_attack.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.under_attack", description=__doc__)
    add = parser.add_argument
    add("--release", nargs="+", default=["debian-12", "debian-13"])
    add("--output", type=Path, default=HERE / "results", help="folder of the report")
    add("--lab", default="under-attack", help="the lab's name")
    return parser


if __name__ == "__main__":
    main()

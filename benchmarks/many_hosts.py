"""From ten hosts to a thousand: time and memory a host, and hosts that fail on the way.

    python -m benchmarks.many_hosts [--hosts N …] [--runs N] [--verb plan|true]

The hosts are loopback addresses on which sshd processes of this machine listen, as root. The
benchmark measures a whole `mailprov plan`, or with `--verb true` the connections alone. The plan
observes this machine, which has to be a Debian 12, once for each host, and writes nothing. For
each number of hosts there is a second row, in which one host in twenty fails. Such a host refuses
the connection, takes it and keeps silent, or does not answer at all. A second table has the cost
of deriving the questions of `mailprov verify` for the same sites.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.derivation import DERIVATION_HEAD, derivation_row
from benchmarks.figures import figure_of, seconds_text
from benchmarks.installed import compile_mailprov
from benchmarks.one_process import Cost, measure, table

_HEAD = ("HOSTS", "FAIL", "RUNS", "WALL s", "CPU s", "ms A HOST", "PEAK MiB", "LINES")
_FIRST = IPv4Address("127.9.0.1")
_PORT = 2222
_A_SERVER = 16  # as many addresses as one sshd listens on (MAX_LISTEN_SOCKS)
_EVERY = 20
_MODULES = {"plan": ("benchmarks.one_machine", "plan"), "true": ("benchmarks.reaching",)}
_SITE = """domain: example.org
hosts:
  mail: {{address: {first}, roles: [mx, submission, store], ssh: {{port: {port}}}}}
{others}users:
  alice: {{password: "{{BLF-CRYPT}}$2b$12$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"}}
"""


@dataclass(frozen=True)
class Ground:
    """The files for the hosts. home: of the user who logs in to them."""

    home: Path
    site: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the measured command."""
        return {**os.environ, "HOME": str(self.home), "NO_COLOR": "1"}


def main() -> None:
    """Measure and print."""
    options = _options()
    compile_mailprov()
    print(table(_HEAD, list(_rows(options.hosts, options.runs, options.verb))))
    print(table(DERIVATION_HEAD, list(_derivations(options.hosts, options.runs))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=(10, 100, 1000), metavar="N")
    parser.add_argument("--runs", type=int, default=3, help="runs of each row (default 3)")
    parser.add_argument("--verb", choices=tuple(_MODULES), default="plan")
    return parser.parse_args()


def _rows(sizes: Sequence[int], runs: int, verb: str) -> Iterator[Sequence[str]]:
    for size in sizes:
        for failing in (0, size // _EVERY):
            with TemporaryDirectory(prefix="mailprov-hosts-") as folder, ExitStack() as stack:
                ground = _prepare(Path(folder), size)
                _serve(stack, Path(folder), size, failing)
                command = [sys.executable, "-m", *_MODULES[verb], str(ground.site)]
                costs = [measure(command, ground.environment, range(5)) for _ in range(runs)]
            yield _row(size, failing, costs)


def _derivations(sizes: Sequence[int], runs: int) -> Iterator[Sequence[str]]:
    for size in sizes:
        with TemporaryDirectory(prefix="mailprov-hosts-") as folder:
            yield derivation_row(_prepare(Path(folder), size).site, runs)


def _row(size: int, failing: int, costs: Sequence[Cost]) -> Sequence[str]:
    wall = figure_of([cost.wall for cost in costs]).median
    return (
        f"{size:,}",
        str(failing),
        str(len(costs)),
        seconds_text(figure_of([cost.wall for cost in costs])),
        seconds_text(figure_of([cost.processor for cost in costs])),
        f"{wall / size * 1000:.1f}",
        f"{max(cost.peak for cost in costs):.0f}",
        str(max(cost.lines for cost in costs)),
    )


def _address(number: int) -> str:
    return str(_FIRST + number)


def _prepare(folder: Path, size: int) -> Ground:
    """Write the site file, and the home of the user who logs in to its hosts."""
    home = folder / "home"
    ssh = home / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    for key in (ssh / "id_ed25519", folder / "host_key"):
        run = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
        subprocess.run(run, check=True)
    kind, blob, *_ = (folder / "host_key.pub").read_text().split()
    lines = (f"[{_address(number)}]:{_PORT} {kind} {blob}\n" for number in range(size))
    (ssh / "known_hosts").write_text("".join(lines))
    others = "".join(
        f"  d{number}: {{address: {_address(number)}, roles: [dns], ssh: {{port: {_PORT}}}}}\n"
        for number in range(1, size)
    )
    site = folder / "site.yaml"
    site.write_text(_SITE.format(first=_address(0), port=_PORT, others=others))
    return Ground(home, site)


def _serve(stack: ExitStack, folder: Path, size: int, failing: int) -> None:
    """Have all but the last `failing` hosts answer, and each of those fail in its own way."""
    # sshd run by root wants it; a service makes it at boot.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    addresses = [_address(number) for number in range(size)]
    good, bad = addresses[: size - failing], addresses[size - failing :]
    for start in range(0, len(good), _A_SERVER):
        stack.enter_context(_sshd(folder, good[start : start + _A_SERVER], start))
    for number, address in enumerate(bad):
        # One in three refuses: nobody listens there.
        if number % 3:
            stack.enter_context(_silent(address, deaf=number % 3 == 1))


@contextmanager
def _sshd(folder: Path, addresses: Sequence[str], number: int) -> Iterator[None]:
    config = folder / f"sshd_config.{number}"
    config.write_text(
        "".join(f"ListenAddress {address}:{_PORT}\n" for address in addresses)
        + f"HostKey {folder}/host_key\nAuthorizedKeysFile {folder}/home/.ssh/id_ed25519.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nUseDNS no\nPermitRootLogin yes\n"
        "MaxStartups 1000\nPrintMotd no\nLogLevel QUIET\n"
        # bash(1) reads ~/.bashrc when sshd starts it: what this machine's root has there is none
        # of a host's work.
        f"SetEnv HOME={folder}/home\n"
    )
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(config)])
    try:
        _await_listener(addresses[0])
        yield
    finally:
        server.terminate()
        server.wait()


def _await_listener(address: str) -> None:
    for _ in range(100):
        with suppress(OSError):
            socket.create_connection((address, _PORT), 1).close()
            return
        time.sleep(0.05)
    raise SystemExit(f"sshd does not listen on {address}")


@contextmanager
def _silent(address: str, *, deaf: bool) -> Iterator[None]:
    """Hold an address that takes connections and says nothing; deaf: that takes none either."""
    with ExitStack() as held:
        server = held.enter_context(
            socket.create_server((address, _PORT), backlog=0 if deaf else 9)
        )
        # The kernel drops what comes once nobody has taken the connections that wait.
        for _ in range(2 if deaf else 0):
            filler = held.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(server.getsockname())
        yield


if __name__ == "__main__":
    main()

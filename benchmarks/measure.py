"""Whole processes, measured: wall time, processor time, bytes on the wire, peak memory.

Wall time is from before the first process starts to after the last one ended. Processor
time is that of the tool with all its descendants; the time of the hosts is counted apart. Bytes
are those of the lab's bridge at this machine's end, in both directions. They include the headers
of TCP/IP and Ethernet, and no bytes between two hosts. Peak memory is the highest sum of the
proportional set sizes of all descendants, also of those in the background. Of a shared page, each
process has its part (proc(5), Pss). The sum is sampled, and sampling costs time, so it has runs of
its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_EVERY = 0.05
_LIMIT = 900.0
_POLITE = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """One process: its words and what its environment has beyond this one's."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """The cost and the output of processes side by side.

    cpu, hosts_cpu: seconds of processor time, of the tool and of the hosts. wire, peak:
    bytes; peak is 0 in a run without sampling.
    """

    seconds: float
    cpu: float
    hosts_cpu: float
    wire: int
    peak: int
    statuses: tuple[int, ...]
    output: str


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends (prctl(2)), so that they are counted."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(
    commands: Sequence[Command],
    interface: str = "",
    groups: Sequence[Path] = (),
    *,
    sample: bool = False,
) -> Measurement:
    """Run commands side by side to their end and return their cost.

    interface: the one whose bytes are counted; "" for none. groups: the hosts' folders
    below the cgroup2 mount. Afterwards the processes that the commands left in
    the background are ended, so each measurement begins without connections.
    """
    others = set(children(os.getpid()))
    with tempfile.TemporaryFile() as output:
        sampler = _Sampler(others) if sample else None
        before, cpu, hosts_cpu = _wire_bytes(interface), _own_cpu(), _group_cpu(groups)
        begun = time.perf_counter()
        processes = [
            subprocess.Popen(
                command.argv,
                env={**os.environ, **command.environment},
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            for command in commands
        ]
        statuses = tuple(process.wait(_LIMIT) for process in processes)
        seconds = time.perf_counter() - begun
        wire = _wire_bytes(interface) - before
        hosts_cpu = _group_cpu(groups) - hosts_cpu
        peak = sampler.stop() if sampler else 0
        _end(others)
        cpu = _own_cpu() - cpu
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Measurement(seconds, cpu, hosts_cpu, wire, peak, statuses, text)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    found: list[int] = []
    for task in Path("/proc", str(pid), "task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def descendants(pid: int, others: Collection[int] = ()) -> list[int]:
    """Return the process ids of all descendants, without those children and their descendants."""
    own = [child for child in children(pid) if child not in others]
    return [one for child in own for one in (child, *descendants(child))]


def parse_pss(text: str) -> int:
    """Return the bytes of the line `Pss:` of a smaps_rollup file, 0 without one."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def parse_cpu(text: str) -> float:
    """Return the seconds of processor time in a cgroup's cpu.stat, 0 without any."""
    for line in text.splitlines():
        if line.startswith("usage_usec "):
            return int(line.split()[1]) / 1e6
    return 0.0


def _wire_bytes(interface: str) -> int:
    if not interface:
        return 0
    folder = Path("/sys/class/net", interface, "statistics")
    return sum(int((folder / name).read_text()) for name in ("rx_bytes", "tx_bytes"))


def _own_cpu() -> float:
    """Return the processor time of all descendants that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _group_cpu(groups: Sequence[Path]) -> float:
    return sum(parse_cpu((group / "cpu.stat").read_text()) for group in groups)


def _end(others: Collection[int]) -> None:
    """End all descendants but those and take their exit statuses."""
    deadline = time.monotonic() + _POLITE
    while pids := descendants(os.getpid(), others):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        for pid in set(children(os.getpid())).difference(others):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)


class _Sampler:
    """A thread that keeps the highest sum of the descendants' memory."""

    def __init__(self, others: Collection[int]) -> None:
        self._others = others
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """End the sampling and return the peak in bytes."""
        self._done.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_EVERY):
            total = 0
            for pid in descendants(os.getpid(), self._others):
                with contextlib.suppress(OSError):
                    total += parse_pss(Path("/proc", str(pid), "smaps_rollup").read_text())
            self._peak = max(self._peak, total)

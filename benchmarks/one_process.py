"""A command as a whole process: its time, its processor time and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one process: seconds, and MiB. processor: user and system mode together.

    lines: the number of lines that it printed.
    """

    wall: float
    processor: float
    peak: float
    lines: int


class CommandFailedError(Exception):
    """A measured command did not do its work."""


def measure(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    expected: Container[int] = (0,),
) -> Cost:
    """Run a command to its end and return its cost.

    CommandFailedError unless it exits with one of the expected codes.
    The peak is that of the process itself (getrusage(2), ru_maxrss), not of its children.
    """
    with TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
        if process.returncode not in expected:
            words = f"{' '.join(command)}: exit {process.returncode}\n{text[-2000:]}"
            raise CommandFailedError(words)
    processor = usage.ru_utime + usage.ru_stime
    return Cost(wall, processor, usage.ru_maxrss / 1024, len(text.splitlines()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head; all columns but the first are flush right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    )


def installed_command() -> str:
    """Return the `mailprov` beside the Python that runs this, as an operator calls it."""
    return str(Path(sys.executable).with_name("mailprov"))

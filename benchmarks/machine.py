"""This machine in words, and progress on the terminal, for every benchmark."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path


def describe_machine() -> str:
    """Return the properties of this machine that affect the figures, and nothing that names it."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores of {_processor()}, {memory:.0f} GiB, Linux {_kernel()}, Python "
        f"{platform.python_version()}; the lab hosts share cores and memory with the tools"
    )


def say(text: str) -> None:
    """Write a line with the time to standard error."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


def _kernel() -> str:
    return ".".join(platform.release().split(".")[:2])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""Kernel limits that several servers on one machine run into, and their return.

Each host's systemd wants a handful of inotify instances, and Linux grants a user 128
of them: with a dozen hosts the next one fails to boot with "Too many open files".
The first lab raises the limit and notes what it was; the last one to go puts it back.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_WANTED = 8192
_NOTE = Path("/run/lock/mailprov-lab/inotify-instances-before")


def raise_limits() -> None:
    """Raise the limit unless it is high enough; the caller holds the numbers' lock."""
    before = int(_INSTANCES.read_text())
    if before < _WANTED:
        _NOTE.write_text(f"{before}\n")
        _INSTANCES.write_text(f"{_WANTED}\n")


def restore_limits() -> None:
    """Put back what was before the first lab; the caller knows that no lab is up."""
    with contextlib.suppress(FileNotFoundError):
        _INSTANCES.write_text(_NOTE.read_text())
        _NOTE.unlink()

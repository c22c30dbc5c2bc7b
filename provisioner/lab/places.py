"""Where a lab keeps things, and who may touch them when.

Two folders, each moved by an environment variable:

cache (MAILPROV_LAB_CACHE, default /var/cache/mailprov-lab)
    What is slow to make and the same for every lab: root trees, packages, locks.
    Survives `down`.
state (MAILPROV_LAB_STATE, default /var/lib/mailprov-lab)
    One folder a lab: its state file, its hosts' disks, the controller's home.
    Gone after `down`.

Locks are flocks, so they end with the process that held them however it dies. They
lie in /run/lock and hold for the whole machine, as bridges and their numbers do.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.diagnostics import MailprovError
from provisioner.lab.failures import lab_error


def cache_root() -> Path:
    """Return the folder of what outlives a lab; it need not exist yet."""
    return Path(os.environ.get("MAILPROV_LAB_CACHE") or "/var/cache/mailprov-lab")


def state_root() -> Path:
    """Return the folder that holds one folder a lab; it need not exist yet."""
    return Path(os.environ.get("MAILPROV_LAB_STATE") or "/var/lib/mailprov-lab")


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the machine-wide lock `name`; waits for as long as another process holds it.

    Raises MailprovError for a user who may not lock, who is not root.
    """
    folder = Path("/run/lock/mailprov-lab")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / f"{name}.lock").open("w")
    except PermissionError as problem:
        raise needs_root() from problem
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def needs_root() -> MailprovError:
    """Return the error for a user who reaches for what only root may touch."""
    return lab_error("labs belong to root", got=f"user id {os.geteuid()}", fix="run it as root")

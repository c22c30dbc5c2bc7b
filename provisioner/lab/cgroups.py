"""Process groups that cannot lose a member: one cgroup2 group per host of a lab.

A host is hundreds of processes that fork, daemonize and outlive whoever started
them. A pid file would lie after the first crash; a cgroup does not: its members
are what the kernel says, it is found again by name from any process, and one
write kills them all at once (`cgroup.kill`, Linux 5.14).

Group names are paths below `mailprov-lab/`, such as `3/mail` (host `mail` of lab
number 3) or `cache`.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from provisioner.lab.failures import lab_error

_TOP = "mailprov-lab"
_KILL_SECONDS = 20.0
_POLL_SECONDS = 0.01


def cgroup2_mount() -> Path | None:
    """Return where this machine mounts cgroup2, or None if it does not.

    On a hybrid machine that is a folder beside the version 1 controllers.
    """
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(target)
    return None


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One group, by name; making the object makes nothing on the machine."""

    name: str

    @property
    def inner_path(self) -> str:
        """Path of the group below any cgroup2 mount, with a leading slash."""
        return f"/{_TOP}/{self.name}"

    @property
    def folder(self) -> Path:
        """The group's folder on this machine; raises MailprovError without cgroup2."""
        mount = cgroup2_mount()
        if mount is None:
            raise lab_error("no cgroup2 hierarchy is mounted", fix="boot with cgroup v2 enabled")
        return mount / _TOP / self.name

    def create(self) -> None:
        """Make the group; one that exists is fine."""
        while True:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except FileNotFoundError:
                continue  # another lab on its way down removed the parent in between
            return

    def is_populated(self) -> bool:
        """Tell whether any process lives in the group or below it."""
        try:
            return "populated 1" in (self.folder / "cgroup.events").read_text()
        except OSError:
            return False

    def pids(self, below: str = "") -> list[int]:
        """Return the processes of the group `below` this one, as this machine numbers them."""
        try:
            text = (self.folder / below / "cgroup.procs").read_text()
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def freeze(self) -> None:
        """Stop every process in the group and below where it stands, and return when all are.

        Raises MailprovError if one still runs after 20 seconds.
        """
        (self.folder / "cgroup.freeze").write_text("1")
        deadline = time.monotonic() + _KILL_SECONDS
        while "frozen 1" not in (self.folder / "cgroup.events").read_text():
            if time.monotonic() > deadline:
                raise lab_error("processes cannot be frozen", where=str(self.folder))
            time.sleep(_POLL_SECONDS)

    def thaw(self) -> None:
        """Let frozen processes go on."""
        (self.folder / "cgroup.freeze").write_text("0")

    def kill(self) -> None:
        """SIGKILL every process in the group and below, and return when all are gone.

        Raises MailprovError if one is still there after 20 seconds (a process in
        an uninterruptible wait).
        """
        deadline = time.monotonic() + _KILL_SECONDS
        while self.is_populated():
            # Each time: one that was on its way in was not there yet.
            (self.folder / "cgroup.kill").write_text("1")
            if time.monotonic() > deadline:
                raise lab_error(
                    "processes survive SIGKILL",
                    where=str(self.folder),
                    got=" ".join(map(str, self.pids())),
                )
            time.sleep(_POLL_SECONDS)

    def remove(self) -> None:
        """Kill what is left and delete the group; none is fine.

        Raises MailprovError as `kill`, and OSError if the group cannot be deleted for as long.
        """
        deadline = time.monotonic() + _KILL_SECONDS
        while self.folder.exists():
            self.kill()
            try:
                for path, _, _ in os.walk(self.folder, topdown=False):
                    Path(path).rmdir()
            except OSError:  # somebody who was on the way in has just arrived
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)


def remove_top_group() -> None:
    """Delete the group that holds all labs, unless a lab or the cache still uses it."""
    with contextlib.suppress(OSError):
        Cgroup("").folder.rmdir()

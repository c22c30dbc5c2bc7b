"""Faults of a host's surroundings, for as long as a `with` block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.lab import LabHost

STATE = "/var/lib/mailprov"
PENDING = f"{STATE}/pending"

# $1: how many KiB are to stay free. What fallocate leaves over in the end is written.
_FILL = """
free=$(df --output=avail -B1024 /var | tail -n 1)
[ "$free" -le "$1" ] || fallocate -l "$((free - $1))K" /var/ballast
[ "$1" -gt 0 ] || dd if=/dev/zero of=/var/ballast-end bs=1024 2>/dev/null
true
"""
_EMPTY = "rm -f /var/ballast /var/ballast-end; sync"
_SMALL = """
copy=$(mktemp -d) && mount -t tmpfs -o "size=$2k,mode=$(stat -c %a "$1")" tmpfs "$copy" &&
    cp -a "$1/." "$copy/" && mount --bind "$copy" "$1" && umount -l "$copy" && rmdir "$copy"
"""


@contextmanager
def disk_with(host: LabHost, free: int) -> Iterator[None]:
    """Leave so many KiB free on the host's disk, which has / and /etc and /var."""
    fill(host, free)
    try:
        yield
    finally:
        host.check_run(["sh", "-c", _EMPTY])


def fill(host: LabHost, free: int = 0) -> None:
    """Fill the host's disk; `disk_with` empties it again."""
    host.check_run(["sh", "-c", _FILL, "sh", str(free)])


@contextmanager
def file_system_of(host: LabHost, folder: str, size: int) -> Iterator[None]:
    """Have a folder on a file system of its own with so many KiB; changes there are lost."""
    host.check_run(["sh", "-c", _SMALL, "sh", folder, str(size)])
    try:
        yield
    finally:
        host.check_run(["umount", "-l", folder])


@contextmanager
def mounted(host: LabHost, options: str, *folders: str) -> Iterator[None]:
    """Have these folders mounted with more options, like `ro`."""
    for folder in folders:
        host.check_run(["mount", "--bind", folder, folder])
        host.check_run(["mount", "-o", f"remount,bind,{options}", folder])
    try:
        yield
    finally:
        for folder in folders:
            host.check_run(["umount", "-l", folder])

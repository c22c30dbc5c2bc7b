"""Faults of a host's surroundings, for as long as a `with` block lasts; an apply under way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.lab import Host
from support.deployed import DeployedSite

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
def disk_with(host: Host, free: int) -> Iterator[None]:
    """Leave so many KiB free on the host's disk, which has / and /etc and /var."""
    fill(host, free)
    try:
        yield
    finally:
        host.check_run(["sh", "-c", _EMPTY])


def fill(host: Host, free: int = 0) -> None:
    """Fill the host's disk; `disk_with` empties it again."""
    host.check_run(["sh", "-c", _FILL, "sh", str(free)])


@contextmanager
def file_system_of(host: Host, folder: str, size: int) -> Iterator[None]:
    """Have a folder on a file system of its own with so many KiB; changes there are lost."""
    host.check_run(["sh", "-c", _SMALL, "sh", folder, str(size)])
    try:
        yield
    finally:
        host.check_run(["umount", "-l", folder])


@contextmanager
def mounted(host: Host, options: str, *folders: str) -> Iterator[None]:
    """Have these folders mounted with more options, like `ro`."""
    for folder in folders:
        host.check_run(["mount", "--bind", folder, folder])
        host.check_run(["mount", "-o", f"remount,bind,{options}", folder])
    try:
        yield
    finally:
        for folder in folders:
            host.check_run(["umount", "-l", folder])


@contextmanager
def applying(site: DeployedSite, path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Yield an apply under way; it is killed at the end."""
    command = [sys.executable, "-m", "provisioner", "apply", str(path), *options]
    environment = {**os.environ, **site.environment, "HOME": str(site.lab.home)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def follow(process: subprocess.Popen[str], word: str) -> None:
    """Return when the apply says the word; fail where it never does."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if word in line:
            return
    pytest.fail(f"no {word!r} in {''.join(seen)}")


def wait_until(host: Host, condition: str, seconds: int = 60) -> None:
    """Return when a condition of the shell holds on the host; fail after so many seconds."""
    script = f"for try in $(seq {seconds * 5}); do {condition} && exit 0; sleep 0.2; done; exit 1"
    host.check_run(["sh", "-c", script], timeout=seconds + 30)

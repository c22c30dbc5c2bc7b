"""A command of mailprov while it works, to be stopped, killed or cut off in the middle."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.lab import LabHost
from support.deployed import DeployedSite


@contextmanager
def applying(
    site: DeployedSite, path: Path, *options: str, verb: str = "apply"
) -> Iterator[subprocess.Popen[str]]:
    """Yield an apply under way, or another verb; it is killed at the end.

    It tells its progress and its errors on stderr, the outcome on stdout.
    """
    with subprocess.Popen(
        site.command(verb, *options, site=path),
        env=site.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
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


def wait_until(host: LabHost, condition: str, seconds: int = 60) -> None:
    """Return when a condition of the shell holds on the host; fail after so many seconds."""
    script = f"for try in $(seq {seconds * 5}); do {condition} && exit 0; sleep 0.2; done; exit 1"
    host.check_run(["sh", "-c", script], timeout=seconds + 30)


def wait_for(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Return once a condition of this machine holds; fail with the complaint if not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)

"""Runs a program of this machine and turns its failure into an error with a remedy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from provisioner.lab.failures import lab_error

_SHOWN_LINES = 15


def run_program(
    argv: Sequence[str],
    *,
    stdin: str = "",
    timeout: float = 60,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run argv to its end and return its standard output.

    timeout is in seconds; environment is added to this process's own.
    Raises MailprovError when the program is missing, fails or takes too long.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except FileNotFoundError as problem:
        raise lab_error(
            f"the program {argv[0]} is not installed",
            fix="install the Debian package that brings it (see provisioner/lab/prerequisites.py)",
        ) from problem
    except subprocess.TimeoutExpired as problem:
        raise lab_error(
            f"`{argv[0]}` did not end within {timeout:g} seconds", got=" ".join(argv)
        ) from problem
    if done.returncode != 0:
        raise lab_error(
            f"`{argv[0]}` failed with exit status {done.returncode}",
            where=" ".join(argv)[:400],
            got=tail(done.stderr or done.stdout),
        )
    return done.stdout


def tail(text: str, lines: int = _SHOWN_LINES) -> str:
    """Return the last lines of text, which is where programs say what went wrong."""
    return "\n".join(text.rstrip().splitlines()[-lines:])

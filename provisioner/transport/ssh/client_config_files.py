"""Reading ssh_config(5): the user's file, then the system's, with what they include."""

from __future__ import annotations

import glob
import subprocess
from collections.abc import Iterator
from pathlib import Path

from provisioner.transport.failures import unreachable
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.client_config import ReadInclude, Setting, parse_client_config

_EXEC_LIMIT = 10.0


def read_client_config(options: SshOptions) -> tuple[Setting, ...]:
    """Return the settings of both files; a missing one has none."""
    return tuple(
        setting
        for file in (options.user_config, options.system_config)
        for setting in parse_client_config(_read(file), _includes_of(file.parent))
    )


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as problem:
        raise unreachable(
            str(file),
            "the ssh configuration cannot be read",
            got=problem.strerror or str(problem),
            fix=f"let this user read {file}",
        ) from problem


def _includes_of(folder: Path) -> ReadInclude:
    """Return a reader for Include: relative names start in the including file's own folder."""

    def read_include(pattern: str) -> Iterator[str]:
        try:
            absolute = folder / Path(pattern).expanduser()
        except RuntimeError:  # a user that is not there: as ssh(1), it includes nothing
            return
        for name in sorted(glob.glob(str(absolute))):  # noqa: PTH207 - Path.glob takes no absolute pattern
            yield _read(Path(name))

    return read_include


def run_match_exec(command: str) -> bool:
    """Run the command of a `Match exec`, as the user's own ssh would; whether it succeeded."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_EXEC_LIMIT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

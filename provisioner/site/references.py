"""Secrets from where a reference says they are: the environment, a file, a command.

What a command prints is the secret and is never shown; what it says on stderr is, so
that a locked password store explains itself. No shell is involved, and a command that
waits for an answer is ended after its time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from provisioner.diagnostics import quoted
from provisioner.model.secrets import SecretReference
from provisioner.model.values import InvalidValueError

COMMAND_SECONDS = 30.0
MAX_OCTETS = 64 * 1024
_STDERR_SHOWN = 400


def read_reference(
    reference: SecretReference, base: Path, environment: Mapping[str, str], *, rows: bool = False
) -> tuple[str, str]:
    """Return the secret and, where something about it is unsafe, a warning.

    base: the folder that relative paths start from and commands run in. One line end
    at the end of files and output, and a byte order mark at the start, are not part of the
    secret. rows: it may have several lines. Raises InvalidValueError, free of secrets, if there is
    none.
    """
    value = reference.value
    if reference.source == "command":
        words = (value,) if isinstance(value, str) else value
        return _text(_run(words, base, environment), "the output", rows=rows), ""
    where = str(value)
    if reference.source == "env":
        if where not in environment:
            raise InvalidValueError(
                f"the environment variable {where} is not set",
                got=f"no {where} in the environment",
                want="the secret in that variable",
                fix=(
                    f"set {where} in the shell that runs mailprov, but keep it out of the "
                    "shell's history"
                ),
            )
        return _checked(environment[where], f"the variable {where}", rows=rows), ""
    return _read_file(place(where, base), rows=rows)


def place(path: str, base: Path) -> Path:
    """Return a path of the site file: `~` expanded, relative to the file's folder.

    Raises InvalidValueError where `~` names nobody.
    """
    try:
        return base / Path(path).expanduser()
    except RuntimeError as error:
        raise _unreadable(Path(path), "no such user on this machine") from error


def read_octets(path: Path, limit: int = MAX_OCTETS) -> bytes:
    """Return a regular file's content; InvalidValueError if it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(path, "not a regular file")
            octets = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _unreadable(path, reason or type(error).__name__) from error
    if len(octets) > limit:
        raise _unreadable(path, f"more than {limit} bytes")
    return octets


def others_can_read(path: Path) -> bool:
    """Tell whether a file can be read by more than its owner."""
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _read_file(path: Path, *, rows: bool) -> tuple[str, str]:
    secret = _text(read_octets(path), f"the file {quoted(str(path))}", rows=rows)
    if others_can_read(path):
        return secret, f"other users can read {path}: chmod 600 {path}"
    return secret, ""


def _run(words: tuple[str, ...], base: Path, environment: Mapping[str, str]) -> bytes:
    name = quoted(words[0])
    try:
        # A process group of its own, so that what the command started ends with it.
        process = subprocess.Popen(
            words,
            cwd=base,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InvalidValueError(
            f"the command {name} cannot be run",
            got=reason or type(error).__name__,
            want="a program that prints the secret",
            fix="check the name of the program; a shell command needs [sh, -c, …]",
        ) from error
    try:
        out, complaint = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise InvalidValueError(
            f"the command {name} timed out after {COMMAND_SECONDS:.0f} seconds",
            got="no exit within that time",
            want="a program that prints the secret and asks for nothing",
            fix="unlock the password store first, then try the command by hand",
        ) from error
    if process.returncode != 0:
        raise InvalidValueError(
            f"the command {name} failed",
            got=f"exit status {process.returncode}{_said(complaint)}",
            want="exit status 0 and the secret on standard output",
            fix="try the command by hand",
        )
    return out


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.communicate(timeout=1)
    except subprocess.TimeoutExpired:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _said(complaint: bytes) -> str:
    text = " ".join(complaint.decode("utf-8", "replace").split())
    return f"; its standard error: {quoted(text[-_STDERR_SHOWN:], _STDERR_SHOWN)}" if text else ""


def _text(octets: bytes, what: str, *, rows: bool) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError(
            f"{what} is not UTF-8 text",
            got=f"{len(octets)} bytes",
            want="a secret as one line of text",
            fix="store the secret as UTF-8 text",
        ) from error
    return _checked(text.removesuffix("\n").removesuffix("\r"), what, rows=rows)


def _checked(text: str, what: str, *, rows: bool) -> str:
    # Some editors begin a file with a byte order mark, which nobody sees or types.
    text = text.removeprefix("\ufeff")
    if not text:
        raise InvalidValueError(
            f"{what} is empty", got="nothing", want="a secret", fix="store the secret there"
        )
    kept = "\n\t" if rows else ""
    controls = (character for character in text if character < " " or character == "\x7f")
    if any(character not in kept for character in controls):
        raise InvalidValueError(
            f"{what} contains control characters",
            got=f"a text of {len(text)} characters, some of them control characters",
            want="a secret as one line of text",
            fix="store only the secret, on one line",
        )
    return text


def _unreadable(path: Path, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"the file {quoted(str(path))} cannot be read",
        got=reason,
        want="a readable file",
        fix="correct the path (relative paths start at the site file's folder) or its mode",
    )

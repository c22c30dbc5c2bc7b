"""A site file on the disk, replaced as a whole or not at all.

The new content lies beside the old file, with its owner, mode and attributes, and
synced, before it takes the name. Whoever reads meanwhile reads one of the two.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.site.load import read_octets

_PATIENCE = 5.0
_PAUSE = 0.05
"""Seconds to wait for somebody else's edit, and between two looks: an edit takes far less."""


def replace_site_file(path: Path, old: bytes, new: bytes) -> None:
    """Give a site file new content; a link stays, and what it leads to is replaced.

    old: what was read of it. MailprovError, with the file as it was, if it has become
    another since, or another edit does not end (refused), or it cannot be written.
    """
    try:
        real = path.resolve(strict=True)
        with _locked(path, real):
            state = real.stat()
            if not stat.S_ISREG(state.st_mode):
                raise _unwritable(path, "not a regular file")
            with _draft(real, state, new) as draft:
                if not hmac.compare_digest(read_octets(real), old):
                    raise _changed_meanwhile(path)
                draft.replace(real)
            _sync_folder(real.parent)
    except OSError as error:
        raise _unwritable(path, error.strerror or type(error).__name__) from error


@contextlib.contextmanager
def _locked(path: Path, real: Path) -> Iterator[None]:
    """Let two that edit at once come one after the other: the second finds a new file."""
    descriptor = os.open(real, os.O_RDONLY)
    try:
        # Some network file systems lock only what is open for writing.
        with contextlib.suppress(OSError):
            _lock(path, descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, descriptor: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise _in_use(path) from error
            time.sleep(_PAUSE)
        else:
            return


@contextlib.contextmanager
def _draft(real: Path, state: os.stat_result, content: bytes) -> Iterator[Path]:
    """Yield a synced file beside the real one, for it to be renamed; else it is removed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            mine = os.fstat(file.fileno())
            if (mine.st_uid, mine.st_gid) != (state.st_uid, state.st_gid):
                os.fchown(file.fileno(), state.st_uid, state.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(state.st_mode))
            _copy_attributes(real, draft)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _copy_attributes(real: Path, draft: Path) -> None:
    """Copy access lists and labels, where the file system has them and lets us."""
    with contextlib.suppress(OSError):
        for attribute in os.listxattr(real):
            with contextlib.suppress(OSError):
                os.setxattr(draft, attribute, os.getxattr(real, attribute))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # The file is in place already; some file systems cannot sync a folder.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _changed_meanwhile(path: Path) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=(
                "another program changed the site file at the same time, so mailprov did "
                "not write it"
            ),
            where=str(path),
            want="the same file that mailprov read before",
            fix="check the file, then run the command again",
        ),
        ExitCode.REFUSED,
    )


def _in_use(path: Path) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="another program has locked the site file, so mailprov did not change it",
            where=str(path),
            got=f"the lock (flock) is still held after {_PATIENCE:.0f} seconds",
            want="no other program that edits the file",
            fix="wait for the other program to end (`fuser` names it), then run the command again",
        ),
        ExitCode.REFUSED,
    )


def _unwritable(path: Path, reason: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="mailprov cannot write the site file, and did not change it",
            where=str(path),
            got=reason,
            want="a file and a folder that this user may write; the file keeps its owner",
            fix="run the command as the owner of the file, or make the folder writable",
        )
    )

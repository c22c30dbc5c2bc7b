"""Clients that submit mail and log in, side by side: each connection in a process of its own.

Python is slow beside the daemons, so many processes share the work. Each reports its processor
time, because a load that takes as much as the servers measures itself. Every call is a new
connection with a new TLS session, like that of a client that was just started.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import Self, TypeVar

SUBMISSIONS, IMAPS = 465, 993
SERIAL = "X-Serial"
"""The header that tells messages apart."""
LAST_LINE = "this is the end"

_TIMEOUT = 60.0
_LINE = "Bytes of a letter, in lines as long as people leave them when they write to others.\r\n"
_CLIENT = "load.bench.example"


@dataclass(frozen=True, slots=True)
class Account:
    """A login at a server. certificate: PEM, the only one that is trusted."""

    server: str
    certificate: str
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to submit; size: bytes of its body, about."""

    sender: Account
    recipient: str
    serial: str
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one call: "" or the error, and the caller's processor time in seconds."""

    failure: str
    cpu: float


@dataclass(frozen=True, slots=True)
class Called:
    """The result of many calls: wall time and the callers' processor time in seconds."""

    seconds: float
    cpu: float
    failures: tuple[str, ...]


Job = TypeVar("Job")


class Callers:
    """Processes that call at once, one connection each; they end with the block."""

    def __init__(self, count: int) -> None:
        self._pool: Pool = get_context("fork").Pool(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def run(self, call: Callable[[Job], Outcome], jobs: Iterable[Job]) -> Called:
        """Make all the calls, each in a free process, and return when all are made."""
        begun = time.perf_counter()
        outcomes = list(self._pool.imap_unordered(call, jobs))
        seconds = time.perf_counter() - begun
        failures = tuple(one.failure for one in outcomes if one.failure)
        return Called(seconds, sum(one.cpu for one in outcomes), failures)


def submit(letter: Letter) -> Outcome:
    """Log in to the submission port and submit a message."""
    return _outcome(_submit, letter)


def log_in(account: Account) -> Outcome:
    """Log in to IMAP and out again."""
    return _outcome(_log_in, account)


def letter_text(letter: Letter) -> str:
    """Return a message as it is submitted; the last line shows that it is whole."""
    body = _LINE * max(1, letter.size // len(_LINE))
    return (
        f"From: {letter.sender.name}\r\nTo: {letter.recipient}\r\nSubject: {letter.serial}\r\n"
        f"Message-ID: <{letter.serial}@{_CLIENT}>\r\n{SERIAL}: {letter.serial}\r\n\r\n"
        f"{body}{LAST_LINE}\r\n"
    )


def serial_of(stored: bytes) -> str:
    """Return the serial of a message from a mailbox, "" if it is not whole or has none."""
    head, _, body = stored.replace(b"\r\n", b"\n").partition(b"\n\n")
    if not body.endswith(f"{LAST_LINE}\n".encode()):
        return ""
    mark = f"{SERIAL}: ".encode()
    found = [line[len(mark) :] for line in head.split(b"\n") if line.startswith(mark)]
    return found[0].decode() if len(found) == 1 else ""


def _outcome(call: Callable[[Job], None], job: Job) -> Outcome:
    begun = time.process_time()
    failure = ""
    try:
        call(job)
    except (OSError, smtplib.SMTPException, ValueError) as problem:
        failure = f"{type(problem).__name__}: {problem}"
    return Outcome(failure, time.process_time() - begun)


def _submit(letter: Letter) -> None:
    sender = letter.sender
    with smtplib.SMTP_SSL(
        sender.server,
        SUBMISSIONS,
        local_hostname=_CLIENT,  # smtplib would look its own name up for each connection
        timeout=_TIMEOUT,
        context=_context(sender.certificate),
    ) as session:
        session.login(sender.name, sender.password)
        session.sendmail(sender.name, [letter.recipient], letter_text(letter).encode())


def _log_in(account: Account) -> None:
    with (
        socket.create_connection((account.server, IMAPS), _TIMEOUT) as plain,
        _context(account.certificate).wrap_socket(plain) as connection,
        connection.makefile("rwb") as stream,
    ):
        _expect(stream.readline(), b"* OK")
        stream.write(f'a LOGIN "{account.name}" "{account.password}"\r\n'.encode())
        stream.flush()
        _expect(stream.readline(), b"* CAPABILITY", b"a OK")
        stream.write(b"b LOGOUT\r\n")
        stream.flush()
        lines = stream.readlines()
        _expect(lines[-1] if lines else b"", b"b OK")


def _expect(line: bytes, *beginnings: bytes) -> None:
    if not line.startswith(beginnings):
        raise ValueError(f"{line!r} where {beginnings[0]!r} was due")


@cache
def _context(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=certificate)
    context.check_hostname = False  # the host is called by its address
    return context

"""One running program as a dialogue, over whatever carries its three streams.

A `Process` (an SSH channel, a child process) blocks; a `Dialogue` never blocks longer
than its limit. One thread drains stdout, one drains stderr, one feeds stdin, so that
no stream can wait for another, and the caller waits for them with a deadline. When
the deadline passes, the process is ended, which frees the threads.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.transport.failures import ConnectionLostError, unreachable
from provisioner.transport.program_start import ASKS_FOR_PROGRAM, ProgramStart
from provisioner.transport.retention import HeadAndTail, OutputAllowance
from provisioner.transport.start_failures import LoginPeer, explain_start_failure
from provisioner.verbs.ports import Completed

_STDERR_HALF = 32 * 1024
_CHUNK = 64 * 1024


class Process(Protocol):
    """A program's three streams and its end. Every method but `kill` may block.

    Any of them may raise ConnectionLostError, or MailprovError when it could not begin.
    """

    def open(self) -> None:
        """Start the program; called once, before all else but `kill`."""

    def read_stdout(self, size: int) -> bytes:
        """Return some bytes of stdout, none when it has ended."""

    def read_stderr(self, size: int) -> bytes:
        """Return some bytes of stderr, none when it has ended."""

    def write(self, data: bytes) -> None:
        """Write all of data to stdin; OSError when the program no longer reads."""

    def close_stdin(self) -> None:
        """End stdin."""

    def wait(self) -> int:
        """Return the exit status, negative for a signal; called when both streams ended."""

    def kill(self) -> None:
        """End everything now, from any thread, so that blocked calls return."""


class Dialogue:
    """A `Conversation` over a `Process`.

    program: what stdin begins with. wanted: what comes next if the host asks for it first
    (ProgramStart.kept_program). limit: seconds from now to the program's exit. doing: what was
    going on, for errors.
    """

    def __init__(  # noqa: PLR0913 - one argument a fact; a parameter object would only be unpacked
        self,
        process: Process,
        start: ProgramStart,
        program: bytes,
        *,
        wanted: bytes | None = None,
        peer: LoginPeer,
        limit: float,
        doing: str = "",
        sudo_password: Callable[[], str] | None = None,
    ) -> None:
        self._process = process
        self._start = start
        self._peer = peer
        self._limit = limit
        self._doing = doing or "running a program"
        self._deadline = time.monotonic() + limit
        self._changed = threading.Condition()
        self._stdout = bytearray()
        self._stderr = HeadAndTail(_STDERR_HALF)
        self._open_streams = 2
        self._allowance = OutputAllowance()
        self._status: int | None = None
        self._failure: Exception | None = None
        self._stdin: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unsent = 0
        self._stdin_ended = False
        self._entered = False
        self._spawn(self._drain_stdout)
        try:
            if sudo_password is not None:
                self._enter(sudo_password)
            # Else nobody else reads stdin: it need not wait for an answer.
            with self._changed:
                self._queue(program)
            if wanted is not None and self.read_line() == ASKS_FOR_PROGRAM:
                with self._changed:
                    self._queue(wanted)
        except BaseException:
            self.abandon()  # nobody gets a Dialogue to leave
            raise

    # What the caller does.

    def send(self, data: bytes) -> None:
        """Write data to stdin; a program that no longer reads is left to tell by its status."""
        with self._changed:
            self._queue(bytes(data))
            self._await(lambda: self._unsent == 0 or self._ended)

    def _queue(self, data: bytes) -> None:
        self._unsent += len(data)
        self._stdin.put(data)

    def finish(self) -> None:
        """End stdin."""
        if not self._stdin_ended:
            self._stdin_ended = True
            self._stdin.put(None)

    def read_line(self, timeout: float | None = None) -> str | None:
        """Return the next line of stdout, None at its end; TimeoutError after `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        self._enter()
        with self._changed:
            self._await(lambda: b"\n" in self._stdout or self._open_streams == 0, until)
            if not self._stdout:
                return None
            newline = self._stdout.find(b"\n")
            end = newline if newline >= 0 else len(self._stdout)
            line = bytes(self._stdout[:end])
            del self._stdout[: end + 1]
            return line.decode("utf-8", "replace")

    def read_some(self) -> bytes:
        """Return what there is of stdout, at least a byte, and none at its end."""
        self._enter()
        with self._changed:
            self._await(lambda: bool(self._stdout) or self._open_streams == 0)
            data = bytes(self._stdout)
            self._stdout.clear()
            return data

    def lines(self) -> Iterator[str]:
        """Yield the lines of stdout as they arrive."""
        while (line := self.read_line()) is not None:
            yield line

    def result(self) -> Completed:
        """End stdin, wait for the exit and return how it was."""
        self.finish()
        self._enter()
        with self._changed:
            self._await(lambda: self._status is not None)
            # A program that was ended for a failure may be gone before anybody looked.
            if self._failure is not None:
                raise self._failure
            if self._status is None:  # pragma: no cover - _await returns on it or raises
                raise AssertionError
            return Completed(self._status, bytes(self._stdout), self._stderr.read())

    def abandon(self) -> None:
        """End the program and free the threads; nothing when it is over."""
        self._stdin_ended = True
        self._stdin.put(None)
        if self._status is None:
            self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.abandon()

    # How the caller waits.

    def _enter(self, sudo_password: Callable[[], str] | None = None) -> None:
        """Wait until the program has started; answer sudo's first question, and only that."""
        if self._entered:
            return
        with self._changed:
            self._await(lambda: self._start.started or self._start.prompts > 0 or self._ended)
            if sudo_password and self._start.prompts and not self._start.started:
                self._queue(sudo_password().encode() + b"\n")
                self._await(lambda: self._start.started or self._start.prompts > 1 or self._ended)
            if not self._start.started or (self._start.uid and self._start.require_root):
                self._process.kill()
                raise explain_start_failure(self._start, self._status, peer=self._peer)
            self._entered = True

    @property
    def _ended(self) -> bool:
        return self._status is not None

    def _await(self, condition: Callable[[], bool], until: float | None = None) -> None:
        """Wait, holding the lock, for the condition; raise what went wrong first."""
        deadline = self._deadline if until is None else min(until, self._deadline)
        while not condition():
            if self._failure is not None:
                raise self._failure
            left = deadline - time.monotonic()
            if left <= 0:
                if deadline < self._deadline:
                    raise TimeoutError
                self._fail(self._too_slow())
                self._process.kill()
                continue
            self._changed.wait(left)

    def _too_slow(self) -> MailprovError:
        return unreachable(
            self._peer.where,
            f"timed out after {self._limit:g} s while {self._doing}",
            got=self._stderr.read().decode("utf-8", "replace")[-500:].strip(),
            fix="find the busy process on the host, then run the command again",
        )

    # What the threads do.

    def _spawn(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except MailprovError as error:
                self._fail(error)
            except ConnectionLostError as lost:
                self._fail(self._lost(lost))
            except Exception as bug:  # noqa: BLE001 - raised again where the caller waits
                self._fail(bug)

        # Daemon: a thread stuck in a dead connection must not keep the process alive.
        threading.Thread(target=guarded, name=f"mailprov {self._doing}", daemon=True).start()

    def _lost(self, lost: ConnectionLostError) -> MailprovError:
        return unreachable(
            self._peer.where,
            f"connection lost while {self._doing}",
            got=str(lost),
            fix="check that the host is up and its network is stable, then run the command again",
        )

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _drain_stdout(self) -> None:
        self._process.open()
        self._spawn(self._drain_stderr)
        self._spawn(self._feed)
        while chunk := self._process.read_stdout(_CHUNK):
            with self._changed:
                # What comes after a failure is drained all the same, so that the process can end.
                if self._failure is None:
                    self._stdout += self._start.take_stdout(chunk)
                    self._count(chunk)
                self._changed.notify_all()
        self._stream_ended()

    def _count(self, chunk: bytes) -> None:
        """End the program where it has written too much, however slowly."""
        if limit := self._allowance.take(chunk):
            self._fail(self._too_much(limit))
            self._process.kill()

    def _too_much(self, limit: str) -> MailprovError:
        return MailprovError(
            Diagnostic(
                summary=(
                    f"more than {limit} of output while {self._doing}, so mailprov ended "
                    "the program"
                ),
                where=self._peer.where,
                got=quoted(self._last_line(), 200),
                fix="find the tool on the host that prints so much, then run the command again",
            ),
            ExitCode.FAILED,
        )

    def _last_line(self) -> str:
        said = bytes(self._stdout[-400:]) or self._stderr.read()[-400:]
        return said.rstrip(b"\n").rpartition(b"\n")[2].decode("utf-8", "replace")

    def _drain_stderr(self) -> None:
        while chunk := self._process.read_stderr(_CHUNK):
            with self._changed:
                self._stderr.add(self._start.take_stderr(chunk))
                if self._failure is None:
                    self._count(chunk)
                self._changed.notify_all()
        self._stream_ended()

    def _stream_ended(self) -> None:
        with self._changed:
            self._open_streams -= 1
            last = self._open_streams == 0
        if not last:
            return
        status = self._process.wait()
        with self._changed:
            self._status = status
            self._stdin.put(None)
            self._changed.notify_all()

    def _feed(self) -> None:
        reads = True
        while (data := self._stdin.get()) is not None:
            try:
                if reads:
                    self._process.write(data)
            except OSError:
                reads = False
            with self._changed:
                self._unsent -= len(data)
                self._changed.notify_all()
        try:
            self._process.close_stdin()
        except OSError:
            return

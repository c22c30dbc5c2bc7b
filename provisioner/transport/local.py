"""The machine that mailprov runs on, as a host of the site (`connection: local`).

Same semantics as over SSH: same environment, same sudo, same limits, same errors. And the
same end: whoever leaves a program no longer hears it, and what it has begun it finishes or
undoes in its own order. Killing it would leave half of one configuration and half of another.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import weakref
from typing import IO

from provisioner.model.site import Host
from provisioner.transport.failures import ConnectionLostError, unreachable
from provisioner.transport.options import Reveal, SshOptions
from provisioner.transport.program_start import ProgramStart
from provisioner.transport.transport import DialogueTransport


class LocalTransport(DialogueTransport):
    """A `Transport` to this very machine."""

    def __init__(self, host: Host, options: SshOptions, reveal: Reveal) -> None:
        super().__init__(host, options, reveal, user=options.local_user, peer="this machine")
        self._running: weakref.WeakSet[ChildProcess] = weakref.WeakSet()

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a TCP connection made from this machine."""
        return socket.create_connection((address, port), timeout)

    def close(self) -> None:
        """Leave what still runs."""
        for process in list(self._running):
            process.kill()

    def _process(self, start: ProgramStart) -> ChildProcess:
        process = ChildProcess(start.argv(), self._where)
        self._running.add(process)
        return process

    def _is_root(self) -> bool:
        return os.geteuid() == 0


_PATIENCE = 1.0
"""Seconds for a program that was left to end, before nobody waits for its status."""


class ChildProcess:
    """A program on this machine, in a session of its own: no terminal's signal reaches it.

    Whoever blocks in a stream is woken by a pipe that nobody writes to: closing a file
    descriptor wakes no reader.
    """

    def __init__(self, argv: list[str], where: str) -> None:
        self._argv = argv
        self._where = where
        self._child: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._woken, self._wake = os.pipe()
        weakref.finalize(self, _close, self._woken, self._wake)

    def open(self) -> None:
        """Start the program."""
        try:
            self._child = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as problem:
            raise unreachable(
                self._where, "a program cannot be started on this machine", got=str(problem)
            ) from problem
        if self._killed:
            self.kill()

    def read_stdout(self, size: int) -> bytes:
        """Return some bytes of stdout, none at its end."""
        return self._read(self._opened.stdout, size)

    def read_stderr(self, size: int) -> bytes:
        """Return some bytes of stderr, none at its end."""
        return self._read(self._opened.stderr, size)

    def write(self, data: bytes) -> None:
        """Write all of data to stdin."""
        stdin = self._opened.stdin
        view = memoryview(data)
        if stdin is not None:
            os.set_blocking(stdin.fileno(), False)
        while view and stdin is not None and self._waited_for(stdin, select.POLLOUT):
            view = view[stdin.write(view) or 0 :]

    def close_stdin(self) -> None:
        """End stdin."""
        if self._opened.stdin is not None:
            self._opened.stdin.close()

    def wait(self) -> int:
        """Return the exit status, the negative number of the signal that ended it."""
        try:
            return self._opened.wait(_PATIENCE if self._killed else None)
        except subprocess.TimeoutExpired as still:
            threading.Thread(target=self._opened.wait, name="mailprov reap", daemon=True).start()
            raise ConnectionLostError("the program continues without supervision") from still

    def kill(self) -> None:
        """Hang up: a program that has begun something ends that in order, any other ends.

        Its children are spared, a package manager above all. What sudo runs is root's and
        sees its streams end.
        """
        self._killed = True
        with contextlib.suppress(OSError):
            os.write(self._wake, b"x")  # never read: every wait ends from now on
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._child.send_signal(signal.SIGHUP)

    def _waited_for(self, stream: IO[bytes], event: int) -> bool:
        """Wait until the stream is ready; False where the program was left first."""
        poll = select.poll()
        poll.register(stream, event)
        poll.register(self._woken, select.POLLIN)
        return self._woken not in {ready for ready, _ in poll.poll()}

    def _read(self, stream: IO[bytes] | None, size: int) -> bytes:
        """Return some bytes; at the end of the stream close it and return none."""
        if stream is None:
            return b""
        data = stream.read(size) if self._waited_for(stream, select.POLLIN) else b""
        if not data:
            stream.close()
        return data

    @property
    def _opened(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ConnectionLostError("the program was never started")
        return self._child


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)

"""The machine that mailprov runs on, as a host of the site (`connection: local`).

Same semantics as over SSH: same environment, same sudo, same limits, same errors.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import weakref
from typing import IO

from provisioner.model.site import Host
from provisioner.ssh.entry import Entry
from provisioner.ssh.failures import ConnectionLostError, unreachable
from provisioner.ssh.options import Reveal, SshOptions
from provisioner.ssh.transport import DialogueTransport


class LocalTransport(DialogueTransport):
    """A `Transport` to this very machine."""

    def __init__(self, host: Host, options: SshOptions, reveal: Reveal) -> None:
        super().__init__(host, options, reveal, user=options.local_user, peer="this machine")
        self._running: weakref.WeakSet[ChildProcess] = weakref.WeakSet()

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a TCP connection made from this machine."""
        return socket.create_connection((address, port), timeout)

    def close(self) -> None:
        """End what still runs."""
        for process in list(self._running):
            process.kill()

    def _process(self, entry: Entry, program: str, args: tuple[str, ...]) -> ChildProcess:
        process = ChildProcess(entry.argv(program, args), self._where)
        self._running.add(process)
        return process

    def _is_root(self) -> bool:
        return os.geteuid() == 0


class ChildProcess:
    """A program on this machine, in a session of its own so that it can be ended whole."""

    def __init__(self, argv: list[str], where: str) -> None:
        self._argv = argv
        self._where = where
        self._child: subprocess.Popen[bytes] | None = None
        self._killed = False

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
        return _read(self._opened.stdout, size)

    def read_stderr(self, size: int) -> bytes:
        """Return some bytes of stderr, none at its end."""
        return _read(self._opened.stderr, size)

    def write(self, data: bytes) -> None:
        """Write all of data to stdin."""
        stdin = self._opened.stdin
        view = memoryview(data)
        while view and stdin is not None:
            view = view[stdin.write(view) :]

    def close_stdin(self) -> None:
        """End stdin."""
        if self._opened.stdin is not None:
            self._opened.stdin.close()

    def wait(self) -> int:
        """Return the exit status, the negative number of the signal that ended it."""
        return self._opened.wait()

    def kill(self) -> None:
        """Kill the program and its children; what sudo runs ends when its streams do."""
        self._killed = True
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    @property
    def _opened(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ConnectionLostError("the program was never started")
        return self._child


def _read(stream: IO[bytes] | None, size: int) -> bytes:
    """Return some bytes; at the end of the stream close it and return none."""
    data = stream.read(size) if stream is not None else b""
    if not data and stream is not None:
        stream.close()
    return data

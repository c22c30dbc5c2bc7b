"""An SSH channel as a program's three streams.

Three hazards of paramiko are met here. stdout and stderr share one window: a program that
fills it with one of them stalls whoever reads only the other, so both must be drained at
once, and the Dialogue does. `recv_exit_status` and `exec_command` wait without limit for
a host that has fallen silent: they run in the Dialogue's threads, and `kill` wakes them.
A write can block in the socket, out of reach of any channel timeout, and closing a
channel is a write too: so `kill` closes the whole connection when closing the channel
takes too long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from provisioner.diagnostics import Diagnostic, ExitCode
from provisioner.transport.failures import UNEXPLAINED, ConnectionLostError, SessionRefusedError

_SLICE = 32 * 1024
_PATIENCE = 1.0
"""Seconds for a polite end (a close message, a final exit status) before the rude one."""
_LINGERING = 3.0  # seconds that a session may still count after its end
_PAUSE = 0.1


class ChannelProcess:
    """A program at the other end of an SSH connection (RFC 4254 section 6)."""

    def __init__(
        self, transport: paramiko.Transport, command: str, *, where: str, open_limit: float
    ) -> None:
        self._transport = transport
        self._command = command
        self._where = where
        self._open_limit = open_limit
        self._channel: paramiko.Channel | None = None
        self._killed = False

    def open(self) -> None:
        """Open a session channel and request the command.

        A session that has ended counts until its program is gone, so that a host which takes
        few of them is asked again.
        """
        until = time.monotonic() + _LINGERING
        while True:
            try:
                self._channel = self._transport.open_session(timeout=self._open_limit)
                self._channel.exec_command(self._command)
            except (paramiko.SSHException, OSError, EOFError) as broken:
                self._raise_if_lost()
                if not isinstance(broken, paramiko.ChannelException) and str(broken) != UNEXPLAINED:
                    raise ConnectionLostError(str(broken)) from broken
                if self._killed or time.monotonic() > until:
                    raise self._refused(str(broken)) from broken
            else:
                break
            time.sleep(_PAUSE)
        if self._killed:
            self._close_channel()  # it came when nobody waited any more

    def _refused(self, words: str) -> SessionRefusedError:
        return SessionRefusedError(
            Diagnostic(
                summary="the host's sshd refuses to run another program",
                where=self._where,
                got=words,
                fix="raise MaxSessions in the host's sshd_config, or wait for other sessions",
            ),
            ExitCode.UNREACHABLE,
        )

    def read_stdout(self, size: int) -> bytes:
        """Return some bytes of stdout, none at its end."""
        return self._opened.recv(size)

    def read_stderr(self, size: int) -> bytes:
        """Return some bytes of stderr, none at its end."""
        return self._opened.recv_stderr(size)

    def write(self, data: bytes) -> None:
        """Write data in slices: paramiko copies all that is left at every packet."""
        view = memoryview(data)
        for start in range(0, len(view), _SLICE):
            with _lost_where_paramiko_ends():
                self._opened.sendall(view[start : start + _SLICE].tobytes())

    def close_stdin(self) -> None:
        """Send EOF."""
        with _lost_where_paramiko_ends():
            self._opened.shutdown_write()

    def wait(self) -> int:
        """Return the exit status; -1 for a signal, whose name paramiko does not keep."""
        status = self._opened.recv_exit_status()
        if status == -1:
            # The channel's end is seen before the connection's: give the latter time to show.
            until = time.monotonic() + _PATIENCE / 2
            while time.monotonic() < until:
                self._raise_if_lost()
                time.sleep(0.02)
        return status

    def kill(self) -> None:
        """Close the channel; close the connection if that does not work at once."""
        self._killed = True
        if not _done_in_time(self._close_channel):
            _done_in_time(self._transport.close)

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()

    @property
    def _opened(self) -> paramiko.Channel:
        if self._channel is None:
            raise ConnectionLostError("the channel was never opened")
        return self._channel

    def _raise_if_lost(self) -> None:
        if not self._transport.is_active():
            reason = self._transport.get_exception()
            text = str(reason) if reason and str(reason) else "the connection ended"
            raise ConnectionLostError(text)


@contextmanager
def _lost_where_paramiko_ends() -> Iterator[None]:
    """Raise ConnectionLostError for what paramiko says of a dead connection in a write."""
    try:
        yield
    except (EOFError, paramiko.SSHException) as broken:
        raise ConnectionLostError(str(broken) or "the connection ended") from broken


def _done_in_time(work: Callable[[], object]) -> bool:
    thread = threading.Thread(target=work, name="mailprov close", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return not thread.is_alive()

"""TCP connections made from the host where its sshd forwards none (sshd_config(5), sshd(8)).

A program on the host connects, and carries bytes between its streams and the connection:
bash(1) by itself (`/dev/tcp`), with cat(1) for each direction. So all that can be asked over
a forwarded connection can be asked over this one. It costs a session of sshd's each.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from provisioner.diagnostics import MailprovError
from provisioner.remote.program import relay_program
from provisioner.transport.dialogue import Dialogue
from provisioner.transport.failures import SessionRefusedError

RELAY_SECONDS = 300.0
"""How long such a connection may last."""
MOST = 6
"""So many at once: sshd's MaxSessions is 10 unless it is set, and there are other programs."""
_TURN = 60.0  # seconds to wait for others to end
_SLICE = 32 * 1024
_NOT_FOUND = 127  # sh(1)


class Relays:
    """The connections of this kind over one SSH connection, no more at once than its sshd takes.

    start: runs a program on the host, as `Transport.start` does.
    """

    def __init__(self, start: Callable[..., Dialogue]) -> None:
        self._start = start
        self._open = 0
        self._changed = threading.Condition()

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a socket whose other end is such a connection; closing it closes that.

        timeout: seconds to connect. Raises ConnectionRefusedError with the host's words,
        TimeoutError, MailprovError.
        """
        until = time.monotonic() + _TURN
        while True:
            self._take_turn(until)
            try:
                return self._connect(address, port, timeout)
            except SessionRefusedError:
                # It takes fewer than is usual, so another one has to end first.
                if not self._give_turn_back() or time.monotonic() > until:
                    raise
            except BaseException:
                self._give_turn_back()
                raise

    def _take_turn(self, until: float) -> None:
        with self._changed:
            left = until - time.monotonic()
            if not self._changed.wait_for(lambda: self._open < MOST, left):
                raise TimeoutError("all sessions of the host's sshd stayed in use")
            self._open += 1

    def _give_turn_back(self) -> int:
        """Return how many others are open."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
            return self._open

    def _connect(self, address: str, port: int, timeout: float) -> socket.socket:
        doing = f"connecting to {address} port {port} from the host"
        conversation = self._start(
            relay_program(), address, str(port), timeout=RELAY_SECONDS, doing=doing
        )
        try:
            _await_connection(conversation, timeout)
        except BaseException:
            conversation.abandon()
            raise
        ours, theirs = socket.socketpair()
        for carry in (_carry_in, _carry_out):
            threading.Thread(
                target=self._until_end, args=(carry, conversation, ours), name=doing, daemon=True
            ).start()
        return theirs

    def _until_end(
        self,
        carry: Callable[[Dialogue, socket.socket], None],
        conversation: Dialogue,
        ours: socket.socket,
    ) -> None:
        with suppress(OSError, MailprovError):
            carry(conversation, ours)
        conversation.abandon()
        with suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
        if carry is _carry_in:  # it ends last: at the end of the program's output
            ours.close()
            self._give_turn_back()


def _await_connection(conversation: Dialogue, timeout: float) -> None:
    if conversation.read_line(timeout) == "connected":
        return
    completed = conversation.result()
    if completed.status == _NOT_FOUND:
        raise ConnectionRefusedError(
            "its sshd forwards no connection, and bash is not installed there"
        )
    lines = completed.stderr.decode("utf-8", "replace").strip().splitlines()
    # bash(1) names itself, the line and the path before the reason.
    raise ConnectionRefusedError(lines[0].rpartition(": ")[2] if lines else "no connection")


def _carry_in(conversation: Dialogue, ours: socket.socket) -> None:
    while data := conversation.read_some():
        ours.sendall(data)


def _carry_out(conversation: Dialogue, ours: socket.socket) -> None:
    while data := ours.recv(_SLICE):
        conversation.send(data)

"""A TCP connection made from the host, as a socket here (RFC 4254 section 7.2).

A socket pair and two threads: TLS and everything else that wants a file descriptor
works on it, and closing it closes the channel.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable

import paramiko

from provisioner.transport.failures import UNEXPLAINED, ConnectionLostError

_SLICE = 32 * 1024


class UnexplainedError(OSError):
    """The channel was refused, and nobody knows why."""


def open_forwarded(
    transport: paramiko.Transport, address: str, port: int, timeout: float
) -> socket.socket:
    """Return a socket whose other end is a direct-tcpip channel (RFC 4254 section 7.2).

    Raises ConnectionRefusedError with sshd's words, PermissionError where sshd forbids
    forwarding, UnexplainedError, TimeoutError, ConnectionLostError.
    """
    channel = open_forwarding_channel(transport, address, port, timeout)
    ours, theirs = socket.socketpair()
    _Pump(channel, ours).start(f"mailprov to {address}:{port}")
    return theirs


def open_forwarding_channel(
    transport: paramiko.Transport, address: str, port: int, timeout: float
) -> paramiko.Channel:
    """Return a channel to address and port as seen from the host; raises as open_forwarded."""
    origin = ("127.0.0.1", 0)
    try:
        return transport.open_channel("direct-tcpip", (address, port), origin, timeout=timeout)
    except paramiko.ChannelException as refused:
        # Code 1: administratively prohibited (RFC 4254 section 5.1).
        kind = PermissionError if refused.code == 1 else ConnectionRefusedError
        raise kind(refused.text) from refused
    except (paramiko.SSHException, OSError, EOFError) as broken:
        if not transport.is_active():
            raise ConnectionLostError(str(broken)) from broken
        if str(broken) == UNEXPLAINED:
            raise UnexplainedError(str(broken)) from broken
        raise TimeoutError(f"no connection within {timeout:g} s") from broken


class _Pump:
    """Two threads that carry bytes between a channel and a socket, until both directions ended."""

    def __init__(self, channel: paramiko.Channel, ours: socket.socket) -> None:
        self._channel = channel
        self._ours = ours
        self._lock = threading.Lock()
        self._directions = 2

    def start(self, name: str) -> None:
        for direction in (self._carry_in, self._carry_out):
            threading.Thread(
                target=self._until_end, args=(direction,), name=name, daemon=True
            ).start()

    def _until_end(self, direction: Callable[[], None]) -> None:
        try:
            direction()
        except (OSError, EOFError, paramiko.SSHException):
            self._channel.close()
        with self._lock:
            self._directions -= 1
            if self._directions == 0:
                self._channel.close()
                self._ours.close()

    def _carry_in(self) -> None:
        while data := self._channel.recv(_SLICE):
            self._ours.sendall(data)
        self._ours.shutdown(socket.SHUT_WR)

    def _carry_out(self) -> None:
        while data := self._ours.recv(_SLICE):
            self._channel.sendall(data)
        if _is_closed_at_the_other_end(self._ours):
            self._channel.close()
        else:
            self._channel.shutdown_write()


def _is_closed_at_the_other_end(ours: socket.socket) -> bool:
    """Tell a closed peer from one that only ended its own direction (unix(7), poll(2))."""
    poll = select.poll()
    poll.register(ours, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))

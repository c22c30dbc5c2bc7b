"""What the workflow asks of a connection to a host.

A `Transport` runs POSIX sh programs as root on one host, and opens TCP connections
from there. A `Conversation` is one such program while it runs: bytes in, lines out.
How that happens (SSH, sudo, a process on this machine) is `provisioner.transport`'s affair.

Every method that touches the host may raise MailprovError with exit code 4: the
connection is gone, the login or sudo was refused, or the time limit passed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from provisioner.model.names import HostKey


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended.

    status: the exit status; negative where a signal ended it (-1 if which one is not
    known). stdout: what no line reader took. stderr: all of it, or its beginning and
    end where it is long.
    """

    status: int
    stdout: bytes
    stderr: bytes


class Conversation(Protocol):
    """A program that runs on a host; leaving its `with` block ends it."""

    def send(self, data: bytes) -> None:
        """Write data to the program's stdin; return once it is on its way."""

    def finish(self) -> None:
        """End the program's stdin."""

    def read_line(self, timeout: float | None = None) -> str | None:
        """Return the next line of stdout without its newline, None when stdout has ended.

        timeout: seconds to wait for this line; TimeoutError when they pass. Without it
        the limit of the conversation holds.
        """

    def lines(self) -> Iterator[str]:
        """Yield the lines of stdout as they arrive, until stdout ends."""

    def result(self) -> Completed:
        """End stdin, wait for the program to exit and return how it did."""

    def abandon(self) -> None:
        """End the program without waiting for it; harmless when it is over."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Transport(Protocol):
    """An open way to one host. May be used by several threads at once."""

    @property
    def host(self) -> HostKey:
        """The host's key in the site file."""

    @property
    def peer(self) -> str:
        """The other end in a person's words, like `root@192.0.2.10:22`."""

    def start(
        self, program: str, *args: str, timeout: float, doing: str = "", keep: bool = False
    ) -> Conversation:
        """Run what `sh -c PROGRAM mailprov ARGS…` would, as root, in `/`, in the C locale.

        timeout: seconds that the whole conversation may take. doing: what an error says
        was going on, like "observing the host". keep: the host may keep the program, for root
        alone, and is not sent it again; else nothing is written there. Neither may hold a
        secret: these go through stdin.
        """

    def run(
        self,
        program: str,
        *args: str,
        stdin: bytes = b"",
        timeout: float,
        doing: str = "",
        keep: bool = False,
    ) -> Completed:
        """Run a program as `start` does, feed it stdin, and return how it ended."""

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a TCP connection made from the host to address and port.

        A real socket with a file descriptor. OSError where the host cannot connect.
        """

    def close(self) -> None:
        """End the connection and all that runs over it."""

"""Lines and bytes over a connection, with TLS when it is time for it.

Every wait has a limit, every line a length. Whatever ends a conversation early comes
as one exception, `BrokenOff`, with words for a person: to a probe that is an answer.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

LINE_LIMIT = 65536
SESSION_BYTES = 128 * 1024 * 1024
"""Bytes that a server may send in all, some messages of the largest size among them."""

SESSION_SECONDS = 600.0
"""Seconds from the first to the last byte: a server can keep on sending lines in time."""

_CHUNK = 16384


# A record of the kind alert, of two bytes, level fatal: RFC 8446 sections 5.1 and 6.
_FATAL_ALERT = re.compile(rb"\x15\x03[\x00-\x04]\x00\x02\x02", re.DOTALL)


class BrokenOff(Exception):  # noqa: N818 it is an event of the conversation, not a fault of the program
    """The conversation ended before the answer was there.

    str(): what happened. hung_up: the server ended it, and not our patience.
    """

    def __init__(self, words: str, *, hung_up: bool = False) -> None:
        super().__init__(words)
        self.hung_up = hung_up


class Stream:
    """A connection to one server; closes at the end of its `with` block.

    limit: seconds that a single line, or the TLS handshake, may take. roots: where set, the
    server's certificates have to lead to one of these (PEM) or of those that this machine trusts.
    """

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self.roots: str | None = None
        self._connection = connection
        self._limit = limit
        self._buffer = b""
        self._heard = 0
        self._end = time.monotonic() + SESSION_SECONDS
        connection.settimeout(limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection without ceremony."""
        self._connection.close()

    @property
    def secured(self) -> ssl.SSLSocket | None:
        """The connection as a TLS socket, None while it is in the clear."""
        return self._connection if isinstance(self._connection, ssl.SSLSocket) else None

    @property
    def limit(self) -> float:
        """Seconds that an answer may take."""
        return self._limit

    def nonblocking(self) -> socket.socket:
        """Return the socket, not blocking, for a library that sends and reads by itself.

        It is closed with the stream. Nothing may have been read before.
        """
        self._connection.setblocking(False)  # noqa: FBT003 the name of the socket's own method
        return self._connection

    def send(self, data: bytes) -> None:
        """Send all of data; raise BrokenOff if the server does not take it."""
        with _told("while sending"):
            self._connection.settimeout(self._limit)
            self._connection.sendall(data)

    def read_line(self, within: float | None = None) -> bytes:
        """Return the next line without its line end; raise BrokenOff if none comes."""
        deadline = time.monotonic() + (self._limit if within is None else within)
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_LIMIT:
                raise BrokenOff(f"the server sent a line of more than {LINE_LIMIT} bytes")
            self._receive(deadline)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def read_exactly(self, size: int) -> bytes:
        """Return the next `size` bytes; raise BrokenOff if they do not come."""
        deadline = time.monotonic() + self._limit
        while len(self._buffer) < size:
            self._receive(deadline)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def start_tls(self, name: str) -> None:
        """Shake hands as a TLS client that asks for `name`; raise BrokenOff on failure.

        Without `roots` the certificate is not checked here. Who is about to send a secret compares
        `fingerprint` with what the host told over SSH; the TLS probe judges the rest.
        """
        if _FATAL_ALERT.match(self._buffer):
            raise BrokenOff("the server refused the TLS handshake", hung_up=True)
        if self._buffer:
            raise BrokenOff(
                f"the server sent cleartext before the TLS handshake: {self._buffer[:60]!r}"
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.roots is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_default_certs()
            if self.roots:
                context.load_verify_locations(cadata=self.roots)
        with _told("during the TLS handshake"):
            self._connection.settimeout(self._limit)
            self._connection = context.wrap_socket(self._connection, server_hostname=name)

    @property
    def certificate(self) -> bytes:
        """The server's certificate in DER, empty in the clear."""
        secured = self.secured
        return (secured.getpeercert(binary_form=True) or b"") if secured else b""

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the server's certificate in DER, hexadecimal."""
        return hashlib.sha256(self.certificate).hexdigest()

    def _receive(self, deadline: float) -> None:
        with _told("while waiting for the server"):
            until = min(deadline, self._end)
            self._connection.settimeout(max(until - time.monotonic(), 0.001))
            data = self._connection.recv(_CHUNK)
        if not data:
            raise BrokenOff("the server closed the connection", hung_up=True)
        self._buffer += data
        self._heard += len(data)
        if self._heard > SESSION_BYTES:
            raise BrokenOff(f"the server sent more than {SESSION_BYTES >> 20} MiB")
        if time.monotonic() > self._end:
            raise BrokenOff(f"the session timed out after {SESSION_SECONDS:g} s")


@contextmanager
def _told(when: str) -> Iterator[None]:
    """Turn what the socket raises into the words of a person."""
    try:
        yield
    except TimeoutError as problem:
        raise BrokenOff(f"timed out {when}") from problem
    except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as problem:
        raise BrokenOff(f"the server closed the connection {when}", hung_up=True) from problem
    except ssl.SSLError as problem:
        # An alert is the server's word that it ends this (RFC 8446 section 6).
        ended = "_ALERT_" in (problem.reason or "")
        told = getattr(problem, "verify_message", "") or problem.reason or problem
        raise BrokenOff(f"TLS failed {when}: {told}", hung_up=ended) from problem
    except OSError as problem:
        raise BrokenOff(f"{problem.strerror or problem} {when}") from problem


def shown(data: bytes) -> str:
    """Return what a server said as printable text: whoever reports it cannot be tricked."""
    text = data.decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "�" for character in text)

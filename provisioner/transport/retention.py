"""A stream of unknown length: how much of it is taken, and what is kept of it."""

from __future__ import annotations

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that a program may write, on both streams and from its start to its end."""

LINES_LIMIT = 1_000_000
"""Lines likewise: a line costs more here than its bytes."""


class OutputAllowance:
    """What a program may still write."""

    def __init__(self) -> None:
        self._octets = OUTPUT_LIMIT
        self._lines = LINES_LIMIT

    def take(self, chunk: bytes) -> str:
        """Count some bytes; return the limit that they pass in words, empty if none."""
        self._octets -= len(chunk)
        self._lines -= chunk.count(b"\n")
        if self._octets < 0:
            return f"{OUTPUT_LIMIT >> 20} MiB"
        return f"{LINES_LIMIT} lines" if self._lines < 0 else ""


class HeadAndTail:
    """Keeps the first and the last `half` bytes of what is added."""

    def __init__(self, half: int) -> None:
        self._half = half
        self._head = b""
        self._tail = b""
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        room = self._half - len(self._head)
        self._head += data[:room]
        tail = self._tail + data[room:]
        self._dropped += max(0, len(tail) - self._half)
        self._tail = tail[-self._half :]

    def read(self) -> bytes:
        """Return what was kept, with a line that counts what was dropped between."""
        gap = f"\n… {self._dropped} bytes left out …\n".encode() if self._dropped else b""
        return self._head + gap + self._tail

"""Memory for a stream of unknown length: its beginning and its end."""

from __future__ import annotations


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

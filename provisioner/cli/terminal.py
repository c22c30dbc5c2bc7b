"""What a person sees: progress on standard error, results on standard output.

On a terminal each host has one line that changes in place. Elsewhere every news is a
line of its own. Colour is for terminals without NO_COLOR (no-color.org) only; nothing
is told by colour alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from threading import Lock
from typing import TextIO

import click

from provisioner.diagnostics import Diagnostic
from provisioner.model.names import HostKey

_COLOURS = {
    "passed": "green",
    "changed": "green",
    "create": "green",
    "failed": "red",
    "remove": "red",
    "not started": "red",
    "returned": "red",
    "warning": "yellow",
    "update": "yellow",
}


def is_plain(stream: TextIO) -> bool:
    """Tell whether a stream gets neither colour nor moving lines."""
    return bool(os.environ.get("NO_COLOR")) or not stream.isatty()


def is_typed_at() -> bool:
    """Tell whether a person sits at standard input; nobody does where it is closed."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_piped(most: int) -> bytes:
    """Return what standard input holds, at most so many bytes; nothing where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read(most)


def coloured(text: str, word: str) -> str:
    """Return text in the colour of a word of ours, if standard output shows colours."""
    colour = _COLOURS.get(word)
    return text if colour is None or is_plain(sys.stdout) else click.style(text, fg=colour)


def show_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics to standard error."""
    for diagnostic in diagnostics:
        click.echo(diagnostic.render(), err=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head, in columns as wide as they need to be."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(lines)


class LiveProgress:
    """One line a host; satisfies the workflow's `Progress`. Safe for several threads."""

    def __init__(self, hosts: Sequence[HostKey], *, quiet: bool = False) -> None:
        self._lines = dict.fromkeys(hosts, "")
        self._width = max((len(host) for host in hosts), default=0)
        self._plain = is_plain(sys.stderr)
        self._quiet = quiet
        self._drawn = False
        self._lock = Lock()

    def tell(self, host: HostKey, text: str) -> None:
        """Show what a host is doing now."""
        with self._lock:
            if self._quiet or self._lines.get(host) == text:
                return
            self._lines[host] = text
            if self._plain:
                click.echo(f"{host:<{self._width}}  {text}", err=True)
            else:
                self._draw()

    def _draw(self) -> None:
        up = f"\x1b[{len(self._lines)}A" if self._drawn else ""
        # A pseudo-terminal that nobody has sized says 0.
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        body = "".join(
            "\x1b[2K" + f"{host:<{self._width}}  {text}"[: columns - 1] + "\n"
            for host, text in self._lines.items()
        )
        sys.stderr.write(up + body)
        sys.stderr.flush()
        self._drawn = True

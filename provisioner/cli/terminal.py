"""What a person sees: results on standard output, what went wrong on standard error.

Colour is for terminals without NO_COLOR (no-color.org) only; nothing
is told by colour alone.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

import click

from provisioner.diagnostics import Diagnostic, MailprovError

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

CROWD = 40
"""More hosts than this are not told one by one: what is alike is counted."""


_IN_FILE = re.compile(r":[0-9]+:[0-9]+$")
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f.:]*")


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


def show_errors(errors: Iterable[MailprovError]) -> None:
    """Print what went wrong on hosts to standard error; of many that are alike, the first."""
    show_alike([one for error in errors for one in error.diagnostics])


def show_alike(diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics to standard error; of many that are alike the first, and whom else."""
    if len(diagnostics) <= CROWD // 4:
        show_diagnostics(diagnostics)
        return
    alike: dict[str, list[Diagnostic]] = {}
    for one in diagnostics:
        alike.setdefault(_shape(one), []).append(one)
    for first, *others in alike.values():
        show_diagnostics([first])
        if others:
            names = ", ".join(dict.fromkeys(_subject(one) for one in others))
            line = f"likewise {len(others)} more: {names}"
            click.echo(textwrap.shorten(line, 400, placeholder=" …"), err=True)


def _shape(diagnostic: Diagnostic) -> str:
    """Return what is the same for two that fail alike."""
    if _IN_FILE.search(diagnostic.where):
        return _key_and_complaint(diagnostic)[1]
    _, _, path = diagnostic.where.partition(":/")
    return f"{_NUMBERS.sub('#', diagnostic.summary)} {path}"


def _subject(diagnostic: Diagnostic) -> str:
    """Return whom it is about: a key of the site file, or a host."""
    if _IN_FILE.search(diagnostic.where):
        return _key_and_complaint(diagnostic)[0]
    return re.split(r"[ :]", diagnostic.where)[0]


def _key_and_complaint(diagnostic: Diagnostic) -> tuple[str, str]:
    key, _, complaint = diagnostic.summary.removeprefix("warning: ").partition(": ")
    return key, complaint


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

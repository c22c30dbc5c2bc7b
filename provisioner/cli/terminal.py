"""What a person sees and types: results on standard output, errors on standard error, and prompts.

Nothing else of the package writes there, and what is written here is escaped first: a host, a
daemon or a stranger may have made any part of a text. Views give lines, so that only this
module ends one. Colour is a part of a `ColouredLine` and no character in a text; it is for
terminals without NO_COLOR (no-color.org) only, and nothing is told by colour alone.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

import click

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, printable

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
    "renew": "yellow",
}

CROWD = 40
"""More hosts than this are not told one by one: what is alike is counted."""


_IN_FILE = re.compile(r":[0-9]+:[0-9]+$")
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f.:]*")


@dataclass(frozen=True)
class ColouredLine:
    """A line of which some words have a colour. spans: texts, each with its colour or none."""

    spans: tuple[tuple[str, str | None], ...]

    def __add__(self, other: str | ColouredLine) -> ColouredLine:
        return ColouredLine(self.spans + _spans(other))

    def __radd__(self, other: str) -> ColouredLine:
        return ColouredLine(_spans(other) + self.spans)

    def __str__(self) -> str:
        return "".join(text for text, _ in self.spans)


Shown = str | ColouredLine
"""What a view gives for a line. Line ends in it are a host's, and become escapes."""


def _spans(line: Shown) -> tuple[tuple[str, str | None], ...]:
    return line.spans if isinstance(line, ColouredLine) else ((line, None),)


def coloured(text: str, word: str) -> ColouredLine:
    """Return text in the colour of a word of ours, for terminals that show colours."""
    return ColouredLine(((text, _COLOURS.get(word)),))


def write_line(line: Shown, *, err: bool = False) -> None:
    """Write a line to standard output, or with err to standard error."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # it was closed before Python began
        return
    plain = _is_plain(stream)
    texts = ((printable(text, keep="\t"), colour) for text, colour in _spans(line))
    shown = "".join(
        text if plain or colour is None else click.style(text, fg=colour) for text, colour in texts
    )
    _put(stream, shown)


def write_lines(lines: Iterable[Shown], *, err: bool = False) -> None:
    """Write lines as `write_line` does."""
    for line in lines:
        write_line(line, err=err)


def stamp(moment: datetime) -> str:
    """Return a time of UTC as JSON has it: to the second (RFC 3339)."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def write_json(document: Mapping[str, object]) -> None:
    """Write a JSON document to standard output, in ASCII: whatever is odd in it is an escape."""
    # DEL is a control character that JSON lets stand (RFC 8259 section 7).
    text = json.dumps(document, indent=2).replace("\x7f", "\\u007f")
    if sys.stdout is not None:
        _put(sys.stdout, text)


def write_traceback(error: BaseException) -> None:
    """Write where an error came from to standard error, for --debug."""
    lines = "".join(traceback.format_exception(error)).removesuffix("\n").split("\n")
    # An error's own words may be of several lines: indented, none passes for one of ours.
    write_lines((f"  {line}" for line in lines), err=True)


def redraw(lines: Sequence[str], drawn: int) -> None:
    """Put lines in the place of so many that were drawn before, on a terminal's standard error.

    Of each only as much is shown as fits: a line that runs on would make the picture longer.
    """
    columns, _ = _size(sys.stderr)
    up = f"\x1b[{drawn}A" if drawn else ""
    body = "".join("\x1b[2K" + printable(line)[: columns - 1] + "\n" for line in lines)
    # What a longer picture left below is cleared.
    _put(sys.stderr, f"{up}{body}\x1b[J", end="")


def picture_rows() -> int:
    """Return how many lines the terminal behind standard error has."""
    return _size(sys.stderr)[1]


def output_columns() -> int | None:
    """Return how many columns a line of standard output has; None where it is no terminal."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    return _size(sys.stdout)[0]


def _size(stream: TextIO) -> tuple[int, int]:
    size = os.get_terminal_size(stream.fileno())
    # A pseudo-terminal that nobody has sized says 0.
    return size.columns or 80, size.lines or 24


def give_up_output() -> None:
    """Let what is left for standard output go nowhere: nobody reads it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def has_output() -> bool:
    """Tell whether there is a standard output."""
    return sys.stdout is not None


def news_are_plain() -> bool:
    """Tell whether standard error gets neither colour nor moving lines."""
    return sys.stderr is None or _is_plain(sys.stderr)


def _is_plain(stream: TextIO) -> bool:
    return bool(os.environ.get("NO_COLOR")) or not stream.isatty()


def is_typed_at() -> bool:
    """Tell whether a person sits at standard input; nobody does where it is closed."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_piped(most: int) -> bytes:
    """Return what standard input holds, at most so many bytes; nothing where it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read(most)


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
            write_line(textwrap.shorten(line, 400, placeholder=" …"), err=True)


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
        write_lines(diagnostic.render().split("\n"), err=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table: rows under a head, in columns as wide as they need to be."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _put(stream: TextIO, text: str, end: str = "\n") -> None:
    """Write text that is escaped already; what the stream's encoding cannot hold is an escape."""
    if not text.isascii():
        encoding = stream.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    stream.write(text + end)
    stream.flush()


def ask_hidden(prompt: str, *, undone: str, fix: str, exit_code: ExitCode) -> str:
    """Return what a person types after the prompt, such as a secret; it is never shown.

    undone: what did not happen, fix and exit_code: for the MailprovError where the terminal
    cannot hide it. Raises click.Abort where a person gives up.
    """
    with warnings.catch_warnings():
        # Where the terminal cannot hide it, the secret would be shown.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(printable(prompt))
        except (EOFError, KeyboardInterrupt) as error:
            raise click.Abort from error
        except getpass.GetPassWarning as error:
            summary = f"the terminal cannot hide the input; {undone}"
            raise MailprovError(Diagnostic(summary=summary, fix=fix), exit_code) from error

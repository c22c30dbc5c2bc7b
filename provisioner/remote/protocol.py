"""What remote programs answer: text in sections, each headed by a line `@name argument`.

The lines of a section are the named tool's own output, which a host may have made anything
of. Whoever reads them does so by `read_line`, `each` or `whole`: what is not as it should be
comes out as one exception that says which section it was in and what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

Section = tuple[str, str, list[str]]

UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
"""What reading a text raises that has another form than it should."""


_SECRET = frozenset({"shadow", "credentials", "probe-secret"})


class MalformedError(ValueError):
    """A part of an answer that has no form we know.

    section: its name. line: what was there, empty where that may be a secret.
    """

    def __init__(self, section: str, line: str) -> None:
        self.section = section
        self.line = "" if section in _SECRET else line
        super().__init__(f"{section}: {self.line!r}")


def split_sections(lines: Iterable[str]) -> Iterator[Section]:
    """Yield each section's name, argument and lines."""
    current: Section | None = None
    for line in lines:
        if line.startswith("@"):
            if current is not None:
                yield current
            name, _, argument = line[1:].partition(" ")
            current = (name, argument, [])
        elif current is not None:
            current[2].append(line)
    if current is not None:
        yield current


def read_line(section: str, line: str, read: Callable[[str], T]) -> T:
    """Return what a line says; MalformedError where `read` cannot make anything of it."""
    try:
        return read(line)
    except UNREADABLE as error:
        raise MalformedError(section, line) from error


def each(section: str, lines: Iterable[str], read: Callable[[str], T]) -> Iterator[T]:
    """Yield what each line says, as `read_line` does."""
    for line in lines:
        yield read_line(section, line, read)


def whole(section: str, lines: list[str], read: Callable[[list[str]], T]) -> T:
    """Return what a section says as a whole; MalformedError if `read` can make nothing of it."""
    try:
        return read(lines)
    except MalformedError:
        raise
    except UNREADABLE as error:
        raise MalformedError(section, "\n".join(lines)) from error


def fields(line: str, count: int, separator: str = "\t") -> list[str]:
    """Return a line's fields; ValueError if it has not just so many."""
    found = line.split(separator)
    if len(found) != count:
        raise ValueError(f"{len(found)} fields, not {count}")
    return found

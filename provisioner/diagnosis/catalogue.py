"""The catalogue of known failures: TOML text in, checked entries out.

The package's own files are part of the program, so reading them is no effect that a
caller could notice (as with `provisioner.platforms.records`). An operator's files are
read elsewhere and come in as text.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError

from provisioner.diagnosis.known_failure import KnownFailure, LineCondition
from provisioner.diagnosis.trouble import TROUBLE_SELECTION
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted


@dataclass(frozen=True)
class Catalogue:
    """Entries in the order in which they are tried: the first that fits explains a line."""

    entries: tuple[KnownFailure, ...]

    @cached_property
    def selection(self) -> str:
        """The extended regular expression for lines that a host has to send."""
        own = [entry.select for entry in self.entries if entry.select]
        return "|".join(dict.fromkeys([TROUBLE_SELECTION, *own]))

    @cached_property
    def context_selection(self) -> str:
        """As `selection`, for lines of which the last of each kind is enough."""
        conditions = (one for entry in self.entries for one in entry.conditions)
        return "|".join(dict.fromkeys(one.select for one in conditions if one.select))

    def extended(self, entries: Iterable[KnownFailure]) -> Catalogue:
        """Return this catalogue with an operator's entries first; the same id replaces ours."""
        first = {entry.id: entry for entry in entries}
        rest = [entry for entry in self.entries if entry.id not in first]
        # What is silenced must not be explained before it gets the chance.
        return Catalogue(tuple(sorted([*first.values(), *rest], key=lambda one: not one.ignore)))


# Read as data: a room may judge what a log says, and no log knows a room.
_ROOMS = "provisioner.daemons"


@cache
def builtin_catalogue() -> Catalogue:
    """Return the entries that come with the program."""
    texts = {name: file.read_text("utf-8") for name, file in sorted(_files())}
    entries = parse_catalogue(texts)
    return Catalogue(()).extended(entries)


def _files() -> Iterator[tuple[str, Traversable]]:
    """Yield the files of each daemon's room, and those of nobody's."""
    for room in resources.files(_ROOMS).iterdir():
        file = room.joinpath("failures.toml")
        if file.is_file():
            yield f"{room.name}.toml", file
    for file in resources.files("provisioner.diagnosis").joinpath("failures").iterdir():
        if file.name.endswith(".toml"):
            yield file.name, file


def parse_catalogue(texts: Mapping[str, str]) -> tuple[KnownFailure, ...]:
    """Return the entries of files: names to TOML texts.

    Raises MailprovError (wrong usage) with everything that is wrong in any of them: no
    TOML, unknown or missing keys, a bad regular expression, an unknown placeholder, an id
    that stands twice.
    """
    entries: list[KnownFailure] = []
    problems: list[Diagnostic] = []
    places: dict[str, str] = {}
    for name, text in texts.items():
        for number, row in enumerate(_rows(name, text, problems), start=1):
            where = f"{name}: entry {number}"
            if isinstance(row, dict) and isinstance(row.get("id"), str):
                where = f"{name}: {quoted(row['id'], 60)}"
            try:
                entry = KnownFailure.model_validate(row)
            except ValidationError as error:
                problems += _explained(where, error)
                continue
            if entry.id in places:
                problems.append(_twice(where, places[entry.id]))
            places[entry.id] = where
            entries.append(entry)
    if problems:
        raise MailprovError(problems, ExitCode.USAGE)
    return tuple(entries)


def _rows(name: str, text: str, problems: list[Diagnostic]) -> list[Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fix = "correct it; `'…'` quotes a regular expression without escapes"
        problems.append(Diagnostic("not TOML", name, str(error), "TOML 1.0", fix))
        return []
    rows = document.pop("entry", [])
    if document or not isinstance(rows, list):
        got = ", ".join(quoted(key, 60) for key in document) or "`entry` is not a list"
        want = "only [[entry]] tables"
        problems.append(
            Diagnostic("not a catalogue", name, got, want, "begin each entry with [[entry]]")
        )
        return []
    return rows


def _explained(where: str, error: ValidationError) -> Iterator[Diagnostic]:
    for details in error.errors(include_url=False):
        loc = [str(step) for step in details["loc"]]
        summary = f"{'.'.join(loc) or 'the entry'}: {_words(details['msg'])}"
        got = want = fix = ""
        if details["type"] == "extra_forbidden":
            known = LineCondition.model_fields if len(loc) > 1 else KnownFailure.model_fields
            summary, want = f"unknown key {quoted(loc[-1], 60)}", f"one of {', '.join(known)}"
            near = difflib.get_close_matches(loc[-1], known, n=1)
            fix = f"write {near[0]}" if near else "remove it"
        elif isinstance(details["input"], str):
            got = quoted(details["input"])
        yield Diagnostic(
            summary, where, got, want, fix or "see docs/reference/diagnosis.md for the format"
        )


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")


def _twice(where: str, first: str) -> Diagnostic:
    return Diagnostic(
        summary="an id is used twice",
        where=where,
        got=f"in {first}",
        want="a different id for each entry",
        fix="give one of the entries another id",
    )

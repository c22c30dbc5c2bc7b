"""One entry of the catalogue: a failure that is known, and how its lines look.

Entries are data (TOML): ours beside this module, an operator's in files of their own
(docs/reference/diagnosis.md). Whoever holds an `KnownFailure` needs no further checks: its
patterns compile, and its texts name nothing that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# What texts may name beside the groups of their own patterns; see `Terms.values`.
SITE_TERMS = frozenset(
    {
        "here",
        "site",
        "trusted",
        "submission_ports",
        "imap_ports",
        "pop3_ports",
        "resolvers",
        "forwarders",
        "certificate",
        "mailboxes",
        "relay",
    }
)
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ID = r"^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+$"


class Severity(StrEnum):
    """How bad it is: something does not work, soon will not, or is everyday life."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


def _compiled(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("wanted: a regular expression")
    try:
        return re.compile(value, re.ASCII)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Pattern = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    program: Pattern = re.compile(".*")
    pattern: Patterns

    def matches(self, program: str, text: str) -> re.Match[str] | None:
        """Return the match of the first pattern that finds something in the text."""
        if not self.program.fullmatch(program):
            return None
        return next((found for one in self.pattern if (found := one.search(text))), None)

    @property
    def groups(self) -> frozenset[str]:
        """The names of all groups of the patterns."""
        return frozenset(name for pattern in self.pattern for name in pattern.groupindex)


class LineCondition(_Data):
    """Another line of the same host's log.

    Groups of the same name have to hold the same text as in the entry's line. within:
    seconds that may lie between the two, in either direction; None: any. select: an
    extended regular expression (grep(1)) that brings such lines from the host where they
    look like no trouble; of lines alike, only the last one comes.
    """

    within: float | None = Field(default=None, gt=0)
    select: str = ""


class KnownFailure(_Data):
    """A known failure, or a line to be silent about (`ignore`).

    id: `theme.detail`. title: one line. cause, fix: with `{group}` and terms of the site.
    by: groups whose values tell one diagnosis from another. also: lines that must be
    there; absent: that must not be. resolved_by: what shows later that it is over.
    beside: the lines stay free for other entries. select: brings lines from the host that
    look like no trouble. source: where the wording is from, if no host of ours logged it.
    """

    id: str = Field(pattern=_ID)
    title: str = ""
    severity: Severity = Severity.ERROR
    cause: str = ""
    fix: str = ""
    by: tuple[str, ...] = ()
    also: tuple[LineCondition, ...] = ()
    absent: tuple[LineCondition, ...] = ()
    resolved_by: tuple[LineCondition, ...] = ()
    ignore: bool = False
    beside: bool = False
    select: str = ""
    source: str = ""

    @property
    def conditions(self) -> tuple[LineCondition, ...]:
        """Every condition, of all three kinds."""
        return (*self.also, *self.absent, *self.resolved_by)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.ignore:
            missing = [name for name in ("title", "cause", "fix") if not getattr(self, name)]
            if missing:
                raise ValueError(f"missing: {', '.join(missing)}")
        if "\n" in self.title:
            raise ValueError("the title has more than one line")
        unknown = [*_unknown_names(self)]
        if unknown:
            known = ", ".join(sorted(self.groups | SITE_TERMS))
            raise ValueError(f"{', '.join(unknown)}: neither a group nor one of: {known}")
        return self

    @model_validator(mode="after")
    def _selects_well(self) -> Self:
        for select in (self.select, *(condition.select for condition in self.conditions)):
            problem = selection_problem(select)
            if problem:
                raise ValueError(f"select {select!r}: {problem}")
        return self


def selection_problem(expression: str) -> str:
    """Return why grep -E and awk on a host may not take an expression; empty if they do.

    They know neither Perl's classes and groups nor, in some releases' awk, repetition counts.
    """
    if not (expression.isascii() and expression.isprintable()):
        return "printable ASCII only"
    if re.search(r"\\[A-Za-z]|\(\?|\{[0-9]|[*+?]\?", expression):
        return r"an extended regular expression knows no \d, \w, \b, (?…), {n} or *?"
    try:
        re.compile(expression)
    except re.error as error:
        return str(error)
    return ""


def _unknown_names(entry: KnownFailure) -> Iterator[str]:
    groups = entry.groups
    for text in (entry.cause, entry.fix):
        for name in PLACEHOLDER.findall(text):
            if name not in groups and name not in SITE_TERMS:
                yield f"{{{name}}}"
    yield from (f"by: {name}" for name in entry.by if name not in groups)

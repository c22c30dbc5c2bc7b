"""What is wrong with a site file, told by key path.

The model does not know lines and columns; whoever read the file turns a path into a
place. Every problem has the four parts of a `Diagnostic`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provisioner.model.values import InvalidValueError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """One mistake, or one warning.

    path: keys and indices from the top of the file. at_key: the mistake is the key at
    the end of the path, not its value.
    """

    path: KeyPath
    summary: str
    got: str
    want: str
    fix: str
    at_key: bool = False

    @classmethod
    def of(cls, path: KeyPath, error: InvalidValueError, got: str) -> SiteProblem:
        """Return the problem that a value type found at a path."""
        shown = got if error.got is None else error.got
        return cls(path, error.summary, shown, error.want, error.fix)


class InvalidSiteError(Exception):
    """A site file whose values are well-formed and do not fit together."""

    def __init__(self, problems: Iterable[SiteProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.summary for problem in self.problems))

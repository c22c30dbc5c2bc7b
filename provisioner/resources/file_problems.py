"""How one file or folder differs from what it should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from io import StringIO
from typing import Protocol

from provisioner.model.rules.secrets import shows_secret
from provisioner.probes.hosts import FileProblem
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import ShardedTable
from provisioner.resources.file_state import FileState, TableFlaw

_HIDDEN = "(a line with a secret, not shown)"


class Owned(Protocol):
    """What has an owner, a group and a mode."""

    @property
    def owner(self) -> str:
        """The owner's name."""

    @property
    def group(self) -> str:
        """The group's name."""

    @property
    def mode(self) -> int:
        """Permission bits."""


class Placed(Owned, Protocol):
    """Likewise, at a path."""

    @property
    def path(self) -> str:
        """Absolute."""


def file_problems(artifact: Artifact, state: FileState | None) -> tuple[FileProblem, ...]:
    """Return every way in which a file differs from its artifact; no content is quoted."""
    if state is None:
        return (FileProblem("missing", "", artifact.path),)
    problems = []
    if isinstance(artifact, ShardedTable):
        if state.table is None:
            problems.append(FileProblem("kind", state.kind, "table"))
    elif not state.is_regular:
        problems.append(FileProblem("kind", state.kind, "regular file"))
    if state.sha256 != artifact.sha256:
        got, want = (state.sha256 or "unreadable")[:12], artifact.sha256[:12]
        problems.append(FileProblem("content", f"sha256 {got}…", f"sha256 {want}…"))
    if state.table and state.table.flaw:
        problems.append(FileProblem(state.table.flaw.value, "", ""))
    return (*problems, *access_problems(artifact, state))


def access_problems(wanted: Placed, state: FileState | None) -> tuple[FileProblem, ...]:
    """Return every way in which owner and mode differ; content is not looked at."""
    if state is None:
        return (FileProblem("missing", "", wanted.path),)
    return ownership_problems(wanted, state)


def ownership_problems(wanted: Owned, state: FileState) -> tuple[FileProblem, ...]:
    """Return every way in which owner and mode of a file that is there differ."""
    pairs = (
        ("owner", state.owner, wanted.owner),
        ("group", state.group, wanted.group),
        ("mode", f"{state.mode:04o}", f"{wanted.mode:04o}"),
    )
    return tuple(FileProblem(aspect, got, want) for aspect, got, want in pairs if got != want)


def in_words(problems: Iterable[FileProblem]) -> str:
    """Return problems as a change's reason."""
    plain = {
        "content": "content differs",
        "missing": "missing",
        TableFlaw.UNFINISHED: "an interrupted change left it unfinished",
        TableFlaw.DERIVED: "its lookup tables were changed",
        TableFlaw.FOREIGN: "its lookup tables have a type of another release",
    }
    return ", ".join(
        plain.get(problem.aspect) or f"{problem.aspect} is {problem.got}, wanted {problem.want}"
        for problem in problems
    )


# The files that all hosts of a site share differ alike on many of them.
@lru_cache(maxsize=32)
def unified_diff(before: bytes, after: bytes, source: str, target: str) -> str:
    """Return the unified diff of two contents under these names, each line ended.

    Of a line with a secret, which somebody wrote on the host, its place alone is shown.
    """
    lines = difflib.unified_diff(_lines(before), _lines(after), source, target)
    shown = (f"{line[0]}{_HIDDEN}\n" if shows_secret(line[1:]) else line for line in lines)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in shown)


def _lines(content: bytes) -> list[str]:
    """Return the lines of a file; nothing but LF ends one there."""
    return list(StringIO(content.decode(errors="replace"), newline="\n"))

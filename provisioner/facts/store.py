"""What came of trying where a host's mail lies."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.probes.store import StoreState
from provisioner.remote.protocol import Section, each, fields

_WORDS = frozenset({"unmounted", "begun", "folder", "finished"})


def parse_store(lines: Iterable[str]) -> StoreState | None:
    """Return what came of trying, from rows of a word, a folder or unit, and what went wrong."""
    rows = list(each(Section.STORE, lines, _row))
    if not rows:
        return None
    return StoreState(
        folders={folder: words for word, folder, words in rows if word == "folder"},
        finished=_count(rows, "begun") == _count(rows, "finished"),
        unmounted=tuple(dict.fromkeys(unit for word, unit, _ in rows if word == "unmounted")),
    )


def _row(line: str) -> tuple[str, str, str]:
    word, subject, words = fields(line, 3)
    if word not in _WORDS:
        raise ValueError(word)
    return word, subject, words


def _count(rows: Iterable[tuple[str, str, str]], wanted: str) -> int:
    return sum(word == wanted for word, _, _ in rows)

"""Where a host's mail lies: what is tried there, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.plan.answer import each, fields
from provisioner.plan.generation import Generation
from provisioner.probes.store import StoreState

HOMES_TRIED = 5
"""System accounts whose homes are tried: each takes processes of its own, and homes share disks."""

_STORE_UNIT = "dovecot"
_WORDS = frozenset({"unmounted", "begun", "folder", "finished"})


def store_rows(generation: Generation) -> Iterator[tuple[str, ...]]:
    """Yield folder, account, Dovecot's unit, and whether the folders in it count too."""
    unit = next((one.running for one in generation.units if one.daemon == _STORE_UNIT), None)
    if unit is None or generation.mail_root is None:
        return
    for folder in generation.directories:
        if folder.path == generation.mail_root:
            yield (folder.path, folder.owner, unit, "within")
    for account in people_tried(generation):
        yield (account[1], account[0], unit, "alone")


def people_tried(generation: Generation) -> tuple[tuple[str, str], ...]:
    """Return name and home of the system accounts whose homes are tried."""
    people = (one for one in generation.accounts if not one.system)
    return tuple((one.name, one.home) for one, _ in zip(people, range(HOMES_TRIED), strict=False))


def parse_store(lines: Iterable[str]) -> StoreState | None:
    """Return what came of trying, from rows of a word, a folder or unit, and what went wrong."""
    rows = list(each("store", lines, _row))
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

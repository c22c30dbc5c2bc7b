"""Whether mail can be stored where people's mail lies.

The prober's own mailbox lies elsewhere, so that its round trip says nothing of that place. A
file is written, brought to the disk and removed in the folder of each domain: as the account
that owns the mail, seen as Dovecot sees it (its service may have mounts of its own).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from provisioner.probes.finding import Finding, Status
from provisioner.remote.protocol import Section, each, fields

_SHOWN = 5
_WORDS = frozenset({"unmounted", "begun", "folder", "finished"})


@dataclass(frozen=True)
class StoreState:
    """What came of trying.

    folders: what went wrong by folder, empty where nothing did. finished: all were tried; a
    file system that hangs keeps the trial from ending. unmounted: mount units (systemd.mount(5))
    of the folder or of one above that are not active.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False
    unmounted: tuple[str, ...] = ()


def judge_store(host: str, place: str, folders: Collection[str], state: StoreState) -> Finding:
    """Judge the place where mail lies.

    place: what a person calls it. folders: those that count, of which some may not be there yet;
    what else lies there is somebody else's.
    """
    problems = [f"{unit} is not mounted" for unit in state.unmounted]
    failing = [
        f"{folder}: {words}"
        for folder, words in state.folders.items()
        if words and folder in folders
    ]
    problems += failing[:_SHOWN]
    if len(failing) > _SHOWN:
        problems.append(f"and {len(failing) - _SHOWN} more folders")
    if not state.finished:
        problems.append("the file system timed out")
    tried = sum(folder in folders for folder in state.folders)
    return Finding(
        id=f"store@{host}",
        host=host,
        question=f"Can mail be stored in {place}?",
        status=Status.FAILED if problems else Status.PASSED,
        got="\n".join(problems) or f"a file was written and removed in {_counted(tried)}",
        want="a file written, synced and removed in each mail folder",
        remedy="mount the file system, free space on it, or give the folder back to the mail "
        "account; until then mail waits in Postfix's queue"
        if problems
        else "",
    )


def _counted(number: int) -> str:
    return f"{number} folder{'' if number == 1 else 's'}"


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

r"""Trees of files written as what they have otherwise than one whole tree.

One text has the differences of all trees, file by file, so that what several trees have
alike stands there once. An entry begins with one of these lines:

    ==== A, B: PATH                    the file is another one in the trees A and B
    ==== only A, B: PATH               the whole tree has no such file
    ==== only A, B: PATH, from OTHER   likewise; it is the whole tree's OTHER, at another place
    ==== not A, B: PATH                the trees A and B have no such file

Hunks follow, as in a unified diff but without line numbers: `@@`, then lines that begin with
` ` (both have it), `-` (the whole tree has it) or `+` (the others have it). A line `\` says
that the line above it ends without a newline. Numbers would change in every tree when one
line is put into a file. Instead a hunk belongs to the first place, below the hunk before it,
where all its old lines stand. It has as many lines around it as that takes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import NamedTuple

Tree = Mapping[str, bytes]

_HEADING = re.compile(r"==== (only |not |)([^:]+): (.+?)(?:, from (.+))?\n")


class _Entry(NamedTuple):
    """What trees have otherwise at one path; `body` is its hunks."""

    kind: str
    path: str
    source: str
    body: str


class DoesNotFitError(Exception):
    """A text is no text of differences, or belongs to another whole tree."""


def differences(whole: Tree, trees: Mapping[str, Tree]) -> str:
    """Return the text that says all that `trees` (by name) have otherwise than `whole`."""
    names: dict[_Entry, list[str]] = {}
    for name, tree in trees.items():
        for entry in _entries(whole, tree):
            names.setdefault(entry, []).append(name)
    return "".join(
        f"==== {entry.kind}{', '.join(names[entry])}: {entry.path}"
        f"{f', from {entry.source}' if entry.source else ''}\n{entry.body}"
        for entry in sorted(names, key=lambda one: (one.path, next(iter(names[one]))))
    )


def tree_of(whole: Tree, text: str, name: str) -> dict[str, bytes]:
    """Return the tree of that name, from the whole tree and the text of all differences.

    DoesNotFitError is raised where the text does not say, to the letter, what to do.
    """
    tree = dict(whole)
    done: set[str] = set()
    for names, entry in _parsed(text):
        if name not in names:
            continue
        source = entry.source or ("" if entry.kind == "only " else entry.path)
        if (
            entry.path in done
            or (entry.path in whole) == (entry.kind == "only ")
            or (source and source not in whole)
        ):
            message = f"no such files, or said twice: {entry.path} {entry.source}"
            raise DoesNotFitError(message)
        done.add(entry.path)
        if entry.kind == "not ":
            del tree[entry.path]
        else:
            old = _lines(whole[source]) if source else []
            tree[entry.path] = "".join(_applied(old, entry)).encode()
    return tree


def _lines(content: bytes) -> list[str]:
    """Return the lines with their ends; only a newline ends a line."""
    return list(io.StringIO(content.decode(), newline="\n"))


def _entries(whole: Tree, tree: Tree) -> Iterator[_Entry]:
    gone = sorted(whole.keys() - tree.keys())
    yield from (_Entry("not ", path, "", "") for path in gone)
    for path, content in tree.items():
        if path in whole:
            if content != whole[path]:
                yield _entry("", path, "", whole[path], content)
            continue
        moved = [one for one in gone if _is_moved(one, path)]
        source = moved[0] if len(moved) == 1 else ""
        yield _entry("only ", path, source, whole[source] if source else b"", content)


def _is_moved(old: str, new: str) -> bool:
    """Say whether two paths (HOST/…) are of one host and end in the same name."""
    olds, news = PurePosixPath(old).parts, PurePosixPath(new).parts
    return (olds[0], olds[-1]) == (news[0], news[-1])


def _entry(kind: str, path: str, source: str, old: bytes, new: bytes) -> _Entry:
    """Return an entry whose hunks have the fewest lines around them that lead to `new`."""
    before, after = _lines(old), _lines(new)
    for around in range(1, len(before) + 2):
        entry = _Entry(kind, path, source, "".join(_hunks(before, after, around)))
        if "".join(_applied(before, entry)).encode() == new:
            return entry
    message = f"{path}: no hunks lead to it"
    raise AssertionError(message)


def _hunks(old: list[str], new: list[str], around: int) -> Iterator[str]:
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(around):
        yield "@@\n"
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                yield from _marked(" ", old[old_start:old_end])
            else:
                yield from _marked("-", old[old_start:old_end])
                yield from _marked("+", new[new_start:new_end])


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    return (mark + line if line.endswith("\n") else f"{mark}{line}\n\\\n" for line in lines)


def _parsed(text: str) -> Iterator[tuple[list[str], _Entry]]:
    parts = re.split(r"^(====.*\n)", text, flags=re.MULTILINE)
    if parts[0]:
        message = f"no heading before {parts[0]!r}"
        raise DoesNotFitError(message)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        match = _HEADING.fullmatch(heading)
        if not match:
            raise DoesNotFitError(heading)
        kind, names, path, source = match.groups(default="")
        yield names.split(", "), _Entry(kind, path, source, body)


def _applied(old: list[str], entry: _Entry) -> Iterator[str]:
    """Yield the lines that the entry's hunks make of the old ones."""
    here = 0
    for hunk in _read(entry):
        wanted = [line for mark, line in hunk if mark in " -"]
        last = len(old) - len(wanted)
        fitting = (at for at in range(here, last + 1) if old[at : at + len(wanted)] == wanted)
        found = next(fitting, None)
        if found is None or bool(wanted) != bool(old):
            message = f"{entry.path} has no such lines: {wanted}"
            raise DoesNotFitError(message)
        yield from old[here:found]
        yield from (line for mark, line in hunk if mark in " +")
        here = found + len(wanted)
    yield from old[here:]


def _read(entry: _Entry) -> Iterable[list[tuple[str, str]]]:
    hunks: list[list[tuple[str, str]]] = []
    for line in _lines(entry.body.encode()):
        mark, rest = line[0], line[1:]
        if line == "@@\n":
            hunks.append([])
        elif hunks and line == "\\\n" and hunks[-1]:
            last, before = hunks[-1].pop()
            hunks[-1].append((last, before.removesuffix("\n")))
        elif hunks and mark in " -+" and line.endswith("\n"):
            hunks[-1].append((mark, rest))
        else:
            message = f"{entry.path}: {line!r}"
            raise DoesNotFitError(message)
    return hunks

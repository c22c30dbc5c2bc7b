"""YAML 1.2 in, with every scalar as text and every value's place.

Built on the event parser alone: no resolver guesses types, and nothing is constructed.
What makes YAML surprising is refused where it stands: duplicate keys, anchors and
aliases, tags, merge keys, further documents, keys that are no texts, keys without a
value, deep nesting. All of these are collected; only a syntax error ends the reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from provisioner.diagnostics import quoted
from provisioner.model.problems import KeyPath
from provisioner.model.scalars import UNSAFE
from provisioner.site.nodes import Mark, YamlList, YamlMap, YamlValue
from provisioner.site.yaml_text import character_name

MAX_DEPTH = 32
Place = tuple[int, int]
"""Line and column, as in a `Mark`; a plain tuple is made in a third of the time."""

_START = (1, 1)
_UNQUOTED_HASH = re.compile(r"[:\-,\[]\s*\{[A-Za-z0-9.-]+\}[^\s,}\]]")
_Loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """What is wrong at a place. path: where in the tree, for values that are then left out."""

    mark: Mark
    path: KeyPath
    summary: str
    got: str
    want: str
    fix: str


@dataclass(slots=True)
class YamlDocument:
    """The tree of a file and what was refused; no tree where the text was no YAML."""

    top: YamlMap | None = None
    problems: list[YamlProblem] = field(default_factory=list)


def read_yaml(text: str) -> YamlDocument:
    """Return the tree of a text; every problem is in the result, none is raised."""
    return _Reader(text).read()


@dataclass(slots=True)
class _Frame:
    """A collection that is still open; `key` waits for its value.

    ignored: the key was refused, its value is read and not kept. is_key: the collection
    itself stands where a key is due, and is not kept either.
    """

    value: YamlMap | YamlList
    place: Place
    key: str | None = None
    key_place: Place = _START
    ignored: bool = False
    is_key: bool = False


class _Stop(Exception):  # noqa: N818 it is no error but the end of the reading
    """Nothing behind this place can be read with sense."""


class _Reader:
    """Turns events into a tree without recursion, so that no depth can break it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._document = YamlDocument()
        self._frames: list[_Frame] = []
        self._documents = 0

    def read(self) -> YamlDocument:
        take: dict[type[Event], Callable[[Any], None]] = {
            ScalarEvent: self._scalar,
            MappingStartEvent: self._open,
            SequenceStartEvent: self._open,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
            AliasEvent: self._alias,
            DocumentStartEvent: self._start_document,
            StreamEndEvent: self._end,
        }
        try:
            for event in self._events():
                if handler := take.get(type(event)):
                    handler(event)
        except _Stop:
            self._document.top = None
        return self._document

    def _events(self) -> Iterator[Event]:
        try:
            # As yaml.parse() does, with half the calls.
            next_event = _Loader(self._text).get_event
            while (event := next_event()) is not None:
                yield event
        except yaml.MarkedYAMLError as error:
            where = error.problem_mark or error.context_mark
            mark = Mark(where.line + 1, where.column + 1) if where else Mark(1, 1)
            self._refuse_syntax(mark, error.problem or error.context or "not YAML")
        except (yaml.YAMLError, ValueError) as error:
            self._refuse_syntax(Mark(1, 1), str(error).partition("\n")[0])

    def _alias(self, event: AliasEvent) -> None:
        place = _place(event)
        # The name may be a password that starts with * and stands without quotes.
        self._refuse(place, "an alias", "*…", "the value itself", "write it out, or quote it")
        self._put(None, place)

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            place = _place(event)
            self._refuse(place, "a second document", "---", "one document", "remove it")
            raise _Stop

    def _end(self, _: StreamEndEvent) -> None:
        if self._document.top is None:
            if not self._document.problems:
                self._refuse(_START, "the file is empty", "no keys", _WANT_TOP, _FIX_TOP)
            raise _Stop

    def _scalar(self, event: ScalarEvent) -> None:
        place, text = _place(event), event.value
        if event.anchor is not None or event.tag is not None:
            self._refuse_marked(event, place)
        if not text.isprintable() and (found := UNSAFE.search(text)):
            self._refuse(
                place,
                "a control or bidirectional character in a text",
                character_name(found[0]),
                "printable characters on one line",
                "remove the character",
            )
            # Only the place is kept, for messages about what is around it.
            text = UNSAFE.sub("\ufffd", text)
        plain = event.implicit[0]
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is None and isinstance(frame.value, YamlMap):
            self._key(frame, frame.value, text, place, plain=plain)
        elif text or not plain:
            self._put(text, place)
        else:
            self._refuse_empty(frame, place)
            self._put(None, place)

    def _refuse_empty(self, frame: _Frame | None, place: Place) -> None:
        if frame is not None and not frame.ignored:
            self._refuse(
                place,
                "a key without a value" if isinstance(frame.value, YamlMap) else "an empty element",
                "nothing",
                "a value",
                'write a value, or remove the line (an empty text is written "")',
            )

    def _key(self, frame: _Frame, value: YamlMap, text: str, place: Place, *, plain: bool) -> None:
        frame.ignored = True
        frame.key, frame.key_place = text, place
        if text == "<<" and plain:
            self._refuse(place, "a merge key", "<<", "the keys themselves", "write them out")
        elif text == "":
            self._refuse(place, "an empty key", "nothing", "a key", "write the key")
        elif text in value:
            first = value.key_mark(text)
            self._refuse(
                place,
                "a key given twice",
                f"{_shown_key(text, self._path())}, first at line {first.line}",
                "each key once",
                "remove one of the two, or merge them",
            )
        else:
            frame.ignored = False

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        place = _place(event)
        if event.anchor is not None or event.tag is not None:
            self._refuse_marked(event, place)
        if len(self._frames) >= MAX_DEPTH:
            got = f"more than {MAX_DEPTH} levels"
            self._refuse(place, "nesting too deep", got, f"at most {MAX_DEPTH}", "flatten it")
            raise _Stop
        parent = self._frames[-1] if self._frames else None
        is_key = False
        if parent is not None and parent.key is None and isinstance(parent.value, YamlMap):
            self._refuse(place, "a key that is not a text", "a map or list", "a text", _FIX_KEY)
            is_key = True
        is_map = isinstance(event, MappingStartEvent)
        if parent is None and not is_map:
            self._refuse(place, "the file is a list", "a list", _WANT_TOP, _FIX_TOP)
            raise _Stop
        self._frames.append(_Frame(YamlMap() if is_map else YamlList(), place, is_key=is_key))

    def _close(self, _: MappingEndEvent | SequenceEndEvent) -> None:
        frame = self._frames.pop()
        if frame.is_key:
            self._frames[-1].key, self._frames[-1].ignored = "", True
        elif not self._frames:
            assert isinstance(frame.value, YamlMap)  # noqa: S101 _open lets no other be the top
            self._document.top = frame.value
        else:
            self._put(frame.value, frame.place)

    def _put(self, value: YamlValue, place: Place) -> None:
        """Give a value to the collection that is open, or refuse it as the whole file."""
        if not self._frames:
            self._refuse(place, "the file is not a map", "a single text", _WANT_TOP, _FIX_TOP)
            raise _Stop
        frame = self._frames[-1]
        if isinstance(frame.value, YamlList):
            frame.value.put(value, place)
            return
        if frame.key is None:  # an alias where a key is due
            frame.key, frame.key_place, frame.ignored = "", place, True
            return
        if not frame.ignored:
            frame.value.put(frame.key, frame.key_place, value, place)
        frame.key, frame.ignored = None, False

    def _refuse_marked(
        self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, place: Place
    ) -> None:
        fix = "remove it, or quote the text"
        if event.anchor is not None:
            self._refuse(place, "an anchor", "&…", "the value alone", fix)
        if event.tag is not None:
            self._refuse(place, "a tag", "!…", "the value alone", fix)

    def _path(self) -> KeyPath:
        path: list[str | int] = []
        for frame in self._frames:
            if isinstance(frame.value, YamlList):
                path.append(len(frame.value))
            elif frame.key is not None:
                path.append(frame.key)
        return tuple(path)

    def _refuse(self, place: Place, summary: str, got: str, want: str, fix: str) -> None:
        path = self._path()
        self._document.problems.append(YamlProblem(Mark(*place), path, summary, got, want, fix))
        if len(self._document.problems) >= _MOST:
            raise _Stop

    def _refuse_syntax(self, mark: Mark, problem: str) -> None:
        lines = self._text.splitlines()
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        character = line[mark.column - 1 : mark.column]
        got = "the end of the line or file" if not character else quoted(character)
        if _UNQUOTED_HASH.search(line):
            summary, want = "a hash without quotes", 'a quoted text: "{SCHEME}…"'
            fix = "put the whole value in double quotes"
            # What the parser made of the braces is a consequence.
            problems = self._document.problems
            problems[:] = [problem for problem in problems if problem.mark.line != mark.line]
        elif line[: mark.column].endswith("\t") or line.startswith("\t"):
            summary, got = "a tab in the indentation", "a tab"
            want, fix = "spaces", "replace the tabs with spaces"
        elif "':'" in problem and len(line) > _KEY_LENGTH:
            # YAML 1.2 section 7.4: so that a parser need not look ahead without end.
            summary, got = "a key that is too long", f"a line of {len(line)} characters"
            want, fix = f"keys of at most {_KEY_LENGTH} characters", "shorten the key"
        else:
            summary, want = f"not valid YAML: {problem}", "keys and values as in the README"
            fix = "check indentation, the blank after each colon, and quotes around special signs"
        self._refuse(mark, summary, got, want, fix)
        raise _Stop


_MOST = 1000
_KEY_LENGTH = 1024
_WANT_TOP = "a map of keys: domain, hosts, users"
_FIX_TOP = "begin with `domain: example.org`"
_FIX_KEY = "write a plain key, or quote it"


def _place(event: Event) -> Place:
    start = event.start_mark
    assert start is not None  # noqa: S101 the parser's events all have one
    return start.line + 1, start.column + 1


def _shown_key(key: str, path: KeyPath) -> str:
    return "a key" if "password" in path[:-1] else quoted(key)

"""Where a piece of YAML text begins and ends, and how to put another in its place.

Everything outside the piece stays as it was, byte for byte: comments, alignment,
quoting, line ends. PyYAML's node marks say where a value begins, and where a scalar or
a flow collection ends; a block collection ends where its last value does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import yaml

from provisioner.model.values import InvalidValueError

_BREAK = re.compile(r"\r\n|\n|\r")
_PULLED_UP = re.compile(r":[ ]*(\r\n|\n|\r)[ ]*")
_Loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader


class Splice(NamedTuple):
    """Put text in the place of what stands from start up to end (character offsets)."""

    start: int
    end: int
    text: str


class MapEntry(NamedTuple):
    """A key of a map and its value."""

    key: yaml.ScalarNode
    value: yaml.Node


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """Return the text with the splices carried out; they must not overlap."""
    pieces: list[str] = []
    done = 0
    for splice in sorted(splices):
        pieces += [text[done : splice.start], splice.text]
        done = splice.end
    return "".join([*pieces, text[done:]])


def compose_map(text: str) -> yaml.MappingNode:
    """Return the nodes of a text whose top is known to be a map."""
    top = yaml.compose(text, Loader=_Loader)
    assert isinstance(top, yaml.MappingNode)  # noqa: S101 the caller has read the text before
    return top


def entry_of(node: yaml.Node, key: str) -> MapEntry | None:
    """Return the entry of a map that has a key; None where there is none, or no map."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return MapEntry(name, value)
    return None


class Lines:
    """The lines of a text, by character offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = _BREAK.search(text)
        self.line_break = found[0] if found else "\n"

    def start_of(self, place: int) -> int:
        """Return where the line of a place begins."""
        return max(self.text.rfind("\n", 0, place), self.text.rfind("\r", 0, place)) + 1

    def end_of(self, place: int) -> int:
        """Return where the line of a place ends, its line break left out."""
        found = _BREAK.search(self.text, place)
        return found.start() if found else len(self.text)

    def after(self, place: int) -> int:
        """Return where the line behind the line of a place begins."""
        found = _BREAK.search(self.text, place)
        return found.end() if found else len(self.text)

    def before(self, place: int) -> str:
        """Return what stands before a place on its line."""
        return self.text[self.start_of(place) : place]

    def rest(self, place: int) -> str:
        """Return what stands behind a place on its line."""
        return self.text[place : self.end_of(place)]

    def value_end(self, node: yaml.Node) -> int:
        """Return where the last character of a node's text ends."""
        while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            node = last[1] if isinstance(node, yaml.MappingNode) else last
        end: int = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
            end = len(self.text[:end].rstrip())
        return end


def replace_value(lines: Lines, entry: MapEntry, written: str) -> Splice:
    """Return the splice that gives a key another value, on the line of the key if it can."""
    start, end = entry.value.start_mark.index, lines.value_end(entry.value)
    behind_key = entry.key.end_mark.index
    if _PULLED_UP.fullmatch(lines.text[behind_key:start]):
        return Splice(behind_key, end, f": {written}")
    return Splice(start, end, written)


def insert_entry(lines: Lines, node: yaml.MappingNode, written: str) -> list[Splice]:
    """Return the splices that put an entry behind the last one of a map that has some.

    written: `key: value`; in a block map it may have further lines, indented as they
    have to be.
    """
    if node.flow_style:
        return _insert_in_flow(lines, node, written)
    column = node.start_mark.column
    place = lines.end_of(lines.value_end(node))
    # A comment that is indented deeper than the keys belongs to the last of them, behind
    # blank lines as well.
    ahead = place
    while ahead < len(lines.text):
        following = lines.rest(lines.after(ahead))
        bare = following.lstrip(" ")
        ahead = lines.end_of(lines.after(ahead))
        if not bare.strip():
            continue
        if not bare.startswith("#") or len(following) - len(bare) <= column:
            break
        place = ahead
    return [Splice(place, place, f"{lines.line_break}{' ' * column}{written}")]


def _insert_in_flow(lines: Lines, node: yaml.MappingNode, written: str) -> list[Splice]:
    last = MapEntry(*node.value[-1])
    end = lines.value_end(last.value)
    comma = _comma_behind(lines.text, end)
    indent = lines.before(last.key.start_mark.index)
    if indent.strip():  # entries stand beside each other
        place = end if comma is None else comma + 1
        return [Splice(place, place, f", {written}" if comma is None else f" {written},")]
    own_line = f"{lines.line_break}{indent}{written}"
    place = end if comma is None else comma + 1
    rest = lines.rest(place).strip()
    behind = place if rest and not rest.startswith("#") else lines.end_of(place)
    if comma is not None:
        return [Splice(behind, behind, f"{own_line},")]
    if behind == end:
        return [Splice(end, end, f",{own_line}")]
    return [Splice(end, end, ","), Splice(behind, behind, own_line)]


def remove_entry(lines: Lines, node: yaml.MappingNode, entry: MapEntry) -> list[Splice]:
    """Return the splices that take an entry out of a map that has others.

    Its lines go, with the comments on them; comments on lines of their own stay. Raises
    InvalidValueError where an entry is written in a way that has no lines of its own.
    """
    start, end = entry.key.start_mark.index, lines.value_end(entry.value)
    if node.flow_style:
        return _remove_from_flow(lines, entry)
    before, rest = lines.before(start), lines.rest(end).strip()
    if before.strip() not in {"", "?"} or (rest and not rest.startswith("#")):
        raise InvalidValueError(
            "mailprov cannot separate the user's text from the text around it",
            got=f"{before.strip()} before it, {rest or 'nothing'} after it",
            want="lines of its own",
            fix="remove the user with an editor",
        )
    return [_whole_lines(lines, start, end)]


def _whole_lines(lines: Lines, start: int, end: int) -> Splice:
    first, behind = lines.start_of(start), lines.after(end)
    if behind == lines.end_of(end) and first:  # the last line has no line break: keep it so
        first -= 2 if lines.text.endswith("\r\n", 0, first) else 1
    return Splice(first, behind, "")


def _remove_from_flow(lines: Lines, entry: MapEntry) -> list[Splice]:
    text = lines.text
    start, end = entry.key.start_mark.index, lines.value_end(entry.value)
    comma = _comma_behind(text, end)
    if comma is not None and _BREAK.search(text, end, comma):
        # The comma leads a later line, which keeps the entry behind it.
        return [Splice(start, end, ""), Splice(comma, comma + 1, "")]
    behind = end if comma is None else comma + 1
    rest = lines.rest(behind).strip()
    alone = not lines.before(start).strip() and (not rest or rest.startswith("#"))
    if alone:  # a comma behind the entry before it may stay
        return [_whole_lines(lines, start, behind)]
    if comma is not None:
        while text[behind : behind + 1] == " ":
            behind += 1
        return [Splice(start, behind, "")]
    ahead = text[:start].rstrip(" ")
    first = len(ahead) - 1 if ahead.endswith(",") else start
    return [Splice(first, end, "")]


def _comma_behind(text: str, place: int) -> int | None:
    """Return where the comma behind a value of a flow collection is, None if there is none."""
    while place < len(text):
        character = text[place]
        if character == ",":
            return place
        if character == "#":
            found = _BREAK.search(text, place)
            place = found.end() if found else len(text)
        elif character.isspace():
            place += 1
        else:
            return None
    return None

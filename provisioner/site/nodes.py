"""YAML values that remember where they stood.

A map is a dict and a sequence is a list, so that pydantic reads them as they are; the
places lie beside the values. A scalar is a plain `str`, and its place is kept by what
holds it, as numbers in one array: a hundred thousand users cost no object each for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

YamlValue: TypeAlias = "str | YamlMap | YamlList | None"


class Mark(NamedTuple):
    """A place in the file; both numbers count from 1."""

    line: int
    column: int


class YamlMap(dict[str, YamlValue]):
    """A map that knows the places of its keys and values.

    Keys are put in once and never taken out, so that a key's position in the map is
    where its numbers are.
    """

    __slots__ = ("_numbers", "_positions")

    def __init__(self) -> None:
        super().__init__()
        # Line and column of the key, line and column of the value; and so on.
        self._numbers = array("I")
        self._positions: dict[str, int] = {}

    def put(self, key: str, at: tuple[int, int], value: YamlValue, where: tuple[int, int]) -> None:
        """Add a key that is not there yet, the place it stands at, its value and that place."""
        self[key] = value
        self._numbers.extend(at + where)

    def key_mark(self, key: str) -> Mark:
        """Return the place of a key that is there."""
        start = 4 * self._position(key)
        return Mark(self._numbers[start], self._numbers[start + 1])

    def value_mark(self, key: str) -> Mark:
        """Return the place of the value of a key that is there."""
        start = 4 * self._position(key) + 2
        return Mark(self._numbers[start], self._numbers[start + 1])

    def _position(self, key: str) -> int:
        # Only who has something to complain of asks for a place.
        if key not in self._positions:
            self._positions = {known: position for position, known in enumerate(self)}
        return self._positions[key]


class YamlList(list[YamlValue]):
    """A sequence that knows the places of its elements."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        super().__init__()
        self._numbers = array("I")

    def put(self, value: YamlValue, where: tuple[int, int]) -> None:
        """Add an element and its place."""
        self.append(value)
        self._numbers.extend(where)

    def mark(self, index: int) -> Mark:
        """Return the place of an element."""
        return Mark(self._numbers[2 * index], self._numbers[2 * index + 1])


class Spot(NamedTuple):
    """What a key path leads to: its place, the steps that were there, and the value."""

    mark: Mark
    path: tuple[str | int, ...]
    value: YamlValue


def find_spot(top: YamlMap, path: Iterable[str | int], *, at_key: bool = False) -> Spot:
    """Return where a key path leads, as far as the file goes along with it.

    Steps that are not in the file are skipped (pydantic names branches of unions and
    elements of short forms there). at_key: the place of the last key, not its value's.
    """
    spot = Spot(Mark(1, 1), (), top)
    for step in path:
        value = spot.value
        if isinstance(value, YamlMap) and step in value:
            key = str(step)
            mark = value.key_mark(key) if at_key else value.value_mark(key)
            spot = Spot(mark, (*spot.path, step), value[key])
        elif isinstance(value, YamlList) and isinstance(step, int) and step < len(value):
            spot = Spot(value.mark(step), (*spot.path, step), value[step])
    return spot

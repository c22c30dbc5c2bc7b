"""YAML values that remember where they stood.

A map is a dict and a sequence is a list, so that pydantic reads them as they are; the
places lie beside the values. A scalar is a plain `str`, and its place is kept by what
holds it: 100,000 users cost three tuples each and no further objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

YamlValue: TypeAlias = "str | YamlMap | YamlList | None"


class Mark(NamedTuple):
    """A place in the file; both numbers count from 1."""

    line: int
    column: int


class YamlMap(dict[str, YamlValue]):
    """A map; `marks` holds, for every key, the place of the key and of its value."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[str, tuple[Mark, Mark]] = {}


class YamlList(list[YamlValue]):
    """A sequence; `marks` holds the place of every element."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[Mark] = []


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
        if isinstance(value, YamlMap) and step in value.marks:
            key = str(step)
            spot = Spot(value.marks[key][0 if at_key else 1], (*spot.path, step), value[key])
        elif isinstance(value, YamlList) and isinstance(step, int) and step < len(value):
            spot = Spot(value.marks[step], (*spot.path, step), value[step])
    return spot

"""Where keys, values and elements stood, at a cost that does not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.site.nodes import Mark, YamlMap, find_spot
from provisioner.site.yaml_reader import read_yaml


class CountedMap(YamlMap):
    """A map that counts how often somebody goes through all of it."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        self.walks += 1
        return super().__iter__()


def test_every_value_has_its_place() -> None:
    top = read_yaml("a: x\nb: {c: [d, e], f: {}}\ng:\n  - h: i\n").top
    assert top is not None
    got = {
        path: find_spot(top, path).mark
        for path in (("a",), ("b",), ("b", "c"), ("b", "c", 1), ("b", "f"), ("g", 0), ("g", 0, "h"))
    }
    assert got == {
        ("a",): Mark(1, 4),
        ("b",): Mark(2, 4),
        ("b", "c"): Mark(2, 8),
        ("b", "c", 1): Mark(2, 12),
        ("b", "f"): Mark(2, 19),
        ("g", 0): Mark(4, 5),
        ("g", 0, "h"): Mark(4, 8),
    }
    assert find_spot(top, ("b", "f"), at_key=True).mark == Mark(2, 16)


def test_the_place_of_a_key_that_came_later_is_found_as_well() -> None:
    users = YamlMap()
    users.put("a", (1, 1), "x", (1, 4))
    assert users.value_mark("a") == Mark(1, 4)
    users.put("b", (2, 1), "y", (2, 4))
    assert (users.key_mark("b"), users.value_mark("b")) == (Mark(2, 1), Mark(2, 4))


def test_a_thousand_places_are_found_in_one_walk_through_the_map() -> None:
    users = CountedMap()
    for number in range(1000):
        users.put(f"user{number}", (number + 1, 3), "x", (number + 1, 20))
    got = [users.key_mark(f"user{number}").line for number in range(1000)]
    assert got == list(range(1, 1001))
    assert users.walks == 1

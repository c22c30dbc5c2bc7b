"""The rendered trees are the stored ones; `make golden` stores today's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest
from golden.rewrite import (
    PLATFORMS,
    SITES,
    golden_differences,
    golden_tree,
    rendered_differences,
    rendered_tree,
)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", SITES)
def test_every_file_is_as_the_golden_tree_has_it(name: str, platform: str) -> None:
    got, want = rendered_tree(name, platform), golden_tree(name, platform)
    difference = "".join(_differences(got, want))
    assert not difference, f"{difference}\n(if this is meant: make golden)"


@pytest.mark.parametrize("name", SITES)
def test_the_stored_differences_are_those_that_make_golden_writes(name: str) -> None:
    """No entry is left of a file or a platform that is gone."""
    assert golden_differences(name) == rendered_differences(name)


def _differences(got: dict[str, bytes], want: dict[str, bytes]) -> Iterator[str]:
    for path in sorted(got.keys() | want.keys()):
        old = want.get(path, b"").decode().splitlines(keepends=True)
        new = got.get(path, b"").decode().splitlines(keepends=True)
        yield from difflib.unified_diff(old, new, f"golden/{path}", f"rendered/{path}")

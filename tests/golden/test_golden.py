"""The rendered trees are the stored ones; `make golden` stores today's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest
from golden.rewrite import PLATFORMS, SITES, golden_tree, rendered_tree


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", SITES)
def test_every_file_is_as_the_golden_tree_has_it(name: str, platform: str) -> None:
    got, want = rendered_tree(name, platform), golden_tree(name, platform)
    difference = "".join(_differences(got, want))
    assert not difference, f"{difference}\n(if this is meant: make golden)"


def _differences(got: dict[str, bytes], want: dict[str, bytes]) -> Iterator[str]:
    for path in sorted(got.keys() | want.keys()):
        old = want.get(path, b"").decode().splitlines(keepends=True)
        new = got.get(path, b"").decode().splitlines(keepends=True)
        yield from difflib.unified_diff(old, new, f"golden/{path}", f"rendered/{path}")

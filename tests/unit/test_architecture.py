"""The page on the architecture shows the code as it is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"


def test_the_picture_is_that_of_the_contracts_and_the_rooms() -> None:
    drawn = runpy.run_path(str(ROOT / "tools/draw_architecture.py"))["drawn_page"]
    page = PAGE.read_text()
    assert drawn(page) == page, "make golden"


def test_the_picture_has_every_folder_of_the_package() -> None:
    page = PAGE.read_text()
    folders = [path.parent.name for path in (ROOT / "provisioner").glob("*/__init__.py")]
    assert [folder for folder in folders if f"{folder}[" not in page] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_each_place_that_is_named_is_there(page: str) -> None:
    named = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.[a-z]+)?)`", (ROOT / page).read_text())
    roots = (ROOT, ROOT / "provisioner")
    assert len(named) > 10
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []

"""Kinds of resources are found by looking, and nothing else names one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from support.generations import GENERATION

from provisioner import resources
from provisioner.resources.change import Action, Change
from provisioner.resources.registry import kind_of, kinds

FOLDER = Path(resources.__file__).parent
FRAMES = ("diff", "transaction", "manifest", "listing")


def test_every_module_with_a_kind_is_found_in_the_order_of_turns() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py") if "\nKIND = " in path.read_text()}
    assert {kind.name for kind in kinds()} == modules
    turns = [kind.turn for kind in kinds()]
    assert turns == sorted(turns)
    assert len(modules) == 8


def test_a_change_belongs_to_the_kind_that_has_its_word() -> None:
    words = {word: Change(word, "x", Action.REMOVE, "") for kind in kinds() for word in kind.words}
    owners = {word: kind_of(change, GENERATION).name for word, change in words.items()}
    assert owners == {
        "package": "package",
        "group": "group",
        "account": "account",
        "password": "account",
        "directory": "folder",
        "secret": "recipe",
        "file": "file",
        "unit": "unit",
    }


def test_a_change_of_nobodys_is_an_error() -> None:
    with pytest.raises(LookupError, match="planet x"):
        kind_of(Change("planet", "x", Action.CREATE, ""), GENERATION)


@pytest.mark.parametrize("made", ["object()", "OneOfAnotherName()"])
def test_a_module_whose_kind_is_not_its_own_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    text = f"""\
from provisioner.resources.kind import ResourceKind
class OneOfAnotherName(ResourceKind):
    name = "sun"
KIND = {made}
"""
    tmp_path.joinpath("moon.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(resources, "__path__", [*resources.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "provisioner.resources.moon", raising=False)
    kinds.cache_clear()
    try:
        with pytest.raises(TypeError, match=r"provisioner\.resources\.moon\.KIND"):
            kinds()
    finally:
        kinds.cache_clear()
        sys.modules.pop("provisioner.resources.moon", None)


@pytest.mark.parametrize("module", FRAMES)
def test_the_frame_asks_no_change_for_its_kind(module: str) -> None:
    """The order and the frame serve every kind, so that a new one is a module and no more."""
    text = (FOLDER.parent / f"plan/{module}.py").read_text()
    words = "|".join(word for kind in kinds() for word in kind.words)
    assert re.findall(rf"kind (?:==|!=|in|is) [^\n]*[\"'](?:{words})[\"']", text) == []

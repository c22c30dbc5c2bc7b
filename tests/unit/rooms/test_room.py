"""A room has the parts that lie in its folder, and nothing where one is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import daemons
from provisioner.model.reading import HatchRules
from provisioner.rooms.room import Behaviour, Room

NAME = "testd"
BEHAVIOUR = """
from provisioner.rooms.room import Behaviour
class Its(Behaviour): ...
BEHAVIOUR = Its()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a room among the others, empty."""
    place = tmp_path / NAME
    place.mkdir()
    (place / "__init__.py").touch()
    monkeypatch.setattr(daemons, "__path__", [*daemons.__path__, str(tmp_path)])
    yield place
    for name in [one for one in sys.modules if one.startswith(f"{daemons.__name__}.{NAME}")]:
        del sys.modules[name]
    vars(daemons).pop(NAME, None)


def room() -> Room:
    return Room(NAME, "Test daemon", roles=frozenset())


@pytest.mark.usefixtures("folder")
def test_a_room_without_parts_needs_nothing_and_says_nothing() -> None:
    bare = room()
    assert type(bare.behaviour) is Behaviour
    assert bare.rules == HatchRules()
    assert bare.log is None


def test_a_part_is_found_by_its_module(folder: Path) -> None:
    (folder / "behaviour.py").write_text(BEHAVIOUR)
    assert type(room().behaviour).__name__ == "Its"


def test_a_part_of_another_kind_is_a_mistake_that_is_named(folder: Path) -> None:
    (folder / "behaviour.py").write_text("BEHAVIOUR = 1\n")
    with pytest.raises(TypeError, match=rf"{NAME}\.behaviour\.BEHAVIOUR is no Behaviour"):
        _ = room().behaviour


def test_a_part_that_imports_what_is_not_there_is_not_taken_for_missing(folder: Path) -> None:
    (folder / "log.py").write_text("import there_is_no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        _ = room().log

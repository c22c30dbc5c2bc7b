"""No module outside its room names a daemon, so that a new one is a new folder and nothing else.

Names in code are counted: identifiers, and texts that are one word, such as keys and paths. What
a person reads in a sentence, a remedy say, may name a program. Comments and docstrings may, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.rooms.registry import rooms

PACKAGE = Path(__file__).parents[2] / "provisioner"
NAMES = re.compile("|".join(room.name for room in rooms()), re.IGNORECASE)
# The keys of the site file are named after the daemons whose words they take (the contract with
# everybody who has written one), and so are the fields that they become.
SECTIONS = "sections of the site file"
ALLOWED = {
    "model/daemon_secrets.py": SECTIONS,
    "model/file/hatches.py": SECTIONS,
    "model/resolve.py": SECTIONS,
    "model/site.py": SECTIONS,
    "model/site_file.py": SECTIONS,
    "diagnosis/terms.py": SECTIONS,
    "lab/tree_recipes.py": "what a lab's hosts have installed, and how EL's layout is made",
}


def _modules() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("daemons/"):
            yield name


def _words(tree: ast.AST) -> Iterator[str]:
    documented = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # docstrings, and those of constants
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documented:
                if len(text.split()) == 1:
                    yield text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                yield text
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text) | ast.alias(name=text):
                yield text


@pytest.mark.parametrize("module", tuple(_modules()))
def test_a_module_outside_the_rooms_names_no_daemon(module: str) -> None:
    tree = ast.parse((PACKAGE / module).read_text())
    named = sorted({word for word in _words(tree) if NAMES.search(word)})
    assert bool(named) == (module in ALLOWED), named


def test_every_room_is_found_by_its_folder() -> None:
    folders = {path.parent.name for path in (PACKAGE / "daemons").glob("*/spec.py")}
    assert {room.name for room in rooms()} == folders

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


# Where modules of one idea were counted: each under SMALL lines says why it stands alone.
SMALL = 60
COUNTED = ("cli", "clients", "diagnosis", "facts", "lab", "probes", "site", "transport")
ALONE = {
    "cli/change_options.py": "loads the verbs that change hosts, which options.py must not",
    "cli/several_sites.py": "the form of a command's result, whatever its verb",
    "lab/failures.py": "what every module of the lab imports, and what imports none of them",
    "lab/layout.py": "one layout of another system; the trees know nothing of its folder",
    "lab/places.py": "the folders and locks that most modules of the lab share",
    "lab/programs.py": "how every module of the lab runs a program",
    "probes/line.py": "a question of its own, for rooms whose daemon answers a line",
    "probes/record_spelling.py": "loads dnspython, which is slow, once there is need",
    "probes/site_findings.py": "the findings that need no question and no host",
    "site/catalogue_files.py": "the files of diagnosis/, which itself reads none",
    "site/weak_passwords.py": "a judgement that secrets and new passwords share",
    "transport/failures.py": "what both transports import, and what imports neither",
    "transport/opening.py": "decides what is loaded for a connection",
    "transport/options.py": "what both transports import, and what imports neither",
    "transport/retention.py": "bounds for any stream, tested without a program",
}


def test_a_small_module_has_a_reason_to_stand_alone() -> None:
    package = ROOT / "provisioner"
    small = {
        path.relative_to(package).as_posix()
        for folder in COUNTED
        for path in (package / folder).rglob("*.py")
        if path.name != "__init__.py"
        and not path.name.endswith("_verb.py")  # one module a verb of the command line
        and len(path.read_text().splitlines()) < SMALL
    }
    assert small - ALONE.keys() == set()
    assert [name for name in ALONE if not (package / name).exists()] == []

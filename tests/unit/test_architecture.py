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


# A module under SMALL lines says why it stands alone. A room has small files by its plan.
SMALL = 60
ALONE = {
    "cli/change_options.py": "loads the verbs that change hosts, which options.py must not",
    "cli/several_sites.py": "the form of a command's result, whatever its verb",
    "lab/failures.py": "what every module of the lab imports, and what imports none of them",
    "lab/layout.py": "one layout of another system; the trees know nothing of its folder",
    "lab/places.py": "the folders and locks that most modules of the lab share",
    "lab/programs.py": "how every module of the lab runs a program",
    "model/durations.py": "a value type with a grammar of its own",
    "model/exposure.py": "what rooms and the reading of a file share; neither may import the other",
    "model/file/relay.py": "one module a section of the site file",
    "model/logins.py": "the names of accounts, which rules and hosts share",
    "model/mailboxes.py": "the places of mailboxes, which files, accounts and messages share",
    "model/once.py": "a mechanism, of no part of the site",
    "model/prober.py": "the one account that is no user's",
    "model/problems.py": "what every rule imports, and what imports none of them",
    "model/schema.py": "loads what editors need, and no site does",
    "plan/comparison.py": "what `verify` compares, which no plan does",
    "plan/fixed_files.py": "one obstacle, with its message",
    "plan/held_mail.py": "messages about mail that waits, for several verbs",
    "plan/listing.py": "a view of a generation, beside its record and its plan",
    "plan/phases.py": "the order of transactions, beside the phases of a site",
    "plan/unix_sockets.py": "asked for by the manifest and judged by the condition",
    "probes/line.py": "a question of its own, for rooms whose daemon answers a line",
    "probes/record_spelling.py": "loads dnspython, which is slow, once there is need",
    "probes/site_findings.py": "the findings that need no question and no host",
    "render/nature.py": "what compilers and rooms share, without a template",
    "render/resolver_view.py": "one view a module",
    "render/spelling.py": "loads idna, once there is need",
    "resources/registry.py": "finds the kinds, which may not import it",
    "rooms/addresses.py": "a small language that several rooms read",
    "rooms/host_tree.py": "puts the rooms' files together",
    "site/catalogue_files.py": "the files of diagnosis/, which itself reads none",
    "site/weak_passwords.py": "a judgement that secrets and new passwords share",
    "transport/failures.py": "what both transports import, and what imports neither",
    "transport/opening.py": "decides what is loaded for a connection",
    "transport/options.py": "what both transports import, and what imports neither",
    "transport/retention.py": "bounds for any stream, tested without a program",
    "verbs/diagnose.py": "one module a verb",
    "verbs/history.py": "one module a verb",
    "verbs/interruption.py": "Ctrl-C, for each verb that changes hosts",
    "verbs/machines.py": "which machine is which host, for each run",
    "verbs/status.py": "one module a verb",
    "verbs/way_out.py": "one question, put by two verbs",
}


def test_a_small_module_has_a_reason_to_stand_alone() -> None:
    package = ROOT / "provisioner"
    small = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
        and not path.name.endswith("_verb.py")  # one module a verb of the command line
        and not path.is_relative_to(package / "daemons")
        and len(path.read_text().splitlines()) < SMALL
    }
    assert small - ALONE.keys() == set()
    assert [name for name in ALONE if not (package / name).exists()] == []

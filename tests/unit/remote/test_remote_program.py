"""The remote program as a reader of shell sees it, and as it goes over the wire."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from support.remote_parts import CORE, ROOMS, SHELL, text_of

from provisioner.remote import program
from provisioner.remote.program import remote_programs
from provisioner.render.directory_table import TABLE_PATH

PARTS = {
    "observe": (
        *("prelude", "checks", *ROOMS, *program.STATE),
        *(
            "versions",
            "tables",
            "table_rows",
            "manifest",
            "listening",
            "status",
            "daemons",
            "resources",
            "surroundings",
            "mail_server",
            "observe",
        ),
    ),
    "settle": ("prelude", *program.PENDING, "state", "settle"),
    "recover": ("prelude", *program.PENDING, "recover"),
    "packages": ("prelude", *program.STATE, "found", "policy", "packages"),
    "log": ("prelude", "checks", *ROOMS, "log"),
    "way_out": ("prelude", "way_out"),
    "delete_mail": ("prelude", *program.STATE, "tables", "lock", "delete_mail"),
    "recall": ("prelude", *program.STATE, "tables", "directory", "recall"),
    "restore": (
        "prelude",
        *program.PENDING,
        "state",
        "table_rows",
        "table_build",
        "table_change",
        "lock",
        "found",
        "restore",
    ),
    "destroy": ("prelude", *program.PENDING, "state", "lock", "found", "destroy"),
    "transact": (
        "prelude",
        "checks",
        "staged_check",
        *ROOMS,
        *program.PENDING,
        "state",
        *program.TRANSACTION,
    ),
}
# Not every program uses all of the parts that it shares with others.
UNUSED_PARTS = "--exclude=SC2034,SC2119,SC2120,SC2317"


def test_every_program_is_looked_at_here() -> None:
    assert PARTS.keys() == remote_programs().keys()


@pytest.mark.parametrize("verb", PARTS)
def test_no_part_takes_the_name_of_another_ones_function(verb: str) -> None:
    """One part's `carriers` once answered for another's, and nobody who carried us was refused."""
    text = text_of(*PARTS[verb])
    defined = re.findall(r"^([a-z0-9_]+)\(\)", text, re.MULTILINE)
    assert sorted(set(defined)) == sorted(defined)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("verb", PARTS)
def test_shellcheck_has_no_complaint(verb: str) -> None:
    text = text_of(*PARTS[verb])
    options = ["shellcheck", "-s", "sh", UNUSED_PARTS, "-"]
    done = subprocess.run(options, input=text, capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_no_complaint_about_what_loads_a_program() -> None:
    script = CORE / "load.sh"
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_no_complaint_about_what_carries_a_connection() -> None:
    script = CORE / "relay.bash"
    done = subprocess.run(
        ["shellcheck", "-s", "bash", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.mark.parametrize("verb", PARTS)
def test_every_program_is_valid_for_a_plain_shell(verb: str) -> None:
    text = remote_programs()[verb]
    done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_users_are_a_table_is_said_once() -> None:
    assert [name for name, text in SHELL.items() if TABLE_PATH in text] == ["prelude.sh"]
    assert f"\nusers_table={TABLE_PATH}\n" in SHELL["prelude.sh"]

"""What a room says of its daemon in Python, and what its shell does on a host, are the same."""

from __future__ import annotations

import subprocess

import pytest
from support.remote_parts import text_of

from provisioner.rooms.registry import rooms
from provisioner.rooms.room import Room

# Each program of a daemon tells what it was called with; a checker only says its name.
_STUBS = """
run_check() { printf '%s\\n' "$1"; }
postconf() { shift; printf '%s = x\\n' "$@"; }
dovecot() { :; }
unbound() { :; }
parameters=
"""


def said_by(room: Room, function: str, then: str = "") -> list[str]:
    """Return what a function of a room's checks.sh prints."""
    text = text_of("prelude", f"{room.name}/checks")
    script = f"{text}\n{_STUBS}\n{function}\n{then}\n"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("room", rooms(), ids=lambda room: room.name)
def test_a_room_names_the_checkers_that_its_shell_runs(room: Room) -> None:
    assert tuple(said_by(room, f"checks_of_{room.name}")) == room.checks != ()


@pytest.mark.parametrize("room", rooms(), ids=lambda room: room.name)
def test_a_room_names_the_options_that_its_shell_asks_for(room: Room) -> None:
    rows = said_by(room, f"version_of_{room.name}", 'printf "%s\\n" "$parameters"')
    asked = [row.partition(" = ")[0] for row in rows if row]
    assert tuple(name for name in asked if name != "mail_version") == room.ported_back

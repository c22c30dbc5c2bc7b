"""What the daemons answered is known as long as their programs are the same files (versions.sh)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.remote_parts import ROOMS, text_of

_DOVECOT = "#!/bin/sh\necho '{} (abc)'\n"


def tell(folder: Path, *commands: str) -> str:
    """Return what the commands print. folder: the state, and in `bin` the only programs."""
    text = text_of("prelude", "checks", *ROOMS, "versions")
    text = text.replace("/usr/local/bin", str(folder / "bin")).replace("/usr/sbin", "/none")
    settings = f"state={folder}\nhave() {{ [ -x {folder}/bin/$1 ]; }}\n"
    done = subprocess.run(
        ["sh", "-c", text + settings + "\n".join(commands)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    install(tmp_path, "2.3.19")
    return tmp_path


def install(host: Path, version: str) -> None:
    """Put a program in the place of the one before, as a package manager does."""
    new = host / "bin/dovecot.new"
    new.write_text(_DOVECOT.format(version))
    new.chmod(0o755)
    new.rename(host / "bin/dovecot")


def test_answers_are_asked_for_once(host: Path) -> None:
    asked = tell(host, "ask_versions")
    assert "dovecot\t2.3.19\n" in asked
    assert tell(host, "remember_versions", "recall_versions") == asked
    # The program itself is not asked any more.
    assert tell(host, f"have() {{ touch {host}/asked; }}", "recall_versions") == asked
    assert not (host / "asked").exists()


def test_before_anybody_asked_nothing_is_known(host: Path) -> None:
    assert tell(host, "recall_versions || echo unknown") == "unknown\n"


def test_another_program_in_its_place_is_asked(host: Path) -> None:
    tell(host, "remember_versions")
    install(host, "2.4.10")
    assert tell(host, "recall_versions || echo unknown") == "unknown\n"
    assert "dovecot\t2.4.10\n" in tell(host, "remember_versions", "recall_versions")


def test_a_program_that_went_or_came_is_noticed(host: Path) -> None:
    tell(host, "remember_versions")
    (host / "bin/unbound").write_text("#!/bin/sh\necho Version 1.17.1\n")
    (host / "bin/unbound").chmod(0o755)
    assert tell(host, "recall_versions || echo unknown") == "unknown\n"
    for name in ("dovecot", "unbound"):
        (host / "bin" / name).unlink()
    assert tell(host, "recall_versions || echo unknown") == "unknown\n"


@pytest.mark.parametrize("damage", ["", "\n", "/none 1 2 3\n@daemons\n"])
def test_damaged_notes_are_no_answer(host: Path, damage: str) -> None:
    tell(host, "remember_versions")
    (host / "versions").write_text(damage)
    assert tell(host, "recall_versions || echo unknown") == "unknown\n"


def test_where_nothing_can_be_written_nothing_is_left(host: Path) -> None:
    (host / "versions").mkdir()
    (host / "versions/in-the-way").touch()
    tell(host, "remember_versions || :")
    assert not list(host.glob("versions.new"))

"""Programs that a host keeps: sent once, looked at each time, never trusted to others."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.remote.program import KEPT, loading_program, remote_programs
from provisioner.remote.protocol import ExitStatus
from provisioner.transport import program_start
from provisioner.transport.program_start import Become, ProgramStart

SHELLS = [shell for shell in ("sh", "bash", "dash", "ksh", "mksh") if shutil.which(shell)]
TEXT = 'read line\nprintf \'%s.\' "$0" "$@" "$line"\ncat\nexit 7\n'
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
# What stands behind the program is the program's to read, to the byte.
BEHIND = b"a line\n\0\xff" + bytes(range(256)) * 500

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="who is not root keeps nothing")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands for /run."""
    text = loading_program().replace("/run/", f"{tmp_path}/")
    monkeypatch.setattr(program_start, "loading_program", lambda: text)
    return tmp_path


def load(shell: str = "sh", missing: int = 0) -> tuple[bytes, int, bytes]:
    """Run the program, sent where it is asked for; return the first word, status and output."""
    start = ProgramStart("none", require_root=False)
    begin, wanted = start.kept_program(TEXT, ("a b", ""))
    argv = [shell, "-c", start.command_line()]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(begin)
        process.stdin.flush()
        assert process.stdout.readline().startswith(start.marker)
        answer = process.stdout.readline().strip()
        if answer == b"send":
            process.stdin.write(wanted[: len(wanted) - missing])
        if not missing:
            process.stdin.write(BEHIND)
        process.stdin.close()
        output = process.stdout.read()
    return answer, process.returncode, output


RIGHT = (7, b"mailprov.a b..a line." + BEHIND.removeprefix(b"a line\n"))


@root_only
@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_is_sent_once_and_behaves_the_same_every_time(shell: str, place: Path) -> None:
    got = [load(shell) for _ in range(3)]
    assert [answer for answer, *_ in got] == [b"send", b"kept", b"kept"]
    assert [(status, output) for _, status, output in got] == [RIGHT] * 3
    assert [path.name for path in (place / "mailprov/program").iterdir()] == [DIGEST]


@root_only
def test_root_alone_can_read_what_is_kept(place: Path) -> None:
    load()
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (place / "mailprov", *place.glob("mailprov/**/*"))
    }
    assert modes == {"mailprov": 0o700, "program": 0o700, DIGEST: 0o600}


def damaged(place: Path) -> None:
    (place / "mailprov/program" / DIGEST).write_text(TEXT.replace("exit 7", "exit 8"))


def empty(place: Path) -> None:
    (place / "mailprov/program" / DIGEST).write_text("")


def open_to_others(place: Path) -> None:
    (place / "mailprov/program" / DIGEST).chmod(0o666)


def anothers(place: Path) -> None:
    os.chown(place / "mailprov/program" / DIGEST, 65534, 65534)


def link(place: Path) -> None:
    (place / "mailprov/program" / DIGEST).rename(place / "elsewhere")
    (place / "mailprov/program" / DIGEST).symlink_to(place / "elsewhere")


@root_only
@pytest.mark.parametrize("spoil", [damaged, empty, open_to_others, anothers, link])
def test_what_is_not_as_it_was_kept_is_sent_again(
    spoil: Callable[[Path], None], place: Path
) -> None:
    load()
    spoil(place)
    assert load() == (b"send", *RIGHT)
    assert load() == (b"kept", *RIGHT)


@root_only
def test_nothing_is_written_where_somebody_else_can_write(place: Path) -> None:
    """A link that is waiting there would lead root's writing to anywhere."""
    load()
    (place / "mailprov/program").chmod(0o777)
    (place / "mailprov/program" / DIGEST).unlink()
    assert load() == load() == (b"send", *RIGHT)
    assert list((place / "mailprov/program").iterdir()) == []


@root_only
def test_a_folder_that_is_a_link_is_not_followed(place: Path) -> None:
    (place / "theirs").mkdir(mode=0o700)
    (place / "mailprov").symlink_to(place / "theirs")
    assert load() == load() == (b"send", *RIGHT)
    assert [path for path in (place / "theirs").rglob("*") if path.is_file()] == []


def test_a_host_that_cannot_keep_it_runs_it_all_the_same(place: Path) -> None:
    (place / "mailprov").write_text("no folder")
    assert load() == load() == (b"send", *RIGHT)


@root_only
def test_a_program_that_arrives_in_part_is_neither_begun_nor_kept(place: Path) -> None:
    for missing in (1, 40, 60):
        assert load(missing=missing) == (b"send", ExitStatus.CUT, b"")
    assert not (place / "mailprov").exists()


@root_only
def test_the_programs_of_many_versions_give_way(place: Path) -> None:
    load()
    for number in range(30):
        (place / "mailprov/program" / f"{number:064}").write_text("old")
    (place / "mailprov/program" / DIGEST).unlink()
    assert load() == (b"send", *RIGHT)
    assert [path.name for path in (place / "mailprov/program").iterdir()] == [DIGEST]


def test_only_programs_that_change_a_host_are_kept() -> None:
    looking = {"observe", "log", "way_out", "recall"}
    assert remote_programs().keys() - KEPT == looking | {"recover"}


@pytest.mark.parametrize("become", ["none", "sudo", "sudo-with-password"])
def test_what_every_user_sees_of_a_program_is_at_most_a_kibibyte(become: Become) -> None:
    assert len(ProgramStart(become).command_line().encode()) <= 1024


def test_no_program_is_on_the_command_line() -> None:
    start = ProgramStart("sudo")
    start.kept_program(TEXT, ("word",))
    assert "printf" not in start.command_line()
    assert "word" not in start.command_line().split()


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        ProgramStart("none").kept_program("a\0b", ())

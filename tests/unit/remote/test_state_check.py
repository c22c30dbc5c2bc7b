"""The state of a host is looked at before anything else is done with it (state.sh)."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.remote_parts import text_of

from provisioner.remote import program

GENERATION = "0123456789abcdef"
MANIFEST = f"generations/{GENERATION}/manifest"
LEFT = "directory/left"
ROWS = "file\t/etc/x\tabc\troot\troot\t0644\t0\nunit\tpostfix.service\n"
PEOPLE = "file\t/etc/users\tabc\troot\tdovecot\t0640\t1\naccount\talice\n"
ABOUT = "serial\t4\ngeneration\t00aa\nowner\tme\ntoken\tab12\n"


def sealed(rows: str) -> str:
    return f"whole\t{hashlib.sha256(rows.encode()).hexdigest()}\n{rows}"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state as two transactions left it, the second of them configuration."""
    state = tmp_path / "state"
    for folder in (MANIFEST, LEFT, "generations/0/paths"):
        (state / folder).parent.mkdir(parents=True)
    (state / MANIFEST).write_text(sealed(ROWS))
    (state / LEFT).write_text(sealed(PEOPLE))
    (state / "generations/0/paths").write_text("/etc/x\n")
    (state / "head").write_text(f"3\t{GENERATION}\n")
    (state / "format").write_text("1\n0.1.0\n")
    history = "2026-01-01T00:00:00Z\t{}\t{}\t{}\tme\t{}\n"
    (state / "history").write_text(
        history.format(2, "directory", "", "in force")
        + history.format(3, "configuration", GENERATION, "confirmed")
    )
    for name in ("lock", "recover"):
        (state / name).touch()
    for folder, _, files in os.walk(state):
        Path(folder).chmod(0o700)
        for name in files:
            Path(folder, name).chmod(0o600)
    return state


def check(state: Path, *, number: int = 1, then: str = "") -> tuple[int, list[str]]:
    """Return the exit status, and the fields that the check tells of what is wrong.

    number: the newest format that the program reads. then: what it does after the check.
    """
    settings = f"state={state}\nprogram_format={number}\nprogram_reader=0.{number}.0\n"
    text = "\n".join([text_of("prelude"), settings, text_of(*program.STATE), then])
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    rows = [
        line.split("\t")[1:] for line in done.stderr.splitlines() if line.startswith("@state\t")
    ]
    return done.returncode, rows[0] if rows else []


def pend(state: Path, about: str = ABOUT, paths: str = "/etc/x\twas\n", units: str = "") -> None:
    (state / "pending").mkdir()
    for name, text in (("about", about), ("paths", paths), ("units", units)):
        (state / "pending" / name).write_text(text)


def test_state_as_it_was_left_is_fit(state: Path) -> None:
    assert check(state) == (0, [])
    pend(state)
    assert check(state) == (0, [])


def test_a_host_without_state_is_fit(tmp_path: Path) -> None:
    assert check(tmp_path / "none") == (0, [])


def test_state_from_before_there_was_a_format_is_fit(state: Path) -> None:
    (state / "format").unlink()
    (state / MANIFEST).write_text(ROWS)
    (state / LEFT).write_text(PEOPLE)
    assert check(state) == (0, [])


@pytest.mark.parametrize("head", ["1\t\n", f"12\t{GENERATION}\n"])
def test_every_head_that_a_transaction_leaves_is_fit(state: Path, head: str) -> None:
    (state / "head").write_text(head)
    assert check(state) == (0, [])


def test_a_first_transaction_that_broke_off_is_fit(state: Path) -> None:
    # Power failed after the users' history and before the head.
    (state / "head").unlink()
    (state / "history").write_text("2026-01-01T00:00:00Z\t1\tdirectory\t\tme\tin force\n")
    assert check(state) == (0, [])


@pytest.mark.parametrize(
    ("found", "version"), [("2\n0.4.0\n", "0.4.0"), ("3\n", ""), ("9" * 30, "")]
)
def test_a_newer_format_is_told_with_the_version_that_reads_it(
    state: Path, found: str, version: str
) -> None:
    (state / "format").write_text(found)
    # Whatever else the newer one keeps elsewhere, or in another way.
    (state / "head").unlink()
    assert check(state) == (76, ["newer", found.splitlines()[0], version])


def test_an_older_format_is_read_by_a_newer_program(state: Path) -> None:
    assert check(state, number=2) == (0, [])
    assert (state / "format").read_text() == "1\n0.1.0\n"


@pytest.mark.parametrize("found", ["1\n0.1.0\n", "2\n0.2.0\n", None])
def test_a_transaction_that_begins_says_its_format_and_an_older_program_refuses_from_then_on(
    state: Path, found: str | None
) -> None:
    if found is None:
        (state / "format").unlink()
    else:
        (state / "format").write_text(found)
    assert check(state, number=2, then="write_format") == (0, [])
    assert (state / "format").read_text() == "2\n0.2.0\n"
    assert check(state, number=1) == (76, ["newer", "2", "0.2.0"])


def test_a_first_transaction_says_its_format(tmp_path: Path) -> None:
    state = tmp_path / "none"
    assert check(state, number=2, then='mkdir "$state"; write_format') == (0, [])
    assert (state / "format").read_text() == "2\n0.2.0\n"


def test_who_meanwhile_wrote_a_newer_format_is_not_overruled(state: Path) -> None:
    then = 'printf \'3\\n0.9.0\\n\' >"$state/format"; write_format; echo on >"$state/on"'
    assert check(state, number=2, then=then) == (76, ["newer", "3", "0.9.0"])
    assert (state / "format").read_text() == "3\n0.9.0\n"
    assert not (state / "on").exists()


WRITTEN: Sequence[tuple[str, str | bytes, str]] = (
    ("head", "#!@\n", "head"),
    ("head", "", "head"),
    ("head", "3\t012345\n", "head"),
    ("head", f"3\t{GENERATION}", "head"),
    ("head", f"3\t{GENERATION}\n4\t{GENERATION}\n", "head"),
    ("head", "3\t", "head"),
    ("head", b"\x00\xff\t\x00\n", "head"),
    ("head", "3\tfedcba9876543210\n", "generations/fedcba9876543210/manifest"),
    (MANIFEST, "", MANIFEST),
    (MANIFEST, sealed(ROWS)[:-3], MANIFEST),
    (MANIFEST, sealed(ROWS).replace("unit\tpostfix.service\n", ""), MANIFEST),
    (MANIFEST, sealed(ROWS).replace("0644", "0666"), MANIFEST),
    (MANIFEST, bytes(range(256)), MANIFEST),
    (LEFT, "", LEFT),
    (LEFT, sealed(PEOPLE).replace("account\talice\n", ""), LEFT),
    ("activating", "file\t/etc", "activating"),
    ("format", "", "format"),
    ("format", "one\n", "format"),
    ("format", "0\n", "format"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "content", "named"), WRITTEN)
def test_a_damaged_file_is_named(state: Path, path: str, content: str | bytes, named: str) -> None:
    file = state / path
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    status, told = check(state)
    assert (status, told[:2]) == (76, ["damaged", str(state / named)])


@pytest.mark.parametrize("path", ["head", MANIFEST, LEFT, "generations/0/paths"])
def test_a_missing_file_is_named(state: Path, path: str) -> None:
    (state / path).unlink()
    status, told = check(state)
    assert (status, told[:2]) == (76, ["damaged", str(state / path)])
    assert "missing" in told[2]


@pytest.mark.parametrize("path", ["head", "history", "lock", "format", "recover"])
def test_a_folder_in_the_place_of_a_file_is_named(state: Path, path: str) -> None:
    (state / path).unlink()
    (state / path).mkdir(mode=0o700)
    assert check(state) == (76, ["damaged", str(state / path), "it is no file"])


def test_a_file_in_the_place_of_the_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    assert check(tmp_path / "state") == (
        76,
        ["damaged", str(tmp_path / "state"), "it is no folder"],
    )


@pytest.mark.parametrize(("path", "mode"), [(".", 0o770), ("recover", 0o602)])
def test_what_somebody_else_could_write_is_named(state: Path, path: str, mode: int) -> None:
    (state / path).chmod(mode)
    status, told = check(state)
    assert (status, told[:2]) == (76, ["damaged", str(state / path)])
    assert "somebody else could write there" in told[2]


def test_what_others_may_only_read_is_fit(state: Path) -> None:
    # Whoever takes the lock closes it again.
    state.chmod(0o755)
    assert check(state) == (0, [])


@pytest.mark.parametrize(
    "damage",
    [
        {"about": ""},
        {"about": ABOUT.replace("serial\t4\n", "")},
        {"about": ABOUT.replace("token\tab12\n", "")},
        {"about": ABOUT[:-1]},
        {"paths": "/etc/x\tw"},
        {"paths": "/etc/x\n"},
        {"units": "postfix.service\n"},
    ],
)
def test_a_pending_configuration_that_cannot_be_undone_is_named(
    state: Path, damage: dict[str, str]
) -> None:
    pend(state, **damage)
    status, told = check(state)
    assert (status, told[:2]) == (76, ["damaged", str(state / "pending")])


@pytest.mark.parametrize("lost", ["about", "paths", "units"])
def test_a_pending_configuration_without_its_lists_is_left_as_it_is(state: Path, lost: str) -> None:
    pend(state)
    (state / "pending" / lost).unlink()
    assert check(state)[0] == 76
    text = program.remote_programs()["recover"].replace("/var/lib/mailprov", str(state))
    done = subprocess.run(
        ["sh", "-c", text, "recover", "boot"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, f"{state}/pending is damaged" in done.stderr) == (1, True)
    assert (state / "pending").is_dir()

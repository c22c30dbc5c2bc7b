"""Resources that a host tells of in a line: told, put, kept as found, and put back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.remote_parts import SHELL, text_of

TEXT = text_of("prelude", "pending", "found", "staging", "resources", "steps", "begin")
# Its lamps are files. One that is stuck takes no other line.
KIND = """
resource_street_lamp() {
    case $1 in
        tell) cat "$lamps/$2" ;;
        put) [ ! -e "$lamps/$2.stuck" ] && printf '%s\\n' "$3" >"$lamps/$2" ;;
    esac
}
"""


@pytest.fixture(name="host")
def a_host(tmp_path: Path) -> Path:
    """Return the state's folder of a host with one lamp, which is on."""
    for name in ("stage/rows", "pending.new", "pending", "generations/0", "lamps"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lamps/corner").write_text("on\n")
    (tmp_path / "stage/rows/resource").write_text("street-lamp\tcorner\n")
    return tmp_path


def run(host: Path, then: str) -> subprocess.CompletedProcess[str]:
    zero = f"{host}/generations/0"
    places = f"state={host} stage={host}/stage pending={host}/pending zero={zero}"
    places += f" lamps={host}/lamps generation_in_force="
    script = f"{TEXT}\n{places}\n{KIND}\n{then}\n"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)


def test_what_is_not_there_and_what_nobody_knows_is_told_alike(host: Path) -> None:
    told = [
        run(host, f"tell_resource {one}").stdout
        for one in ("street-lamp corner", "street-lamp none", "moon full")
    ]
    assert told == ["on\n", "-\n", "-\n"]


def test_of_a_tool_that_says_much_the_first_line_counts(host: Path) -> None:
    (host / "lamps/corner").write_text("on\nand more\n")
    assert run(host, "tell_resource street-lamp corner").stdout == "on\n"


def test_a_step_fails_where_the_resource_did_not_become_what_was_wanted(host: Path) -> None:
    assert run(host, "do_resource street-lamp corner off").returncode == 0
    assert (host / "lamps/corner").read_text() == "off\n"
    (host / "lamps/corner.stuck").touch()
    assert run(host, "do_resource street-lamp corner on").returncode == 1
    forgetful = "resource_street_lamp() { [ $1 = put ] || echo dim; }"
    done = run(host, f"{forgetful}; do_resource street-lamp corner on")
    assert done.returncode == 1
    assert done.stdout == "street-lamp corner is dim, and was to be on\n"


def test_what_was_changed_since_it_was_observed_is_noticed_as_a_files_edit_is(host: Path) -> None:
    (seen_now,) = re.findall(
        r"^seen_now\(\) \{.*?^\}", SHELL["transact.sh"], re.MULTILINE | re.DOTALL
    )
    assert run(host, f"{seen_now}\nseen_now 'street-lamp corner'").stdout == "on\n"


def test_what_changes_is_kept_as_it_is_and_the_first_time_as_found(host: Path) -> None:
    assert run(host, "keep_resources").returncode == 0
    row = "street-lamp\tcorner\ton\n"
    assert (host / "pending.new/resources").read_text() == row
    assert (host / "generations/0/resources").read_text() == row
    # Later it is ours, and what was found stays.
    (host / "lamps/corner").write_text("off\n")
    run(host, "generation_in_force=00aa; keep_resources")
    assert (host / "pending.new/resources").read_text() == "street-lamp\tcorner\toff\n"
    assert (host / "generations/0/resources").read_text() == row


def test_where_nothing_of_ours_is_in_force_it_is_found_anew(host: Path) -> None:
    (host / "generations/0/resources").write_text("street-lamp\tcorner\tdim\nmoon\tfull\tup\n")
    assert run(host, "generation_in_force=0; keep_resources").returncode == 0
    assert sorted((host / "generations/0/resources").read_text().splitlines()) == [
        "moon\tfull\tup",
        "street-lamp\tcorner\ton",
    ]


def test_a_transaction_without_any_keeps_nothing(host: Path) -> None:
    (host / "stage/rows/resource").unlink()
    assert run(host, "keep_resources").returncode == 0
    assert not (host / "pending.new/resources").exists()


def test_what_was_found_is_given_back_and_what_was_not_is_left(host: Path) -> None:
    assert run(host, "do_restore_resource street-lamp corner").returncode == 0
    assert (host / "lamps/corner").read_text() == "on\n"
    (host / "generations/0/resources").write_text("street-lamp\tcorner\tdim\n")
    assert run(host, "do_restore_resource street-lamp corner").returncode == 0
    assert (host / "lamps/corner").read_text() == "dim\n"


def test_one_that_cannot_be_put_back_keeps_no_other_from_it(host: Path) -> None:
    rows = "moon\tfull\tup\nstreet-lamp\tbroken\ton\nstreet-lamp\tcorner\tdim\n"
    (host / "pending/resources").write_text(rows)
    (host / "lamps/broken.stuck").touch()
    assert run(host, "undo_resources").returncode == 0
    assert (host / "lamps/corner").read_text() == "dim\n"

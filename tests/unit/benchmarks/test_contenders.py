"""How the other tools are started."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import ANSIBLE, MAILPROV, MITOGEN, ONE_COMMAND, PYINFRA, Workplace
from benchmarks.measure import Command


def command(name: str, tmp_path: Path) -> Command:
    (one,) = Workplace(tmp_path, tmp_path, {}).commands(name, "first", [])
    return one


@pytest.mark.parametrize("name", [ANSIBLE, MITOGEN, PYINFRA])
def test_the_words_of_a_peer_s_command_name_files_that_exist(name: str, tmp_path: Path) -> None:
    one = command(name, tmp_path)
    files = [word for word in one.argv[1:] if word.endswith((".py", ".yml"))]
    assert files
    for file in files:
        assert Path(one.folder or "/", file).is_file(), file


@pytest.mark.parametrize("name", [ANSIBLE, MITOGEN])
def test_ansible_reads_the_settings_that_were_written_for_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    Workplace(tmp_path, tmp_path, {}).prepare("first")
    settings = command(name, tmp_path).environment["ANSIBLE_CONFIG"]
    text = Path(settings).read_text(encoding="utf-8")
    assert ("strategy = mitogen_linear" in text) is (name == MITOGEN)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        (MAILPROV, [["apply", "a.yaml"], ["apply", "b.yaml"]]),
        (ONE_COMMAND, [["apply", "a.yaml", "b.yaml"]]),
    ],
)
def test_mailprov_takes_a_process_for_each_site_or_one_for_all(
    name: str, want: list[list[str]], tmp_path: Path
) -> None:
    sites = [Path("a.yaml"), Path("b.yaml")]
    commands = Workplace(tmp_path, tmp_path, {}).commands(name, "first", sites)
    assert [list(one.argv[1:]) for one in commands] == want

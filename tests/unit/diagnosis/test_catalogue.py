"""Catalogue files: what is taken, what is refused, who comes first."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from provisioner.diagnosis.catalogue import Catalogue, builtin_catalogue, parse_catalogue
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.site.catalogue_files import read_catalogue

GOOD = """
[[entry]]
id = "my.own"
title = "T"
pattern = 'x (?P<user>\\S+)'
cause = "{user} {here}"
fix = "F"
"""


def test_our_own_entries_are_sound() -> None:
    catalogue = builtin_catalogue()
    assert len(catalogue.entries) > 60
    ids = [entry.id for entry in catalogue.entries]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("change", "summary"),
    [
        (("x (?P", "x ((?P"), "not a regular expression"),
        (("{user}", "{nobody}"), "{nobody}: neither a group nor"),
        (("id =", "idd ="), 'unknown key "idd"'),
        (("my.own", "my own"), "id: "),
        (("my.own", "noTheme"), "id: "),
        (('title = "T"', 'severity = "bad"'), "severity: "),
        (('fix = "F"', ""), "missing: fix"),
        (('fix = "F"', 'fix = "F"\nby = ["nobody"]'), "by: nobody"),
        (('fix = "F"', 'fix = "F"\nselect = "\\\\d"'), "select"),
        (('fix = "F"', 'fix = "F"\n[[entry.also]]\npattern = "("'), "also.0.pattern"),
        (('fix = "F"', 'fix = "F"\n[[entry.also]]\npattrn = "a"'), 'unknown key "pattrn"'),
        (('"T"', '"T'), "not TOML"),
        (("[[entry]]", "[[entries]]"), "not a catalogue"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[1][:20],
)
def test_a_mistake_is_told_with_its_place(change: tuple[str, str], summary: str) -> None:
    with pytest.raises(MailprovError) as caught:
        parse_catalogue({"mine.toml": GOOD.replace(*change)})
    assert caught.value.exit_code is ExitCode.USAGE
    assert any(summary in one.summary for one in caught.value.diagnostics)
    assert all(one.where.startswith("mine.toml") for one in caught.value.diagnostics)
    assert all(one.fix for one in caught.value.diagnostics)


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    bad = GOOD.replace("(?P", "((?P")
    with pytest.raises(MailprovError) as caught:
        parse_catalogue({"a.toml": bad + bad.replace("my.own", "my.other"), "b.toml": "x"})
    assert len(caught.value.diagnostics) >= 3


def test_an_id_stands_once() -> None:
    with pytest.raises(MailprovError, match="an id is used twice"):
        parse_catalogue({"a.toml": GOOD, "b.toml": GOOD})


def test_an_operators_entry_replaces_ours_and_comes_first() -> None:
    (mine,) = parse_catalogue({"a.toml": GOOD.replace("my.own", "relay.denied")})
    entries = builtin_catalogue().extended([mine]).entries
    assert [entry for entry in entries if entry.id == "relay.denied"] == [mine]
    assert next(entry for entry in entries if not entry.ignore) is mine


def test_selections_of_entries_reach_the_host() -> None:
    entries = parse_catalogue(
        {"a.toml": GOOD + 'select = "odd [a-z]+"\n[[entry.also]]\npattern = "y"\nselect = "ctx"'}
    )
    catalogue = Catalogue(entries)
    assert catalogue.selection.endswith("|odd [a-z]+")
    assert catalogue.context_selection == "ctx"


@pytest.mark.parametrize("program", [["grep", "-aE", "-e"], ["awk"]], ids=["grep", "awk"])
@pytest.mark.parametrize("which", ["selection", "context_selection"])
def test_the_selections_mean_something_to_the_hosts_tools(program: list[str], which: str) -> None:
    expression = getattr(builtin_catalogue(), which)
    line = "x postfix/master[1]: reload -- starting up for x: error: y\n"
    by_awk = 'BEGIN { e = ENVIRON["E"] } $0 ~ e'
    argument = by_awk if program == ["awk"] else expression
    done = subprocess.run(
        [*program, argument],
        input=line,
        env={"E": expression, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (line, "")


def test_an_operators_files_are_found_and_read(tmp_path: Path) -> None:
    folder = tmp_path / "mailprov/diagnosis"
    folder.mkdir(parents=True)
    (folder / "a.toml").write_text(GOOD, encoding="utf-8")
    extra = tmp_path / "extra.toml"
    extra.write_text(GOOD.replace("my.own", "my.second"), encoding="utf-8")
    catalogue = read_catalogue([extra], {"XDG_CONFIG_HOME": str(tmp_path)})
    own = [entry.id for entry in catalogue.entries if entry.id.startswith("my.")]
    assert own == ["my.own", "my.second"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MailprovError, match="cannot be read") as caught:
        read_catalogue([tmp_path / "no.toml"], {"HOME": str(tmp_path)})
    assert caught.value.exit_code is ExitCode.USAGE


def test_commands_to_paste_as_root_name_their_programs_by_path() -> None:
    commands = [
        command.split()[0]
        for entry in builtin_catalogue().entries
        for command in re.findall(r"`([^`]+)`", entry.fix)
    ]
    hidden = {"systemctl", "journalctl", "postqueue", "postsuper", "kill", "apt-get", "mv", "rm"}
    assert commands
    assert hidden.isdisjoint(commands)

"""SELinux: what is written is labelled for its place before it takes it (prelude.sh, steps.sh).

No container has SELinux, so its tools are played here. What is tested is which of them is
asked for what, and when none is.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.remote_parts import SHELL, text_of

_SELINUX = """
selinuxenabled() { return 0; }
matchpathcon() { echo "system_u:object_r:label_of$(echo "$2" | tr / _):s0"; }
chcon() { echo "chcon $*"; }
restorecon() { echo "restorecon $*"; }
"""
_PARTS = ("prelude", "steps", "table_build")
_OFF = _SELINUX.replace("selinuxenabled() { return 0", "selinuxenabled() { return 1")
_SEMANAGE = 'semanage() { echo "semanage $*"; }\n'
_KNOWN_RULE = 'semanage() { [ "$2" = -m ] && echo "semanage $*"; }\n'


def run(script: str, tools: str, tmp_path: Path) -> list[str]:
    """Return what the tools were asked, in order."""
    text = text_of(*_PARTS)
    # Nothing of this machine: not its tools, and not its users.
    played = "chown() { :; }\n" + tools
    done = subprocess.run(
        ["sh", "-uc", f"{text}\n{played}\ncd {tmp_path} && {{ {script}; }} 2>&1"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_new_file_has_the_label_of_the_place_it_will_take(tmp_path: Path) -> None:
    got = run("label_as /etc/resolv.conf new", _SELINUX, tmp_path)
    assert got == ["chcon system_u:object_r:label_of_etc_resolv.conf:s0 new"]


def test_a_place_without_a_label_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    tools = _SELINUX + 'matchpathcon() { echo "<<none>>"; }\n'
    assert run("label_as /srv/x new", tools, tmp_path) == []


@pytest.mark.parametrize("tools", [_OFF, ""])
def test_where_selinux_is_off_or_absent_nothing_is_asked(tmp_path: Path, tools: str) -> None:
    script = f"label_as /etc/x new; do_directory {tmp_path}/mail a b 0700 mail_spool_t"
    assert run(script, tools, tmp_path) == []
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_mail_becomes_a_rule_of_the_policy(tmp_path: Path) -> None:
    got = run("do_directory ./mail a b 0700 mail_spool_t", _SELINUX + _SEMANAGE, tmp_path)
    assert got == ["semanage fcontext -a -t mail_spool_t ./mail(/.*)?", "restorecon -R ./mail"]


def test_a_rule_that_is_there_already_is_changed(tmp_path: Path) -> None:
    got = run("do_directory ./mail a b 0700 mail_spool_t", _SELINUX + _KNOWN_RULE, tmp_path)
    assert got == ["semanage fcontext -m -t mail_spool_t ./mail(/.*)?", "restorecon -R ./mail"]


def test_without_the_policys_tools_the_folder_itself_is_labelled(tmp_path: Path) -> None:
    got = run("do_directory ./mail a b 0700 mail_spool_t", _SELINUX, tmp_path)
    assert got == ["chcon -R -t mail_spool_t ./mail"]


def test_a_folder_that_needs_no_label_gets_none(tmp_path: Path) -> None:
    assert run("do_directory ./mail a b 0700", _SELINUX, tmp_path) == []


_MAPS = "mkdir -p t/build && touch t/build/recipients.lmdb && maps=lmdb && label_maps t"


def test_maps_of_a_table_have_the_type_of_postfixs_configuration(tmp_path: Path) -> None:
    got = run(_MAPS, _SELINUX + _SEMANAGE, tmp_path)
    rule = r"semanage fcontext -a -t postfix_etc_t t/.*\.lmdb"
    assert got == [rule, "chcon -t postfix_etc_t t/build/recipients.lmdb"]


def test_maps_of_a_new_table_get_the_rule_of_its_place(tmp_path: Path) -> None:
    script = "mkdir -p t.mailprov-new/build && touch t.mailprov-new/build/a.lmdb && "
    got = run(f"{script} maps=lmdb && label_maps t.mailprov-new", _SELINUX + _SEMANAGE, tmp_path)
    assert got[0] == r"semanage fcontext -a -t postfix_etc_t t/.*\.lmdb"


def test_a_rule_that_the_policy_has_is_not_made_again(tmp_path: Path) -> None:
    known = "matchpathcon() { echo system_u:object_r:postfix_etc_t:s0; }\n"
    got = run(_MAPS, _SELINUX + _SEMANAGE + known, tmp_path)
    assert got == ["chcon -t postfix_etc_t t/build/recipients.lmdb"]


@pytest.mark.parametrize("tools", [_OFF, ""])
def test_maps_get_no_label_where_selinux_is_off_or_absent(tmp_path: Path, tools: str) -> None:
    assert run(_MAPS, tools, tmp_path) == []


def test_selinux_is_never_switched_off() -> None:
    assert not any("setenforce" in text for text in SHELL.values())

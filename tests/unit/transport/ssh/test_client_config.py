"""ssh_config(5): this reader against the real `ssh -G`, and what it adds to it."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chance import examples

from provisioner.transport.ssh.client_config import (
    Lookup,
    lookup_client_config,
    parse_client_config,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEYWORDS = ("hostname", "port", "user", "proxyjump", "connecttimeout", "hostkeyalias")


def read(text: str, includes: Mapping[str, list[str]] | None = None, **whom: object) -> dict:
    names = whom.pop("names", ("mail",))
    parsed = parse_client_config(text, lambda pattern: (includes or {}).get(pattern, []))
    me = getpass.getuser()  # as ssh -G does, whose answers these are compared with
    return dict(lookup_client_config(parsed, Lookup(names, me, me, **whom)))


def test_the_first_value_wins() -> None:
    assert read("Port 1\nPort 2\nHost mail\nPort 3\n") == {"port": ("1",)}


def test_identity_files_add_up() -> None:
    text = "IdentityFile a\nHost mail\nIdentityFile b\nIdentityFile a\n"
    assert read(text) == {"identityfile": ("a", "b")}


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("Port 22", "22"),
        ("port=22", "22"),
        ("  PORT  =  22  ", "22"),
        ('Port "22"', "22"),
        ("Port 22 # comment", "22"),
        ("\tPort\t22", "22"),
    ],
)
def test_a_line_has_many_forms(line: str, want: str) -> None:
    assert read(line) == {"port": (want,)}


@pytest.mark.parametrize("text", ["", "#Port 22", "   ", "Port", "Host", "\x00", '"', "=", "Match"])
def test_what_is_no_setting_is_none(text: str) -> None:
    assert read(text) == {}


def test_a_proxy_command_keeps_its_line() -> None:
    assert read('ProxyCommand nc -X "a b" %h  # x') == {"proxycommand": ('nc -X "a b" %h  # x',)}


@pytest.mark.parametrize(
    ("patterns", "counts"),
    [
        ("mail", True),
        ("MAIL", True),
        ("192.0.2.*", True),
        ("*.example.org", True),
        ("* !mail", False),
        ("!ns *", True),
        ("ns other", False),
        ("mai?", True),
        ("mail?", False),
        ("m[a]il", False),
        ("!mail", False),
    ],
)
def test_a_host_block_counts_for_any_of_the_names(patterns: str, counts: bool) -> None:  # noqa: FBT001
    names = ("192.0.2.10", "mail.example.org", "mail")
    assert bool(read(f"Host {patterns}\nPort 1\n", names=names)) is counts


@pytest.mark.parametrize(
    ("criteria", "counts"),
    [
        ("all", True),
        ("host mail", True),
        ("host ns,ma*", True),
        ("!host mail", False),
        ("originalhost mail user deploy", True),
        ("user root", False),
        (f"localuser {getpass.getuser()}", True),
        ("localuser other", False),
        ("exec true", True),
        ("exec false", False),
        ("!exec false", True),
        ("canonical", False),
        ("tagged x", False),
        ("final all", True),
        ("host", False),
        ("host=mail", True),
    ],
)
def test_a_match_block_counts_when_all_its_criteria_hold(criteria: str, counts: bool) -> None:  # noqa: FBT001
    text = f"Match {criteria}\nPort 1\n"
    assert bool(read(text, user="deploy", run=lambda command: command == "true")) is counts


def test_match_host_sees_the_host_name_found_so_far() -> None:
    text = "Host mail\nHostName 192.0.2.1\nMatch host 192.0.2.1\nPort 1\n"
    assert read(text)["port"] == ("1",)


def test_an_include_counts_only_where_its_block_does() -> None:
    includes = {"more": ["Port 1\nHost ns\nUser x\nHost *\nUser y\n"]}
    assert read("Host mail\nInclude more\nConnectTimeout 3\n", includes) == {
        "port": ("1",),
        "user": ("y",),
        "connecttimeout": ("3",),
    }
    assert read("Host ns\nInclude more\nHost mail\nPort 9\n", includes) == {"port": ("9",)}


def test_an_include_of_itself_ends() -> None:
    assert read("Include a\nPort 1\n", {"a": ["Include a\nUser x\n"]})["user"] == ("x",)


NAMES = st.sampled_from(["mail", "ns", "mail.example.org", "192.0.2.1", "*", "m*", "!ns", "mai?"])
VALUES = {
    "hostname": ["192.0.2.7", "mail.example.org"],
    "port": ["22", "2222"],
    "user": ["root", "deploy"],
    "proxyjump": ["gate", "none"],
    "connecttimeout": ["3", "7"],
    "hostkeyalias": ["alias"],
}
SETTING = st.sampled_from(KEYWORDS).flatmap(
    lambda keyword: st.tuples(st.just(keyword), st.sampled_from(VALUES[keyword]))
)
HEADER = st.one_of(
    st.lists(NAMES, min_size=1, max_size=3).map(lambda names: f"Host {' '.join(names)}"),
    st.sampled_from(
        [
            "Match all",
            "Match host mail",
            "Match user root",
            "Match !host ns",
            "Match final host mail",
            "Match originalhost m*,ns host 192.0.2.7",
            "Match localuser nobody-at-all",
        ]
    ),
)
BLOCK = st.tuples(HEADER, st.lists(SETTING, max_size=3))


@pytest.mark.skipif(shutil.which("ssh") is None, reason="not installed: ssh")
@settings(examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(SETTING, max_size=2), blocks=st.lists(BLOCK, max_size=4))
def test_it_reads_what_openssh_reads(
    tmp_path: Path,
    first: list[tuple[str, str]],
    blocks: list[tuple[str, list[tuple[str, str]]]],
) -> None:
    lines = [f"{keyword} {value}" for keyword, value in first]
    for header, body in blocks:
        lines += [header, *(f"  {keyword} {value}" for keyword, value in body)]
    file = tmp_path / "config"
    # Defaults at the end, in order to tell "not set" from ssh's own.
    file.write_text("\n".join([*lines, "Match all", "User nobody-at-all", "Port 9", ""]))
    done = subprocess.run(
        ["ssh", "-G", "-F", str(file), "mail"], capture_output=True, text=True, check=True
    )
    want = dict(re.findall(r"^(\w+) (.*)$", done.stdout, re.MULTILINE))
    got = read(file.read_text(), names=("mail",))
    for keyword in KEYWORDS:
        value = got.get(keyword, ("mail" if keyword == "hostname" else "none",))[0]
        assert value == want.get(keyword, "none"), file.read_text()

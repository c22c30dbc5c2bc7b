"""What the judgement of the hatches takes for mailprov's own values, the templates say too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.readings import reading_of
from unit.render.sites import artifacts_of

from provisioner.daemons.postfix.language import expand, table_rows, words
from provisioner.daemons.postfix.master import (
    main_presets,
    service_presets,
    split_command,
)
from provisioner.model.resolve import resolve_site

needs_postfix = pytest.mark.skipif(
    not shutil.which("postconf"), reason="Postfix is not installed: nothing to compare with"
)
# What Postfix has by itself, and mailprov does not write.
_UNSET = {"smtpd_client_restrictions"}


def _deciding(value: str) -> list[str]:
    """Return the words of a value without those that decide nothing about a stranger's relaying.

    These are the tables on the host, and what is refused for other reasons than relaying.
    """
    listed = iter(words(value))
    kept = []
    for word in listed:
        table = next(listed, "") if word.startswith("check_") else ""
        if table and table_rows(table) is None:
            continue
        if not word.startswith("reject_") or word == "reject_unauth_destination":
            kept += [word, table] if table else [word]
    return kept


def _logical_lines(text: str) -> list[str]:
    """Return the lines of main.cf or master.cf without comments, those that go on joined."""
    lines = (line for line in text.splitlines() if line.strip())
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return re.sub(r"\n[ \t]+", " ", kept).splitlines()


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"networks": {"trusted": ["10.0.0.0/8", "2001:db8::/32"]}},
        {
            "submission": {"cleartext_login": "true", "ports": ["587"]},
            "allow_insecure": {"cleartext-login": "a lab"},
        },
        {
            "tls": "none",
            "submission": {"cleartext_login": "true"},
            "imap": {"cleartext_login": "true"},
            "pop3": {"ports": []},
            "allow_insecure": {"cleartext-login": "a lab", "no-tls": "a lab"},
        },
    ],
)
def test_the_judgement_starts_from_what_is_rendered(sections: dict[str, Any]) -> None:
    reading = reading_of(**sections)
    files = artifacts_of(resolve_site(reading), "mail")
    main, master = (
        _logical_lines(files[f"/etc/postfix/{name}"].content.decode())
        for name in ("main.cf", "master.cf")
    )
    written = {name.strip(): value for name, _, value in (line.partition("=") for line in main)}
    presets = main_presets(reading)
    for name, want in presets.items():
        assert name in written or name in _UNSET
        assert _deciding(written.get(name, "")) == _deciding(want), name
    listening = {line.split()[0]: line for line in master if line.split()[1] == "inet"}
    services = service_presets(reading)
    assert listening.keys() == services.keys()
    for port, options in services.items():
        _, own = split_command(listening[port])
        assert {name for name in own if name in presets} <= options.keys()
        for name, want in options.items():
            assert _deciding(own[name]) == _deciding(want), (port, name)


@needs_postfix
@pytest.mark.parametrize(
    "value",
    [
        "$one",
        "${one} and $(two)",
        "${one?yes}${none?yes}",
        "${one:no}${none:no}",
        "${one?{a $two}:{b}} ${none?{a}:{b $two}}",
        "${{$one} == {1} ? {same} : {other}}",
        "$three",
    ],
)
def test_names_are_expanded_as_postfix_does(value: str, tmp_path: Path) -> None:
    own = {"one": "1", "two": "2 $one", "three": "${two}", "none": ""}
    main = "".join(f"{name} = {text}\n" for name, text in own.items())
    main += f"smtpd_banner = {value}\nmyhostname = mail.example.org\ninet_interfaces = 127.0.0.1\n"
    (tmp_path / "main.cf").write_text(main)
    (tmp_path / "master.cf").touch()
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))  # Postfix waits until a file has been still for a second
    command = ["postconf", "-c", str(tmp_path), "-xh", "smtpd_banner"]
    got = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert expand(value, lambda name: own.get(name, "")) == got

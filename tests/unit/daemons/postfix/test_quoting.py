"""main.cf, master.cf and texthash: Postfix's own tools read back what went in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from unit.quoting.batches import batches, expressible, with_tools

from provisioner.daemons.postfix.quoting import main_cf, master_cf, texthash_key, texthash_value
from provisioner.diagnostics import MailprovError

needs_postfix = pytest.mark.skipif(
    not shutil.which("postconf"), reason="Postfix is not installed: nothing to read it back with"
)
# Values that postconf does not look into for tables or networks.
_TEXTS = ("_name", "_banner", "_prefix", "_text", "_owner", "_filter", "_sender", "_recipient")
# Without these the tools ask the name service who they are, for seconds.
_IDENTITY = "myhostname = mail.example.org\ninet_interfaces = 127.0.0.1\n"
_ODD = ["", "$", "$$", "$a", "${a}", "# no comment", "a # b", "\\", '"x"', "{x}", "a\n b = c"]


def _read(*command: str | Path, text: str = "") -> list[str]:
    """Return what a tool prints, by line; any complaint of it fails the test."""
    done = subprocess.run(
        list(map(str, command)), input=text.encode(), capture_output=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.decode().split("\n")[:-1]


@cache
def _parameters() -> list[str]:
    """Return parameters whose value is any text as far as postconf is concerned."""
    names = _read("postconf", "-dH")
    return [name for name in names if name.endswith(_TEXTS)][:40]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    # Postfix waits until a file that was written just now has been still for a second.
    os.utime(path, (0, 0))
    return path


def _configure(folder: str, main: str = "", master: str = "") -> None:
    _write(Path(folder, "main.cf"), f"compatibility_level = 3.6\n{_IDENTITY}{main}")
    _write(Path(folder, "master.cf"), master)


def _table(folder: str, rows: Iterable[str]) -> Path:
    return _write(Path(folder, "table"), "".join(rows))


@needs_postfix
@with_tools
@given(batches)
@example(_ODD)
def test_a_value_of_main_cf_reads_back(values: list[str]) -> None:
    want = expressible(main_cf, values)
    rows = dict(zip(_parameters(), want.values(), strict=False))
    with tempfile.TemporaryDirectory() as folder:
        _configure(folder, main="".join(f"{name} = {text}\n" for name, text in rows.items()))
        got = _read("postconf", "-c", folder, "-x", "-h", *rows) if rows else []
    assert got == list(want)


@needs_postfix
@with_tools
@given(batches)
@example([*_ODD, "a{b}", "a,b", "a=b", "{", "a{", "}", "-o", "a b", "{a}", "a{b}c{d"])
def test_an_option_of_master_cf_reads_back(values: list[str]) -> None:
    want = expressible(master_cf, values)
    rows = dict(zip(_parameters(), want.values(), strict=False))
    options = "".join(f"    -o {name}={text}\n" for name, text in rows.items())
    with tempfile.TemporaryDirectory() as folder:
        _configure(folder, master=f"25 inet n - n - - smtpd\n{options}")
        names = [f"25/inet/{name}" for name in rows]
        got = _read("postconf", "-c", folder, "-P", "-x", "-h", *names) if rows else []
    assert got == list(want)


@needs_postfix
@with_tools
@given(batches)
@example(
    ["alice@example.org", "a#b", "#a", '"a', "a b", "A", "$x", "\\a", "\\", "é", ":", "a:b", "a:"]
)
def test_a_key_of_a_lookup_table_is_found(values: list[str]) -> None:
    want = expressible(texthash_key, values)
    with tempfile.TemporaryDirectory() as folder:
        _configure(folder)
        table = _table(folder, (f"{key} {n}\n" for n, key in enumerate(want.values())))
        asked = "".join(f"{key}\n" for key in want)
        got = _read("postmap", "-c", folder, "-q", "-", f"texthash:{table}", text=asked)
    assert got == [f"{key}\t{n}" for n, key in enumerate(want)]


@needs_postfix
@with_tools
@given(batches)
@example(["a, b", "a  b", "#", '"a"', "$x", "\\", "{a}", "é"])
def test_a_result_of_a_lookup_is_as_it_was_meant(values: list[str]) -> None:
    want = expressible(texthash_value, values)
    with tempfile.TemporaryDirectory() as folder:
        _configure(folder)
        table = _table(folder, (f"key{n} {text}\n" for n, text in enumerate(want.values())))
        asked = "".join(f"key{n}\n" for n in range(len(want)))
        got = _read("postmap", "-c", folder, "-q", "-", f"texthash:{table}", text=asked)
    assert got == [f"key{n}\t{value}" for n, value in enumerate(want)]


@pytest.mark.parametrize("value", ["a\nb = c", "a\rb", "\x00", " a", "a ", "\u2028", "{", "}{"])
def test_what_main_cf_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match=r"main\.cf cannot express"):
        main_cf(value)


@pytest.mark.parametrize("value", ["a b", "{a}", "a\tb", "a\nb", "a{", "}{"])
def test_what_an_option_of_master_cf_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match="cannot express"):
        master_cf(value)


@pytest.mark.parametrize("value", ["", "a b", "#a", '"a', "Alice", "a\nb"])
def test_what_a_key_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match="cannot express"):
        texthash_key(value)


def test_a_value_of_ordinary_characters_is_never_refused() -> None:
    for value in ("mail.example.org", "texthash:/etc/postfix/x", "a b, c", "é", "$x{y}#z"):
        assert main_cf(value).replace("$$", "$") == value

"""Compiled templates are kept for the next process, and count for their own text only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, defaults, filters

from provisioner.render.compiled import CompiledTemplates
from provisioner.render.environment import Templates
from provisioner.render.quoting import Quoted


@pytest.fixture(autouse=True)
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have Python keep bytecode below a folder of the test's, as a user may have it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    return tmp_path / "kept"


class Counting(Environment):
    compiled = 0

    def compile(self, *args: Any, **kept: Any) -> Any:  # noqa: ANN401 as Jinja has it
        self.compiled += 1
        return super().compile(*args, **kept)


def process(text: str, *makers: Any) -> tuple[str, int]:  # noqa: ANN401 any module
    """Return what a new process renders, and how many templates it has to compile."""
    loader, cache = DictLoader({"postfix/main.cf": text}), CompiledTemplates(*makers)
    environment = Counting(loader=loader, bytecode_cache=cache)
    return environment.get_template("postfix/main.cf").render(), environment.compiled


def kept_files(prefix: Path) -> list[Path]:
    return list(prefix.rglob("template-*"))


def test_the_next_process_compiles_nothing(prefix: Path) -> None:
    assert process("a {{ 1 + 1 }}") == ("a 2", 1)
    assert process("a {{ 1 + 1 }}") == ("a 2", 0)
    (file,) = kept_files(prefix)
    assert file.name == f"template-postfix-main.cf.{sys.implementation.cache_tag}.pyc"


def test_a_template_that_changed_is_compiled_anew() -> None:
    process("a {{ 1 + 1 }}")
    assert process("b {{ 1 + 1 }}") == ("b 2", 1)
    assert process("b {{ 1 + 1 }}") == ("b 2", 0)


def test_another_text_of_what_compiles_counts_as_a_change() -> None:
    process("a", defaults)
    assert process("a", filters) == ("a", 1)
    assert process("a", filters) == ("a", 0)


@pytest.mark.parametrize("keep", [0, 10, 32, 33, 60])
def test_a_damaged_file_counts_as_none_and_is_replaced(prefix: Path, keep: int) -> None:
    process("a {{ 1 + 1 }}")
    (file,) = kept_files(prefix)
    file.write_bytes(file.read_bytes()[:keep])
    assert process("a {{ 1 + 1 }}") == ("a 2", 1)
    assert process("a {{ 1 + 1 }}") == ("a 2", 0)


def test_nothing_is_written_where_python_writes_no_bytecode(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert process("a") == ("a", 1)
    assert process("a") == ("a", 1)
    assert kept_files(prefix) == []


def test_a_place_that_cannot_be_written_costs_time_only(prefix: Path) -> None:
    prefix.write_text("no folder")
    assert process("a") == ("a", 1)
    assert process("a") == ("a", 1)


def test_nobody_else_may_write_the_file(prefix: Path) -> None:
    before = os.umask(0)
    try:
        process("a")
    finally:
        os.umask(before)
    (file,) = kept_files(prefix)
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_templates_of_the_program_are_kept(prefix: Path) -> None:
    assert Templates().environment.get_template("resolv.conf")
    (file,) = kept_files(prefix)
    assert "resolv.conf" in file.name


@pytest.mark.parametrize("text", ['{{ "x" | shown }}', '{% set x = "x" | shown %}{{ x }}'])
def test_a_filter_that_changed_is_asked_anew(text: str) -> None:
    for word in ("one", "two"):
        environment = Templates({"shown": lambda _, word=word: Quoted(word)}).environment
        environment.loader = DictLoader({"name": text})
        assert environment.get_template("name").render() == word

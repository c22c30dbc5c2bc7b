"""Templates can print nothing but quoted text, and nothing that a view does not have."""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError

from provisioner.daemons.postfix.quoting import TEMPLATES
from provisioner.render.environment import template_folder


def _render(text: str, **names: object) -> str:
    return TEMPLATES.environment.from_string(text).render(view=SimpleNamespace(**names))


def test_text_without_a_filter_is_refused() -> None:
    with pytest.raises(TypeError, match="without a quoting filter"):
        _render("myhostname = {{ view.name }}", name="mail.example.org")


def test_text_through_a_filter_is_printed() -> None:
    assert _render("x = {{ view.name | main_cf }}", name="a$b") == "x = a$$b"


def test_a_number_is_printed_and_a_truth_is_not() -> None:
    assert _render("{{ view.port }}", port=25) == "25"
    with pytest.raises(TypeError):
        _render("{{ view.on }}", on=True)


def test_a_name_that_the_view_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        _render("{{ view.misspelt | main_cf }}")


def test_a_value_is_not_quoted_twice() -> None:
    with pytest.raises(TypeError, match="quoted twice"):
        _render("{{ view.name | main_cf | main_cf }}", name="a$b")


def _templates(folder: Traversable) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            inner = _templates(entry)
            found |= {f"{entry.name}/{name}": text for name, text in inner.items()}
        else:
            found[entry.name] = entry.read_text(encoding="utf-8")
    return found


@pytest.mark.parametrize(("name", "text"), _templates(template_folder()).items())
def test_a_template_names_the_program_and_keeps_to_simple_logic(name: str, text: str) -> None:
    assert name.endswith(".j2")
    assert "Managed by mailprov" in "".join(text.splitlines()[:3])
    assert text.endswith("\n")
    # A block tag at the end would take the last newline with it.
    assert not text.rstrip("\n").endswith("%}") or text.endswith("%}\n")
    words = {tag.split()[0] for tag in re.findall(r"{%-?\s*(.*?)\s*-?%}", text)}
    assert words <= {"if", "elif", "else", "endif", "for", "endfor", "call", "endcall"}
    depth = 0
    for tag in re.findall(r"{%-?\s*(for|endfor)", text):
        depth += 1 if tag == "for" else -1
        assert depth in {0, 1}, "loops are one level deep"

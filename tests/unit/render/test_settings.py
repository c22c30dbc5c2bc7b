"""Templates set by words, which write down what they set."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from provisioner.daemons.postfix.quoting import TEMPLATES
from provisioner.render.quoting import Quoted
from provisioner.render.settings import NOTHING, Recorder, Rendered, Word, spelled


class Words(Recorder):
    """One word, which sets nothing but what is not `off`."""

    def words(self) -> Mapping[str, Word]:
        return {"setting": self._setting}

    def rest(self) -> str:
        return "rest\n"

    def _setting(self, name: str, value: object) -> Quoted:
        text = spelled(value)
        self.record(name, text)
        return NOTHING if text == "off" else Quoted(f"{name}={text}")


def _rendered(text: str, **names: object) -> Rendered:
    words = Words()
    made = TEMPLATES.environment.from_string(text)
    return words.rendered(made.render(view=SimpleNamespace(**names), **words.words()))


def test_a_setting_is_written_and_recorded() -> None:
    got = _rendered('{{ setting("a", "b $c") }}\n{{ setting("n", 5) }}\n{{ setting("a", "2") }}\n')
    assert got.text == b"a=b $c\nn=5\na=2\nrest\n"
    assert got.settings == {"a": ("b $c", "2"), "n": ("5",)}


def test_a_line_whose_word_says_nothing_is_left_out() -> None:
    got = _rendered('head\n\n  {{ setting("a", "off") }}\n  {{ setting("b", "on") }}\n')
    assert got.text == b"head\n\n  b=on\nrest\n"
    assert got.settings["a"] == ("off",)


def test_quoted_text_and_a_templates_own_text_may_be_put_together() -> None:
    got = _rendered('{{ setting("a", "x:" + view.path | main_cf + ",y") }}\n', path="/$")
    assert got.settings == {"a": ("x:/$$,y",)}


@pytest.mark.parametrize("value", ["view.path", '"x:" + view.path', 'view.path + "x:"'])
def test_a_value_without_a_filter_is_refused(value: str) -> None:
    with pytest.raises(TypeError, match="without a quoting filter"):
        _rendered(f'{{{{ setting("a", {value}) }}}}', path="/x")

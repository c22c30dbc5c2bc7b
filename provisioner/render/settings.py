"""How templates set what a site may set itself, and what is known of it afterwards.

A template does not write a setting: it calls a word for it (`{{ setting("biff", "no") }}`). Each
daemon's room has a `Recorder` with the words of its language. The words ask the site's own options
at the place where a setting stands, and write down name and value. So nobody has to read rendered
text again to find a setting in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Undefined

from provisioner.render.quoting import Quoted

NOTHING = Quoted("\0")
"""What a word returns to have its line left out. No quoting filter lets this character pass."""
_LEFT_OUT = re.compile(r"^ *\0\n", re.MULTILINE)

Word = Callable[..., Quoted]
Caller = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered file. settings: the values of each, in their order, as the daemon will see them.

    The recorder of the language says how it names them.
    """

    text: bytes
    settings: Mapping[str, tuple[str, ...]]


class Recorder:
    """The words of a language for one rendering, and what they have set."""

    def __init__(self) -> None:
        self.settings: dict[str, tuple[str, ...]] = {}

    def words(self) -> Mapping[str, Word]:
        """Return what a template can call, by name."""
        return {}

    def rest(self) -> str:
        """Return what comes behind the template's text: the site's own that no word has asked."""
        return ""

    def rendered(self, text: str) -> Rendered:
        """Return the file for the text that a template made by this recorder's words."""
        if NOTHING in text:
            text = _LEFT_OUT.sub("", text)
        return Rendered((text + self.rest()).encode(), dict(self.settings))

    def record(self, name: str, value: str) -> None:
        """Write down a setting."""
        self.settings[name] = (*self.settings.get(name, ()), value)


def spelled(value: object) -> str:
    """Return the text of a setting's value; TypeError if it is neither quoted nor a number."""
    return str(refuse_unquoted(value))


def refuse_unquoted(value: Any) -> Any:  # noqa: ANN401 Jinja hands over whatever a template prints
    """Return what a template may print; TypeError for text that no quoting filter returned."""
    if isinstance(value, Quoted) or type(value) is int:
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises, naming what is missing
    raise TypeError(f"a template prints {type(value).__name__} without a quoting filter: {value!r}")

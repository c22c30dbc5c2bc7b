"""Numbers, switches, sizes and plain texts, read strictly.

Every scalar of a site file arrives as text, because YAML's own guesses turn `010`,
`1:30` and `no` into something that nobody wrote. Here one spelling of each value is
accepted and the others are refused with the right one.
"""

from __future__ import annotations

import re
from typing import Annotated

from provisioner.model.values import InvalidValueError, Parsed

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SIZE = re.compile(r"([1-9][0-9]{0,12})([KMG]?)")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_FREE_LENGTH = 1000
_BIDI = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
UNSAFE = re.compile(
    rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff{_BIDI}]"
)
"""Control characters, line separators, and what reorders the text around it."""


def parse_integer(text: str, low: int, high: int) -> int:
    """Return a decimal integer between low and high; InvalidValueError for any other text."""
    want = f"a whole number from {low} to {high}"
    if not _NUMBER.fullmatch(text):
        plain = text.lstrip("0")
        leading = text.isascii() and text.isdigit() and 0 < len(plain) < len(text)
        raise InvalidValueError(
            "a number with leading zeros" if leading else "not a number",
            want=want,
            fix=f"write {plain}" if leading else "write decimal digits only",
        )
    number = int(text)
    if not low <= number <= high:
        raise InvalidValueError(
            f"a number {'below' if number < low else 'above'} what is allowed",
            want=want,
            fix=f"write {low if number < low else high} or a number between",
        )
    return number


def parse_boolean(text: str) -> bool:
    """Return true for `true` and false for `false`; InvalidValueError for any other text."""
    if text in {"true", "false"}:
        return text == "true"
    meant = _SWITCHES.get(text.lower(), text.lower() if text.lower() in {"true", "false"} else "")
    raise InvalidValueError(
        "neither true nor false",
        want="true or false",
        fix=f"write {meant}" if meant else "write true or false",
    )


def parse_size(text: str, low: int, high: int) -> int:
    """Return a size in octets from digits with K, M or G (1024 each); InvalidValueError if not."""
    want = f"a size from {render_size(low)} to {render_size(high)}, like 50M"
    match = _SIZE.fullmatch(text)
    if not match:
        upper = text.upper().removesuffix("B").removesuffix("I").replace(" ", "")
        fix = f"write {upper}" if _SIZE.fullmatch(upper) else "write digits and K, M or G, like 50M"
        raise InvalidValueError("not a size", want=want, fix=fix)
    octets = int(match[1]) * _UNITS[match[2]]
    if not low <= octets <= high:
        word = "small" if octets < low else "large"
        nearest = render_size(low if octets < low else high)
        raise InvalidValueError(f"a size too {word}", want=want, fix=f"write {nearest}")
    return octets


def render_size(octets: int) -> str:
    """Return a size in its largest whole unit, like 50M."""
    for unit, factor in reversed(_UNITS.items()):
        if octets % factor == 0:
            return f"{octets // factor}{unit}"
    raise AssertionError(octets)


def parse_text(text: str, form: re.Pattern[str], what: str, want: str) -> str:
    """Return text if it has the form; InvalidValueError, "not WHAT", if it has not."""
    if not form.fullmatch(text):
        raise InvalidValueError(f"not {what}", want=want, fix=f"write {want}")
    return text


def parse_free_text(text: str) -> str:
    """Return text that any person may write: one line, not blank, at most 1000 characters."""
    if not text.strip():
        raise InvalidValueError("an empty text", want="some words", fix="write what it is about")
    if len(text) > _FREE_LENGTH:
        raise InvalidValueError(
            "a text that is too long", want=f"at most {_FREE_LENGTH} characters", fix="shorten it"
        )
    return parse_safe_text(text)


def parse_safe_text(text: str) -> str:
    """Return text that has no control or bidirectional characters; it may be empty."""
    if UNSAFE.search(text):
        raise InvalidValueError(
            "a control character in a value",
            want="printable characters on one line",
            fix="remove the character",
        )
    return text


def integer(low: int, high: int) -> Parsed:
    """Return the annotation of an integer that is written as text."""
    return Parsed(
        lambda text: parse_integer(text, low, high),
        anyOf=[
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"},
        ],
    )


def size(low: int, high: int) -> Parsed:
    """Return the annotation of a size in octets that is written as text."""
    return Parsed(
        lambda text: parse_size(text, low, high),
        anyOf=[
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "string", "pattern": "^[1-9][0-9]*[KMG]?$"},
        ],
    )


def formed(form: str, what: str, want: str) -> Parsed:
    """Return the annotation of a text that a regular expression describes as a whole."""
    pattern = re.compile(form)
    return Parsed(
        lambda text: parse_text(text, pattern, what, want), type="string", pattern=f"^(?:{form})$"
    )


Boolean = Annotated[
    bool, Parsed(parse_boolean, anyOf=[{"type": "boolean"}, {"enum": ["true", "false"]}])
]
FreeText = Annotated[str, Parsed(parse_free_text)]
Port = Annotated[int, integer(1, 65535)]

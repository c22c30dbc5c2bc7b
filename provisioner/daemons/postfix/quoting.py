"""How a value is written in Postfix's languages: main.cf, master.cf, lookup tables.

A filter takes a value as it is meant and returns the text that the daemon reads back as exactly
that value; what the language has no way to say is refused, never altered. In a property test of
each the daemon's own tool does the reading.
"""

from __future__ import annotations

from provisioner.daemons.postfix.services import has_matching_braces
from provisioner.render.environment import Templates
from provisioner.render.quoting import Quoted, printable, refusal


def main_cf(value: str) -> Quoted:
    """Return value for the right side of `parameter = value` in main.cf (postconf(5)).

    `$` would expand; `$$` is a literal one. A line break would begin another parameter,
    white space at the ends is not kept, and a brace without its partner makes the tools
    complain.
    """
    text = printable(value, "main.cf")
    if text != text.strip(" "):
        raise refusal(value, "main.cf", "white space at the start or the end")
    if not has_matching_braces(text):
        raise refusal(value, "main.cf", "a brace without its partner")
    return Quoted(text.replace("$", "$$"))


def master_cf(value: str) -> Quoted:
    """Return value for the right side of `-o parameter=value` in master.cf (master(5)).

    As in main.cf, but white space ends an argument, and a brace at its start means
    something else.
    """
    text = main_cf(value)
    if text.startswith("{"):
        raise refusal(value, "master.cf", "a brace at the start")
    if " " in text:
        raise refusal(value, "master.cf", "white space")
    return text


def texthash_key(value: str) -> Quoted:
    """Return value as the key of a texthash table (postmap(1)): it is looked up folded.

    Blanks end a key unless a backslash stands before them, a leading `#` begins a comment,
    a leading quote a quoted key.
    """
    text = printable(value, "a lookup table's key")
    if not text or " " in text:
        raise refusal(value, "a lookup table's key", "white space or nothing")
    if text[0] in '#"':
        raise refusal(value, "a lookup table's key", "a leading # or quote")
    if text.endswith("\\"):
        raise refusal(value, "a lookup table's key", "a backslash at the end")
    if text.endswith(":"):
        # postmap(1) takes it for a line of an aliases file, and says so at each reading.
        raise refusal(value, "a lookup table's key", "a colon at the end")
    if text != text.lower():
        raise refusal(value, "a lookup table's key", "upper-case letters")
    return Quoted(text)


def texthash_value(value: str) -> Quoted:
    """Return value as the result of a lookup: not empty, one line, no blanks at its ends."""
    text = printable(value, "a lookup table's value")
    if not text or text != text.strip(" "):
        raise refusal(value, "a lookup table's value", "white space at an end, or nothing")
    return Quoted(text)


TEMPLATES = Templates(
    {
        "main_cf": main_cf,
        "master_cf": master_cf,
        "texthash_key": texthash_key,
        "texthash_value": texthash_value,
    }
)
"""Postfix's templates."""

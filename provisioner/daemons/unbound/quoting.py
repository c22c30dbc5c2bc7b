"""How a value is written in unbound.conf, and in the records within it.

A filter takes a value as it is meant and returns the text that the daemon reads back as exactly
that value; what the language has no way to say is refused, never altered. In a property test of
each the daemon's own tool does the reading.
"""

from __future__ import annotations

import re

from provisioner.render.environment import Templates
from provisioner.render.quoting import Quoted, printable, refusal


def unbound_string(value: str) -> Quoted:
    """Return value as a string of unbound.conf(5).

    A string ends at the quote that began it, unless a backslash stands before; the
    backslash stays in the value. So a value can hold one kind of quote but not both.
    """
    text = printable(value, "unbound.conf")
    for quote in "\"'":
        if re.fullmatch(rf"(?:[^{quote}\\]|\\.)*", text):
            return Quoted(f"{quote}{text}{quote}")
    raise refusal(value, "unbound.conf", "both kinds of quotes, or a backslash at the end")


def zone_data(value: str) -> Quoted:
    r"""Return the text of a resource record (RFC 1035 section 5.1) as a string of unbound.conf.

    Record data may hold both kinds of quotes; an apostrophe has a second spelling there,
    `\039`, so that single quotes can enclose all.
    """
    text = printable(value, "a record")
    if '"' not in text:
        return unbound_string(text)
    return unbound_string(re.sub(r"\\.|'", lambda found: _OCTET.get(found[0], found[0]), text))


_OCTET = {"'": "\\039", "\\'": "\\039", '\\"': "\\034"}

TEMPLATES = Templates({"unbound_string": unbound_string, "zone_data": zone_data})
"""Unbound's templates."""

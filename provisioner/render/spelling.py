"""How people write a domain that is not all ASCII (its U-labels, RFC 5890).

The site and every table know it in A-labels (`xn--…`). Programs hand on what was typed where
a user logs in: capital letters and, from some keyboards, letters and marks apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import idna

from provisioner.model.names import DomainName
from provisioner.render.quoting import Quoted


def domain_pattern(name: DomainName) -> Quoted | None:
    """Return an extended regular expression for a domain as it is typed; None if it is ASCII.

    ASCII letters stand in lower case. It holds no quote, backslash, slash or white space.
    """
    typed = typed_domain(name)
    return None if typed.isascii() else Quoted("".join(map(_typed, typed)))


def typed_domain(name: DomainName) -> str:
    """Return a domain as its owner writes it, in lower case."""
    labels = name.split(".")
    return ".".join(idna.ulabel(one) if one.startswith("xn--") else one for one in labels)


def _typed(character: str) -> str:
    if character.isascii():
        return "[.]" if character == "." else character
    return f"({'|'.join(dict.fromkeys(_forms(character)))})"


def _forms(character: str) -> Iterator[str]:
    for one in (character, character.upper()):
        if len(one) == 1:  # ß would become two letters of another name
            yield one
            yield unicodedata.normalize("NFD", one)

"""The text of a site file, before it is YAML: size, encoding, forbidden characters.

Control and bidirectional characters are refused wherever they stand, comments included:
what a person sees in a review must be what the program reads (UTS 55).
"""

from __future__ import annotations

import unicodedata

from provisioner.diagnostics import Diagnostic
from provisioner.model.scalars import UNSAFE

MAX_OCTETS = 256 * 1024 * 1024
"""Two million users; what is larger is not the file that its writer meant."""

_LINE_ENDS = "\t\n\r"
_SHOWN = 20
"""Diagnostics for single characters; random bytes have no end of them."""


def decode_text(octets: bytes, name: str) -> tuple[str, list[Diagnostic]]:
    """Return the text of a file, and what makes it unfit to be read as YAML.

    name: of the file, for the places in diagnostics. With diagnostics the text is empty.
    """
    if len(octets) > MAX_OCTETS:
        return "", [too_large(name)]
    if octets.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return "", [
            Diagnostic(
                summary="the file starts with a byte order mark",
                where=f"{name}:1:1",
                got=octets[:3].hex(" "),
                want="UTF-8 without a mark",
                fix="save the file as UTF-8 without BOM",
            )
        ]
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as problem:
        before = octets[: problem.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode()) + 1
        return "", [
            Diagnostic(
                summary="the file is not UTF-8 text",
                where=f"{name}:{line}:{column}",
                got=f"the byte 0x{octets[problem.start]:02x}",
                want="UTF-8",
                fix="save the file as UTF-8",
            )
        ]
    if not text.strip():
        return "", [_empty(name)]
    return text, _forbidden(text, name)


def character_name(character: str) -> str:
    """Return a character's code point and name, like `U+202E (right-to-left override)`."""
    names = {"\n": "line feed", "\r": "carriage return", "\t": "tab", "\0": "NUL"}
    name = names.get(character) or unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X} ({name})"


def _forbidden(text: str, name: str) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for match in UNSAFE.finditer(text):
        character = match[0]
        if character in _LINE_ENDS:
            continue
        if len(found) == _SHOWN:
            break
        before = text[: match.start()]
        line, column = before.count("\n") + 1, match.start() - before.rfind("\n")
        found.append(
            Diagnostic(
                summary="a control or bidirectional character",
                where=f"{name}:{line}:{column}",
                got=character_name(character),
                want="printable characters",
                fix="remove the character",
            )
        )
    return found


def _empty(name: str) -> Diagnostic:
    return Diagnostic(
        summary="the file is empty",
        where=f"{name}:1:1",
        got="no keys",
        want="a site: domain, hosts and users",
        fix="write a site file like the one at the start of the README",
    )


def too_large(name: str) -> Diagnostic:
    """Return the diagnostic for a file of more than MAX_OCTETS."""
    return Diagnostic(
        summary="the file is too large",
        where=f"{name}:1:1",
        got=f"more than {MAX_OCTETS // 1024**2} MiB",
        want=f"at most {MAX_OCTETS // 1024**2} MiB",
        fix="check that this is the site file",
    )

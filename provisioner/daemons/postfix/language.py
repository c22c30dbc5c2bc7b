"""The language of main.cf as Postfix reads it: `$` expansion, lists, tables in the text.

Sources: postconf(5), "name=value", for the expansion; DATABASE_README for the tables that
are written out where they are used (static, inline, cidr, regexp, pcre, and unionmap, pipemap and
randmap around them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_NAME = re.compile(r"\$(?:(\w+)|\$|(?=[{(]))")
_CONDITION = re.compile(r"\s*(\w+)\s*(?:([?:])(.*))?", re.DOTALL)
_COMPARISON = re.compile(r"\s*\{(.*?)\}\s*(==|!=)\s*\{(.*?)\}\s*\?(.*)", re.DOTALL)
_DEEPEST = 20
_CLOSING = {"{": "}", "(": ")"}

COMBINING = frozenset({"unionmap", "pipemap", "randmap"})
"""Types of tables around others, where no row comes before another."""

# Patterns of regexp_table(5) and pcre_table(5) that match whatever there is.
_MATCHES_ALL = re.compile(r"/\^?(?:\.[*+]?|@|\(\.\*\))?\$?/[a-z]*|!.*", re.DOTALL)
# Top-level names that are nobody's on the Internet (RFC 6761, RFC 9476 and common habit).
_OWN_TOP_LEVELS = frozenset(
    {"localhost", "localdomain", "local", "lan", "internal", "intranet", "private", "corp"}
    | {"home", "test", "example", "invalid"}
)


def expand(text: str, value_of: Callable[[str], str], depth: int = 0) -> str:
    """Return a value with its `$name` and `${name?…}` replaced; a circle ends in nothing."""
    if depth > _DEEPEST:
        return ""
    result: list[str] = []
    position = 0
    while found := _NAME.search(text, position):
        result.append(text[position : found.start()])
        position = found.end()
        if found[1]:
            result.append(expand(value_of(found[1]), value_of, depth + 1))
        elif found[0] == "$$":
            result.append("$")
        else:
            inner, position = _enclosed(text, position)
            result.append(_conditional(inner, value_of, depth + 1))
    return "".join((*result, text[position:]))


def words(text: str) -> list[str]:
    """Return the elements of a list; what is in braces stays together."""
    found: list[str] = []
    word, depth = "", 0
    for character in text:
        depth = max(0, depth + (character == "{") - (character == "}"))
        if depth or character not in ", \t\r\n":
            word += character
        elif word:
            found.append(word)
            word = ""
    return [*found, word] if word else found


def table_rows(word: str) -> list[tuple[str, str]] | None:
    """Return the rows of a table that is written out: pattern and result, in their order.

    The pattern is empty where it matches everything. None: no such table, so what is in it
    is not known here.
    """
    kind, colon, text = word.partition(":")
    if kind == "static" and colon:
        return [("", _bare(text))]
    if kind in COMBINING and text.startswith("{"):
        return _combined_rows(kind, words(_bare(text)))
    if kind not in {"inline", "cidr", "regexp", "pcre"} or not text.startswith("{"):
        return None
    rows = list(_rows(_bare(text), "=" if kind == "inline" else " "))
    if kind in {"regexp", "pcre"}:
        rows = [("", result) for pattern, result in rows if _MATCHES_ALL.fullmatch(pattern)]
    return rows


def _combined_rows(kind: str, inner: list[str]) -> list[tuple[str, str]]:
    """Return the rows that may answer; of tables in a pipe the last one does."""
    if kind == "randmap":
        return [("", result) for result in inner]
    answering = inner[-1:] if kind == "pipemap" else inner
    return [row for one in answering for row in table_rows(one) or ()]


def is_top_level(name: str) -> bool:
    """Tell whether a name is that of a public top-level domain: half the world is below it.

    Postfix takes the names below a listed one for listed (parent_domain_matches_subdomains).
    """
    label = name.strip(".").lower()
    # Only a name in A-labels has hyphens at the top (RFC 5891).
    plain = label.replace("-", "") if label.startswith("xn--") else label
    return plain.isalnum() and not label.isdecimal() and label not in _OWN_TOP_LEVELS


def _enclosed(text: str, position: int) -> tuple[str, int]:
    opening, depth = text[position], 0
    closing = _CLOSING[opening]
    for place in range(position, len(text)):
        depth += (text[place] == opening) - (text[place] == closing)
        if not depth:
            return text[position + 1 : place], place + 1
    return text[position + 1 :], len(text)


def _conditional(inner: str, value_of: Callable[[str], str], depth: int) -> str:
    if compared := _COMPARISON.fullmatch(inner):
        left, right = (expand(compared[side], value_of, depth) for side in (1, 3))
        holds, rest = (left == right) == (compared[2] == "=="), compared[4]
    elif named := _CONDITION.fullmatch(inner):
        value = expand(value_of(named[1]), value_of, depth)
        if not named[2]:
            return value
        holds, rest = bool(value) == (named[2] == "?"), named[3]
    else:
        return ""
    yes, no = _branches(rest)
    return expand(yes if holds else no, value_of, depth)


def _branches(text: str) -> tuple[str, str]:
    text = text.strip()
    if not text.startswith("{"):
        return text, ""
    yes, position = _enclosed(text, 0)
    return yes, _bare(text[position:].strip().removeprefix(":").strip())


def _rows(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for row in words(text):
        pattern, _, result = _bare(row).partition(separator)
        yield pattern.strip(), result.strip()


def _bare(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text

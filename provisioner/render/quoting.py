"""How a value is written in the configuration languages of the system itself.

Every language has its own idea of what a dollar, a hash, a quote or a blank means. A filter
takes a value as it is meant and returns the text that is read back as exactly that value; what
the language has no way to say is refused, never altered. A daemon's own languages are in its room
(daemons/NAME/quoting.py).

The filters return `Quoted`, and templates can print nothing else
(provisioner/render/environment.py): a forgotten filter is an error, not a hole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted

_LINE_BREAKS = frozenset("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
WORD = re.compile(r"[A-Za-z0-9_.,:;@/+*=!?~-]+")


class Quoted(str):
    """Text in a daemon's own language: safe to print into its configuration.

    So are two such texts put together (`+`); with any other text beside it, the sum is plain.
    """

    __slots__ = ()

    def __add__(self, other: str) -> str:
        """Return the two texts as one."""
        both = super().__add__(other)
        return Quoted(both) if isinstance(other, Quoted) else both


def comment(value: str) -> Quoted:
    """Return value as the rest of a comment line in any of the languages."""
    return Quoted(printable(value, "a comment"))


def pam_word(value: str) -> Quoted:
    """Return value as one argument of a PAM module (pam.conf(5)), where brackets quote."""
    if not WORD.fullmatch(value) or "[" in value:
        raise refusal(value, "pam.conf", "white space, a bracket or another special character")
    return Quoted(printable(value, "pam.conf"))


def resolv_conf(value: str) -> Quoted:
    """Return value as one word of resolv.conf(5)."""
    text = printable(value, "resolv.conf")
    if not text or re.search(r"\s", text):
        raise refusal(value, "resolv.conf", "white space or nothing")
    return Quoted(text)


def xml_name(value: str) -> Quoted:
    """Quote a name for an attribute of an XML file: letters, digits, `_` and `-` only."""
    printable(value, "a firewalld policy")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise refusal(value, "a firewalld policy", "another character than a name may have")
    return Quoted(value)


FILTERS: Mapping[str, Callable[[str], Quoted]] = {
    "pam_word": pam_word,
    "comment": comment,
    "resolv_conf": resolv_conf,
    "xml_name": xml_name,
}


def printable(value: str, language: str) -> str:
    """Return value; MailprovError unless it is one line without control or surrogate characters."""
    if isinstance(value, Quoted):
        raise TypeError("quoted twice")
    if value.isprintable():  # nearly every value, and a large site has a million of them
        return value
    for character in value:
        if character in _LINE_BREAKS or unicodedata.category(character) in {"Cc", "Cs"}:
            raise refusal(value, language, "a line break or a control character")
    return value


def refusal(value: str, language: str, reason: str) -> MailprovError:
    """Return the error (invalid site) for a value that a language cannot express."""
    return MailprovError(
        Diagnostic(
            summary=f"a value that {language} cannot express: it holds {reason}",
            got=quoted(value),
            want=f"a value without {reason}",
            fix="change the value in the site file",
        ),
        ExitCode.INVALID_SITE,
    )

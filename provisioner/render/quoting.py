"""How a value is written in each configuration language.

Every daemon has a language of its own, with its own idea of what a dollar, a hash, a
quote or a blank means. A filter here takes a value as it is meant and returns the text
that the daemon reads back as exactly that value; what the language has no way to say is
refused, never altered. Each filter has a property test in which the daemon's own tool
does the reading (tests/unit/render/test_quoting.py).

The filters return `Quoted`, and templates can print nothing else
(provisioner/render/environment.py): a forgotten filter is an error, not a hole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.model.postfix_services import has_matching_braces

_LINE_BREAKS = frozenset("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
_WORD = re.compile(r"[A-Za-z0-9_.,:;@/+*=!?~-]+")


class Quoted(str):
    """Text in a daemon's own language: safe to print into its configuration."""

    __slots__ = ()


def main_cf(value: str) -> Quoted:
    """Return value for the right side of `parameter = value` in main.cf (postconf(5)).

    `$` would expand; `$$` is a literal one. A line break would begin another parameter,
    white space at the ends is not kept, and a brace without its partner makes the tools
    complain.
    """
    text = _printable(value, "main.cf")
    if text != text.strip(" "):
        raise _refusal(value, "main.cf", "white space at the start or the end")
    if not has_matching_braces(text):
        raise _refusal(value, "main.cf", "a brace without its partner")
    return Quoted(text.replace("$", "$$"))


def master_cf(value: str) -> Quoted:
    """Return value for the right side of `-o parameter=value` in master.cf (master(5)).

    As in main.cf, but white space ends an argument, and a brace at its start means
    something else.
    """
    text = main_cf(value)
    if text.startswith("{"):
        raise _refusal(value, "master.cf", "a brace at the start")
    if " " in text:
        raise _refusal(value, "master.cf", "white space")
    return text


def texthash_key(value: str) -> Quoted:
    """Return value as the key of a texthash table (postmap(1)): it is looked up folded.

    Blanks end a key unless a backslash stands before them, a leading `#` begins a comment,
    a leading quote a quoted key.
    """
    text = _printable(value, "a lookup table's key")
    if not text or " " in text:
        raise _refusal(value, "a lookup table's key", "white space or nothing")
    if text[0] in '#"':
        raise _refusal(value, "a lookup table's key", "a leading # or quote")
    if text.endswith("\\"):
        raise _refusal(value, "a lookup table's key", "a backslash at the end")
    if text.endswith(":"):
        # postmap(1) takes it for a line of an aliases file, and says so at each reading.
        raise _refusal(value, "a lookup table's key", "a colon at the end")
    if text != text.lower():
        raise _refusal(value, "a lookup table's key", "upper-case letters")
    return Quoted(text)


def texthash_value(value: str) -> Quoted:
    """Return value as the result of a lookup: not empty, one line, no blanks at its ends."""
    text = _printable(value, "a lookup table's value")
    if not text or text != text.strip(" "):
        raise _refusal(value, "a lookup table's value", "white space at an end, or nothing")
    return Quoted(text)


def dovecot_value(value: str) -> Quoted:
    """Return value for the right side of `setting = value` in dovecot.conf, of 2.3 and of 2.4.

    In double quotes `#` is no comment and white space stays; a backslash takes the next
    character as it is. `%` and `$` expand and a leading `<` reads a file even in quotes,
    so a value that holds them is refused; templates write the intended ones themselves.
    """
    text = _printable(value, "dovecot.conf")
    for character, meaning in (("%", "a variable"), ("$", "a reference")):
        if character in text:
            raise _refusal(value, "dovecot.conf", f"{character}, which begins {meaning}")
    if text.startswith("<"):
        raise _refusal(value, "dovecot.conf", "a leading <, which reads a file")
    if _WORD.fullmatch(text):
        return Quoted(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{escaped}"')


def dovecot_path(value: str) -> Quoted:
    """Return value for the middle of a setting of dovecot.conf, where quotes would be literal."""
    if not _WORD.fullmatch(value):
        raise _refusal(value, "dovecot.conf", "a character that needs quotes inside a longer value")
    return Quoted(dovecot_value(value))


def passwd_field(value: str) -> Quoted:
    """Return value as one field of a passwd-file: no colon, no line break, no `#` at the start."""
    text = _printable(value, "a passwd-file")
    if ":" in text:
        raise _refusal(value, "a passwd-file", "a colon, which ends the field")
    if text.startswith("#"):
        raise _refusal(value, "a passwd-file", "a leading #, which makes the line a comment")
    if text != text.strip():
        raise _refusal(value, "a passwd-file", "white space at an end")
    return Quoted(text)


def unbound_string(value: str) -> Quoted:
    """Return value as a string of unbound.conf(5).

    A string ends at the quote that began it, unless a backslash stands before; the
    backslash stays in the value. So a value can hold one kind of quote but not both.
    """
    text = _printable(value, "unbound.conf")
    for quote in "\"'":
        if re.fullmatch(rf"(?:[^{quote}\\]|\\.)*", text):
            return Quoted(f"{quote}{text}{quote}")
    raise _refusal(value, "unbound.conf", "both kinds of quotes, or a backslash at the end")


def zone_data(value: str) -> Quoted:
    r"""Return the text of a resource record (RFC 1035 section 5.1) as a string of unbound.conf.

    Record data may hold both kinds of quotes; an apostrophe has a second spelling there,
    `\039`, so that single quotes can enclose all.
    """
    text = _printable(value, "a record")
    if '"' not in text:
        return unbound_string(text)
    return unbound_string(re.sub(r"\\.|'", lambda found: _OCTET.get(found[0], found[0]), text))


_OCTET = {"'": "\\039", "\\'": "\\039", '\\"': "\\034"}


def comment(value: str) -> Quoted:
    """Return value as the rest of a comment line in any of the languages."""
    return Quoted(_printable(value, "a comment"))


def pam_word(value: str) -> Quoted:
    """Return value as one argument of a PAM module (pam.conf(5)), where brackets quote."""
    if not _WORD.fullmatch(value) or "[" in value:
        raise _refusal(value, "pam.conf", "white space, a bracket or another special character")
    return Quoted(_printable(value, "pam.conf"))


def resolv_conf(value: str) -> Quoted:
    """Return value as one word of resolv.conf(5)."""
    text = _printable(value, "resolv.conf")
    if not text or re.search(r"\s", text):
        raise _refusal(value, "resolv.conf", "white space or nothing")
    return Quoted(text)


def xml_name(value: str) -> Quoted:
    """Quote a name for an attribute of an XML file: letters, digits, `_` and `-` only."""
    _printable(value, "a firewalld policy")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise _refusal(value, "a firewalld policy", "another character than a name may have")
    return Quoted(value)


FILTERS: Mapping[str, Callable[[str], Quoted]] = {
    "main_cf": main_cf,
    "master_cf": master_cf,
    "texthash_key": texthash_key,
    "texthash_value": texthash_value,
    "dovecot_value": dovecot_value,
    "dovecot_path": dovecot_path,
    "pam_word": pam_word,
    "passwd_field": passwd_field,
    "unbound_string": unbound_string,
    "zone_data": zone_data,
    "comment": comment,
    "resolv_conf": resolv_conf,
    "xml_name": xml_name,
}


def _printable(value: str, language: str) -> str:
    """Return value; raise unless it is one line without control or surrogate characters."""
    if isinstance(value, Quoted):
        raise TypeError("quoted twice")
    if value.isprintable():  # nearly every value, and a large site has a million of them
        return value
    for character in value:
        if character in _LINE_BREAKS or unicodedata.category(character) in {"Cc", "Cs"}:
            raise _refusal(value, language, "a line break or a control character")
    return value


def _refusal(value: str, language: str, reason: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=f"a value that {language} cannot express: it holds {reason}",
            got=quoted(value),
            want=f"a value without {reason}",
            fix="change the value in the site file",
        ),
        ExitCode.INVALID_SITE,
    )

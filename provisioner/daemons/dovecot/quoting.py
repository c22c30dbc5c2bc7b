"""How a value is written in Dovecot's languages: dovecot.conf and passwd-files.

A filter takes a value as it is meant and returns the text that the daemon reads back as exactly
that value; what the language has no way to say is refused, never altered. In a property test of
each the daemon's own tool does the reading.
"""

from __future__ import annotations

from provisioner.render.environment import Templates
from provisioner.render.quoting import WORD, Quoted, printable, refusal


def dovecot_value(value: str) -> Quoted:
    """Return value for the right side of `setting = value` in dovecot.conf, of 2.3 and of 2.4.

    In double quotes `#` is no comment and white space stays; a backslash takes the next
    character as it is. `%` and `$` expand and a leading `<` reads a file even in quotes,
    so a value that holds them is refused; templates write the intended ones themselves.
    """
    text = printable(value, "dovecot.conf")
    for character, meaning in (("%", "a variable"), ("$", "a reference")):
        if character in text:
            raise refusal(value, "dovecot.conf", f"{character}, which begins {meaning}")
    if text.startswith("<"):
        raise refusal(value, "dovecot.conf", "a leading <, which reads a file")
    if WORD.fullmatch(text):
        return Quoted(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{escaped}"')


def dovecot_path(value: str) -> Quoted:
    """Return value for the middle of a setting of dovecot.conf, where quotes would be literal."""
    if not WORD.fullmatch(value):
        raise refusal(value, "dovecot.conf", "a character that needs quotes inside a longer value")
    return Quoted(dovecot_value(value))


def passwd_field(value: str) -> Quoted:
    """Return value as one field of a passwd-file: no colon, no line break, no `#` at the start."""
    text = printable(value, "a passwd-file")
    if ":" in text:
        raise refusal(value, "a passwd-file", "a colon, which ends the field")
    if text.startswith("#"):
        raise refusal(value, "a passwd-file", "a leading #, which makes the line a comment")
    if text != text.strip():
        raise refusal(value, "a passwd-file", "white space at an end")
    return Quoted(text)


TEMPLATES = Templates(
    {"dovecot_value": dovecot_value, "dovecot_path": dovecot_path, "passwd_field": passwd_field}
)
"""Dovecot's templates."""

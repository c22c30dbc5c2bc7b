"""Passwords that are soon guessed, judged without showing anything of them.

Length, names that everybody knows, and an estimate of how many guesses it takes (zxcvbn:
common passwords, words, keyboard rows, dates, repeats). NIST SP 800-63B section 5.1.1.2
asks for the same: a least length, and no common, expected or context-specific values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provisioner.model.names import MailAddress

SHORTEST = 8
"""Fewer characters are guessed whatever they are (NIST SP 800-63B)."""

_SHORTEST_HINT = 3
# zxcvbn's scale of 0 to 4: below 2 it takes fewer than a million guesses.
_ENOUGH = 2
# Its time grows with the square of the length, and a weak password is short.
_JUDGED = 72


def reason_weak(password: str, hints: Iterable[str]) -> str | None:
    """Return why a cleartext password is soon guessed, None if it is not.

    hints: names that a guesser tries first (`hints_about`); those under 3 characters do
    not count. The reason holds nothing of the password or of the hints.
    """
    if len(password) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters"
    known = [hint for hint in hints if len(hint) >= _SHORTEST_HINT]
    folded = password.casefold()
    if any(hint.casefold() in folded for hint in known):
        return "it contains the user's or the domain's name"
    # Its word lists take a while to load, and many sites give hashes only.
    from zxcvbn import zxcvbn  # noqa: PLC0415 see above

    if zxcvbn(password[:_JUDGED], user_inputs=known)["score"] < _ENOUGH:
        return "it is among an attacker's first million guesses"
    return None


def hints_about(address: MailAddress, name: str = "") -> tuple[str, ...]:
    """Return what everybody knows of a user: the local part, the person's names, the domain.

    name: of the person. The last label of the domain says nothing and is left out.
    """
    words = (address.local, *re.findall(r"\w+", name), *address.domain.split(".")[:-1])
    return tuple(dict.fromkeys(words))

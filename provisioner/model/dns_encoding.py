"""Names of the DNS in their one spelling: A-labels, lower case, no trailing dot.

IDNA 2008 (RFC 5891) without the transitional mapping: the standard library's codec is
the older IDNA 2003, for which `faß.de` and `fass.de` are the same name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import ip_address

import idna

from provisioner.model.values import InvalidValueError

_NAME_LENGTH = 253
_LABEL_LENGTH = 63


# A large site names the same few domains for each of its users.
@lru_cache(maxsize=1024)
def encode_name(text: str, label_form: re.Pattern[str], want: str) -> str:
    """Return a DNS name in A-labels, lower case, without its trailing dot.

    label_form: what an ASCII label must be. want: the beginning of what a message asks
    for. Raises InvalidValueError.
    """
    name = text.removesuffix(".")
    if not name:
        raise InvalidValueError("an empty name", want=want, fix="write the name")
    if len(name) > _NAME_LENGTH:
        raise _too_long(len(name))
    if _is_address(name):
        raise InvalidValueError(
            "an IP address where a name is wanted",
            want=want,
            fix="write the host's or domain's name",
        )
    encoded = ".".join(_encoded_label(label, label_form, want) for label in name.split("."))
    if len(encoded) > _NAME_LENGTH:
        raise _too_long(len(encoded))
    if encoded.rpartition(".")[2].isdigit():
        raise InvalidValueError(
            "a name that ends in a number",
            want=want,
            fix="end the name in a top-level domain, like org",
        )
    return encoded


def _encoded_label(label: str, form: re.Pattern[str], want: str) -> str:
    folded = unicodedata.normalize("NFC", label.lower())
    if folded.isascii():
        if not form.fullmatch(folded):
            raise _bad_label(folded, want)
        if not folded.startswith("xn--"):
            return folded
    try:
        # An A-label is decoded and encoded again: only what round-trips is one.
        return idna.alabel(folded).decode("ascii")
    except (idna.IDNAError, UnicodeError) as problem:
        raise InvalidValueError(
            "not a domain name of IDNA 2008",
            want=want,
            fix="use letters and digits that RFC 5892 allows in names, each label in one script",
        ) from problem


def _bad_label(label: str, want: str) -> InvalidValueError:
    if not label:
        return InvalidValueError(
            "a name with an empty label", want=want, fix="write one dot between two labels"
        )
    if len(label) > _LABEL_LENGTH:
        return InvalidValueError(
            f"a label of {len(label)} characters",
            want="labels of at most 63 characters (RFC 1035)",
            fix="shorten the label",
        )
    return InvalidValueError(
        "not a domain name",
        want=f"{want}: letters, digits and inner hyphens between dots",
        fix="remove every other character",
    )


def _too_long(length: int) -> InvalidValueError:
    return InvalidValueError(
        f"a name of {length} characters",
        want="at most 253 characters (RFC 1035)",
        fix="shorten the name",
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True

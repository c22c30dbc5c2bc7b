"""What each version of Postfix has.

Protections were ported back to several branches at once, so a version number alone does
not order them: each feature has one first release on every branch that got it (release
notes of Postfix 3.5 to 3.10 and trials of our own).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Version = tuple[int, int, int]

# First patch level on each branch; the last branch listed and all later ones have it.
_FORBID_BARE_NEWLINE: dict[tuple[int, int], int] = {(3, 5): 23, (3, 6): 13, (3, 7): 9, (3, 8): 4}
_NORMALIZE: dict[tuple[int, int], int] = {(3, 5): 24, (3, 6): 14, (3, 7): 10, (3, 8): 5}
_FORBID_PIPELINING: dict[tuple[int, int], int] = {(3, 5): 20, (3, 6): 10, (3, 7): 6, (3, 8): 1}


@dataclass(frozen=True, slots=True)
class PostfixFeatures:
    """The differences between versions that main.cf has to know.

    forbid_bare_newline: the value that stops SMTP smuggling, empty where there is none.
    tls_floor: the value of `smtpd_tls_protocols` that means "TLS 1.2 or later".
    """

    compatibility_level: str
    forbid_bare_newline: Literal["", "yes", "normalize"]
    forbid_unauth_pipelining: bool
    replace_stray_cr_lf: bool
    ffdhe_auto_groups: bool
    tls_floor: str


def postfix_features(version: str) -> PostfixFeatures:
    """Return what a Postfix of this version (`3.7.11`) has."""
    number = _parse(version)
    normalize = _has(number, _NORMALIZE)
    forbid: Literal["", "yes", "normalize"] = "yes" if _has(number, _FORBID_BARE_NEWLINE) else ""
    modern = number >= (3, 6, 0)
    return PostfixFeatures(
        # 3.6 is fatal in 3.5; higher levels bring nothing that is not set here anyway.
        compatibility_level="3.6" if modern else "2",
        forbid_bare_newline="normalize" if normalize else forbid,
        forbid_unauth_pipelining=_has(number, _FORBID_PIPELINING),
        replace_stray_cr_lf=normalize,
        ffdhe_auto_groups=number >= (3, 8, 0),
        tls_floor=">=TLSv1.2" if modern else "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
    )


def _parse(version: str) -> Version:
    release = version.partition("-")[0]
    numbers = [int(part) for part in release.split(".")[:3] if part.isdigit()]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _has(version: Version, first: dict[tuple[int, int], int]) -> bool:
    branch = version[:2]
    if branch in first:
        return version[2] >= first[branch]
    return branch > max(first)

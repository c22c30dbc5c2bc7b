"""What each version of Postfix has.

Protections were ported back to several branches at once, so a version number alone does
not order them: each feature has one first release on every branch that got it (release
notes of Postfix 3.5 to 3.10 and trials of our own). Vendors port them back further and keep
the version, so what the host's own Postfix says it has counts as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from provisioner.platforms.record import DaemonRecord

Version = tuple[int, int, int]

_VERSION = re.compile(r"([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")

# First patch level on each branch; the last branch listed and all later ones have it.
_FORBID_BARE_NEWLINE: dict[tuple[int, int], int] = {(3, 5): 23, (3, 6): 13, (3, 7): 9, (3, 8): 4}
_NORMALIZE: dict[tuple[int, int], int] = {(3, 5): 24, (3, 6): 14, (3, 7): 10, (3, 8): 5}
_FORBID_PIPELINING: dict[tuple[int, int], int] = {(3, 5): 20, (3, 6): 10, (3, 7): 6, (3, 8): 1}


@dataclass(frozen=True, slots=True)
class PostfixFeatures:
    """The differences between versions that main.cf has to know.

    forbid_bare_newline: the value that stops SMTP smuggling, empty where there is none.
    relay_first: who may relay is judged before the recipient restrictions, whatever these
    say. tls_floor: the value of `smtpd_tls_protocols` that means "TLS 1.2 or later".
    """

    compatibility_level: str
    forbid_bare_newline: Literal["", "yes", "normalize"]
    forbid_unauth_pipelining: bool
    replace_stray_cr_lf: bool
    ffdhe_auto_groups: bool
    relay_first: bool
    tls_floor: str


def postfix_features(postfix: DaemonRecord) -> PostfixFeatures:
    """Return what this Postfix has, by its version (`3.7.11`) and by what was ported back to it.

    ValueError for what is no version.
    """
    number = _parse(postfix.version)
    back = postfix.ported_back
    normalize = _has(number, _NORMALIZE)
    boolean = _has(number, _FORBID_BARE_NEWLINE) or "smtpd_forbid_bare_newline" in back
    # Where the parameter exists, `yes` is one of its values, whichever of the two cures it is.
    forbid: Literal["", "yes", "normalize"] = "yes" if boolean else ""
    modern = number >= (3, 6, 0)
    return PostfixFeatures(
        # 3.6 is fatal in 3.5; higher levels bring nothing that is not set here anyway.
        compatibility_level="3.6" if modern else "2",
        forbid_bare_newline="normalize" if normalize else forbid,
        forbid_unauth_pipelining=_has(number, _FORBID_PIPELINING)
        or "smtpd_forbid_unauth_pipelining" in back,
        replace_stray_cr_lf=normalize or "cleanup_replace_stray_cr_lf" in back,
        ffdhe_auto_groups=number >= (3, 8, 0),
        # By the default of smtpd_relay_before_recipient_restrictions at this level.
        relay_first=modern,
        tls_floor=">=TLSv1.2" if modern else "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
    )


def _parse(version: str) -> Version:
    found = _VERSION.match(version)
    if found is None:
        raise ValueError(f"no version of Postfix: {version!r}")
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)


def _has(version: Version, first: dict[tuple[int, int], int]) -> bool:
    branch = version[:2]
    if branch in first:
        return version[2] >= first[branch]
    return branch > max(first)

"""Secrets that daemons use towards others: where the site file names them.

They are neither configuration nor people: no generation, no history and no snapshot has a
copy, and no rollback revives one (docs/decisions/0031).
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.problems import KeyPath
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Site
from provisioner.model.values import InvalidValueError

RELAY_PASSWORD: KeyPath = ("relay", "password")


def named_secrets(site: Site) -> Iterator[tuple[KeyPath, SecretReference]]:
    """Yield each place of the site file that names such a secret, and where that is."""
    if site.relay is not None and site.relay.password is not None:
        yield RELAY_PASSWORD, site.relay.password


def judge_secret(text: str) -> str:
    """Return a secret that a daemon can be given; InvalidValueError, which shows none of it.

    text: without control characters. Of that Postfix's lookup tables lose nothing but blanks
    at the ends (postmap(1)).
    """
    if text != text.strip():
        raise InvalidValueError(
            "a secret with a blank at its start or end: the daemon would not see it",
            got=f"a text of {len(text)} characters",
            want="the secret alone",
            fix="store it without the blank; if it is part of the secret, choose another secret",
        )
    return text

"""Secrets that daemons use towards others: where the site file names them.

They are neither configuration nor people: no generation, no history and no snapshot has a
copy, and no rollback revives one (docs/decisions/0031).
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.problems import KeyPath
from provisioner.model.secrets import HeldSecret, SecretReference
from provisioner.model.site import Site
from provisioner.model.values import InvalidValueError

RELAY_PASSWORD: KeyPath = ("relay", "password")


def named_secrets(site: Site) -> Iterator[tuple[KeyPath, SecretReference]]:
    """Yield each place of the site file that names such a secret, and where that is."""
    if site.relay is not None and site.relay.password is not None:
        yield RELAY_PASSWORD, site.relay.password
    for path, value in _hatch_values(site):
        if isinstance(value, HeldSecret):
            yield path, value.reference


def _hatch_values(site: Site) -> Iterator[tuple[KeyPath, str]]:
    for name, value in site.postfix.main.items():
        yield ("postfix", "main", name), value
    for service, options in site.postfix.master.items():
        for name, value in options.items():
            yield ("postfix", "master", service, name), value
    for version, options in site.dovecot.items():
        for name, value in options.items():
            yield ("dovecot", version, name), value
    for clause, several in site.unbound.items():
        for name, values in several.items():
            for value in values:
                yield ("unbound", clause, name), value


def judge_rows(text: str) -> str:
    """Return the rows of a lookup table (postmap(1)); InvalidValueError, which shows none of them.

    text: without control characters but line ends and tabulators. A line that begins with a blank
    would go on the one before, and a key without a value is a row that Postfix passes over.
    """
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(maxsplit=1)
        if fields and not line.startswith("#") and (line[0].isspace() or len(fields) == 1):
            flaw = "a blank at the start" if line[0].isspace() else "no value"
            raise InvalidValueError(
                "a secret that is no lookup table",
                got=f"{flaw} in line {number}",
                want="in every line a key, a blank and a value, like `[smtp.example.net]:587 "
                "user:password`",
                fix="store whole rows where the reference points",
            )
    return text


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

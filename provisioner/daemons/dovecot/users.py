"""The passwd-files of virtual users.

Two files, because one line cannot say both: `users` opens the door and holds enabled
users only; `mailboxes` says where mail lies and holds everybody, so that mail for a
disabled user still arrives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.directory.inline import directory_of
from provisioner.model.mailboxes import mailbox_home
from provisioner.model.secrets import PasswordHash, SecretReference, SiteSecrets
from provisioner.model.site import Site, User


@dataclass(frozen=True, slots=True)
class PasswordRow:
    """A login name and the hash of its password."""

    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A user and the folder that holds the user's mail."""

    name: str
    home: str


def password_rows(site: Site, secrets: SiteSecrets) -> Iterator[PasswordRow]:
    """Yield the enabled users with their hashes, by name."""
    for user in sorted(directory_of(site).users, key=lambda user: user.address):
        if user.enabled:
            found = secrets.passwords.get(user.address)
            yield PasswordRow(user.address, found or unusable_hash(user))


def mailbox_rows(site: Site) -> Iterator[MailboxRow]:
    """Yield all users with their homes, by name."""
    for user in sorted(directory_of(site).users, key=lambda user: user.address):
        yield MailboxRow(user.address, mailbox_home(site, user.address))


def unusable_hash(user: User) -> str:
    """Return a hash that no password has, and that says which reference is meant.

    crypt(3) makes no result that begins with an exclamation mark.
    """
    if isinstance(user.password, PasswordHash):
        return "{CRYPT}!hash"
    return "{CRYPT}!" + _named(user.password)


def _named(reference: SecretReference) -> str:
    value = reference.value if isinstance(reference.value, str) else reference.value[0]
    return f"{reference.source}=" + re.sub(r"[^A-Za-z0-9_./-]", "_", value)

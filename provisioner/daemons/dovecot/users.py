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
from provisioner.model.site import Host, Site, User


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


@dataclass(frozen=True, slots=True)
class ElsewhereRow:
    """A user whose mail is on another store. address: where that is reached, tls: over TLS."""

    name: str
    host: str
    address: str
    tls: bool


def password_rows(site: Site, secrets: SiteSecrets) -> Iterator[PasswordRow]:
    """Yield the enabled users with their hashes, by name."""
    for user in sorted(directory_of(site).users, key=lambda user: user.address):
        if user.enabled:
            found = secrets.passwords.get(user.address)
            yield PasswordRow(user.address, found or unusable_hash(user))


def mailbox_rows(site: Site, host: Host) -> Iterator[MailboxRow]:
    """Yield the users whose mail is on a host, with their homes, by name."""
    directory = directory_of(site)
    for user in sorted(directory.users, key=lambda user: user.address):
        if directory.store_of(user.address) == host.key:
            yield MailboxRow(user.address, mailbox_home(site, user.address))


def elsewhere_rows(site: Site, host: Host) -> Iterator[ElsewhereRow]:
    """Yield the users whose mail is on another store than a host, by name."""
    directory = directory_of(site)
    for user in sorted(directory.users, key=lambda user: user.address):
        key = directory.store_of(user.address)
        if key != host.key:
            store = site.host(key)
            address = str(store.addresses[0])
            yield ElsewhereRow(user.address, store.fqdn, address, tls=site.tls != "none")


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

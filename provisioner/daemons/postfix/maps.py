"""Who receives mail and who may send under which address: Postfix's lookup tables.

They belong to the directory plane: a rollback of the configuration leaves them alone.
All are `texthash`: plain text, no postmap(1), read by each process when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.directory.inline import directory_of
from provisioner.model.names import MailAddress
from provisioner.model.prober import login_name
from provisioner.model.reading import BOUNCER
from provisioner.model.site import AccountKind, Site

# Mail to these names of the machine itself (from cron, say) reaches a person too.
_MACHINE_NAMES = ("root", "postmaster", BOUNCER, "abuse", "hostmaster")


@dataclass(frozen=True, slots=True)
class MapRow:
    """One line of a lookup table."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class MapView:
    """What the templates of the tables print."""

    rows: tuple[MapRow, ...]


def recipient_rows(site: Site) -> Iterator[MapRow]:
    """Yield everybody with a mailbox, disabled users included.

    Virtual users are looked up by full address (postconf(5), virtual_mailbox_maps), system
    users by name (local_recipient_maps), whatever name of the host stands behind the @.
    """
    system = site.accounts.kind is AccountKind.SYSTEM
    for address in directory_of(site).mailboxes():
        yield MapRow(address.local if system else address, "mailbox")


def alias_rows(site: Site) -> Iterator[MapRow]:
    """Yield every rewriting of a recipient (virtual(5)): the site's aliases, then bare names.

    A bare name matches at every name of the host itself, so no mail stays on the machine.
    """
    directory = directory_of(site)
    for alias in directory.aliases:
        yield MapRow(alias.source, ", ".join(alias.targets))
    for name in _MACHINE_NAMES:
        address = MailAddress(f"{name}@{site.domain}")
        if role := directory.alias(address):
            yield MapRow(name, ", ".join(role.targets))
        elif directory.user(address):
            yield MapRow(name, address)


def sender_rows(site: Site) -> Iterator[MapRow]:
    """Yield which login may send under an address: one's own, and aliases that lead to oneself."""
    for address, owners in directory_of(site).owners():
        yield MapRow(address, ", ".join(login_name(site, owner) for owner in owners))


def tables_of(site: Site) -> Iterator[tuple[str, Iterator[MapRow]]]:
    """Yield the site's tables by name, each with its rows."""
    yield "recipients", recipient_rows(site)
    yield "aliases", alias_rows(site)
    yield "senders", sender_rows(site)

"""Who receives mail and who may send under which address: Postfix's lookup tables.

They belong to the directory plane: a rollback of the configuration leaves them alone.
All are `texthash`: plain text, no postmap(1), read by each process when it starts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.model.names import MailAddress
from provisioner.model.prober import login_name, probe_address
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
    for address in (*(user.address for user in site.users), probe_address(site)):
        yield MapRow(address.local if system else address, "mailbox")


def alias_rows(site: Site) -> Iterator[MapRow]:
    """Yield every rewriting of a recipient (virtual(5)): the site's aliases, then bare names.

    A bare name matches at every name of the host itself, so no mail stays on the machine.
    """
    table = {alias.source: alias.targets for alias in site.aliases}
    for source, targets in table.items():
        yield MapRow(source, ", ".join(targets))
    if site.accounts.kind is AccountKind.SYSTEM:
        for user in site.users:
            # A further domain has no mailboxes of its own: it leads to the system's users.
            if user.address.domain != site.domain and user.address not in table:
                yield MapRow(user.address, f"{user.address.local}@{site.domain}")
    for name in _MACHINE_NAMES:
        address = MailAddress(f"{name}@{site.domain}")
        if address in table:
            yield MapRow(name, ", ".join(table[address]))
        elif any(user.address == address for user in site.users):
            yield MapRow(name, address)


def sender_rows(site: Site) -> Iterator[MapRow]:
    """Yield which login may send under an address: one's own, and aliases that lead to oneself."""
    owners: defaultdict[MailAddress, list[MailAddress]] = defaultdict(list)
    for user in (*(user.address for user in site.users), probe_address(site)):
        owners[user].append(user)
    targets = {alias.source: alias.targets for alias in site.aliases}
    users = set(owners)
    for source in targets:
        for owner in sorted(_leads_to(source, targets) & users):
            if owner not in owners[source]:
                owners[source].append(owner)
    for address, logins in owners.items():
        if logins:
            yield MapRow(address, ", ".join(login_name(site, login) for login in logins))


def _leads_to(
    source: MailAddress, targets: Mapping[MailAddress, tuple[MailAddress, ...]]
) -> set[MailAddress]:
    reached: set[MailAddress] = set()
    waiting = [source]
    while waiting:
        address = waiting.pop().base
        if address not in reached:
            reached.add(address)
            waiting += targets.get(address, ())
    return reached

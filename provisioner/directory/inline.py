"""The directory that the site file itself is: its users, its aliases, its domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from provisioner.directory.interface import Ability, ListedDirectory
from provisioner.model.names import HostKey, MailAddress
from provisioner.model.once import once_per_site
from provisioner.model.prober import probe_address
from provisioner.model.secrets import PasswordHash
from provisioner.model.site import Alias, Role, Site, User


@once_per_site
def directory_of(site: Site) -> ListedDirectory:
    """Return where the site's users are looked up."""
    return InlineDirectory(site)


class InlineDirectory:
    """Users and aliases as the site has them; what finds one of them is made when it is asked."""

    abilities = frozenset(Ability)

    def __init__(self, site: Site) -> None:
        self.users = site.users
        self.aliases = site.aliases
        self._domains = frozenset[str](domain.name for domain in site.domains)
        self._prober = probe_address(site)
        self._first_store = site.hosts_with(Role.STORE)[0].key

    def is_own(self, address: str) -> bool:
        """Tell whether an address is of the site: whether its domain is."""
        return address.rpartition("@")[2] in self._domains

    def user(self, address: str) -> User | None:
        """Return the user with this address, disabled ones too."""
        return self._by_address.get(address)

    def alias(self, address: str) -> Alias | None:
        """Return the alias with this source."""
        return self._by_source.get(address)

    def owners_of(self, address: MailAddress) -> tuple[MailAddress, ...]:
        """Return the mailboxes that an address leads to, sorted: these may send as it."""
        reached: set[MailAddress] = set()
        waiting = [address]
        while waiting:
            one = waiting.pop().base
            if one not in reached:
                reached.add(one)
                alias = self.alias(one)
                waiting += alias.targets if alias else ()
        return tuple(sorted(one for one in reached if one == self._prober or self.user(one)))

    def store_of(self, address: str) -> HostKey:
        """Return the host that keeps the mail of a mailbox."""
        user = self.user(address)
        return (user.store if user else None) or self._first_store

    def mailboxes(self) -> Iterator[MailAddress]:
        """Yield the addresses that have a mailbox: of all users, and the prober's."""
        for user in self.users:
            yield user.address
        yield self._prober

    def owners(self) -> Iterator[tuple[MailAddress, tuple[MailAddress, ...]]]:
        """Yield each address that somebody may send as, once, with `owners_of` it."""
        # No alias has the address of a user: it leads nowhere else.
        for address in self.mailboxes():
            yield address, (address,)
        for alias in self.aliases:
            if owners := self.owners_of(alias.source):
                yield alias.source, owners

    def hashes(self) -> Mapping[MailAddress, PasswordHash]:
        """Return the passwords that are given as a hash; a reference has to be read first."""
        return {
            user.address: user.password
            for user in self.users
            if isinstance(user.password, PasswordHash)
        }

    @cached_property
    def _by_address(self) -> Mapping[str, User]:
        return {user.address: user for user in self.users}

    @cached_property
    def _by_source(self) -> Mapping[str, Alias]:
        return {alias.source: alias for alias in self.aliases}

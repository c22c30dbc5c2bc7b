"""What the rest of the code may ask of a directory, whatever holds its users.

The types say what a reader needs. Who looks up single addresses takes a `Directory`: a database
of a million users answers that. Who needs everybody, like the text files of a small site, takes
a `ListedDirectory`, which not every kind can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Protocol

from provisioner.model.names import HostKey, MailAddress
from provisioner.model.secrets import PasswordHash
from provisioner.model.site import Alias, User


class Ability(StrEnum):
    """What a kind of directory may be able to do: name everybody, find one, be changed by us."""

    LIST = "list"
    LOOK_UP = "look up"
    CHANGE = "change"


class Directory(Protocol):
    """Answers about one address; none of them looks through all users.

    Addresses are as the site has them: in lower case, without a detail (`MailAddress.base`).
    """

    @property
    def abilities(self) -> frozenset[Ability]:
        """What this directory can do."""

    def is_own(self, address: str) -> bool:
        """Tell whether an address is of the site: whether its domain is."""

    def user(self, address: str) -> User | None:
        """Return the user with this address, disabled ones too."""

    def alias(self, address: str) -> Alias | None:
        """Return the alias with this source."""

    def owners_of(self, address: MailAddress) -> tuple[MailAddress, ...]:
        """Return the mailboxes that an address leads to, sorted: these may send as it.

        Aliases are followed to their ends. The prober's mailbox counts as one.
        """

    def store_of(self, address: str) -> HostKey:
        """Return the host that keeps the mail of a mailbox, the prober's included.

        Who is placed nowhere has the first host with the role `store`, in the order of the file:
        a store that is added below moves nobody.
        """


class ListedDirectory(Directory, Protocol):
    """A directory that can name all that it has (`Ability.LIST`)."""

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody, in the order in which they were written."""

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """All aliases, those that nobody wrote included."""

    def mailboxes(self) -> Iterator[MailAddress]:
        """Yield the addresses that have a mailbox: of all users, and the prober's."""

    def owners(self) -> Iterator[tuple[MailAddress, tuple[MailAddress, ...]]]:
        """Yield each address that somebody may send as, once, with `owners_of` it."""

    def hashes(self) -> Mapping[MailAddress, PasswordHash]:
        """Return the passwords that are given as a hash; a reference has to be read first."""

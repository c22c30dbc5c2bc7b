"""A site file, read: its sections as rules and resolution share them, and the form of a rule.

A reading is defined for any well-formed `SiteFile`, whether or not it breaks a rule. Rules are
written on top of it, and it carries those of the daemons' rooms: so both stand in one module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from typing import Never

from provisioner.model.exposure import Exposure
from provisioner.model.file.people import WrittenAliases, WrittenMx
from provisioner.model.names import DomainName, HostKey, MailAddress, Mailbox
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.site import AccountKind, IPNetwork, Role, Submission
from provisioner.model.site_file import SiteFile
from provisioner.model.targets import Target

ROLE_ADDRESSES = ("postmaster", "abuse", "hostmaster", "root")
"""RFC 2142 and RFC 5321 section 4.5.1; `root` is where the hosts' own mail goes."""

BOUNCER = "mailer-daemon"
"""The name that bounces come from. Who answers one reaches whoever is postmaster there."""


@dataclass(frozen=True, slots=True)
class ReadAlias:
    """An alias with full addresses, and where it was written.

    targets: each with the path it was written at.
    """

    path: KeyPath
    source: MailAddress
    targets: tuple[tuple[KeyPath, MailAddress], ...]


def next_sources(
    source: MailAddress, by_source: Mapping[MailAddress, ReadAlias]
) -> Iterator[MailAddress]:
    """Yield the aliases that an alias leads to at once."""
    return (target.base for _, target in by_source[source].targets if target.base in by_source)


class Reading:
    """A site file, read: defaults filled in and names completed.

    hatches: what each daemon's room says of the file's `postfix`, `dovecot`, `unbound` and so on.
    """

    def __init__(self, file: SiteFile, hatches: tuple[HatchRules, ...] = ()) -> None:
        self.file = file
        self.hatches = hatches

    @cached_property
    def exposures(self) -> tuple[Exposure, ...]:
        """All that the escape hatches of the site open, allowed or not.

        `postfix`, `dovecot` and `unbound` can say in a daemon's words what `allow_insecure`
        guards in the site's. So what a daemon would make of them is worked out, with the values
        that mailprov sets beside them, and what is unsafe needs the same allowance.

        Only what is written in the file can be judged. A table on the host, a policy service, or a
        program counts as if it decided nothing; what comes of it, the probes find before a new
        configuration stays.
        """
        return tuple(one for hatch in self.hatches for one in hatch.exposures(self))

    @cached_property
    def domains(self) -> tuple[DomainName, ...]:
        """The mail domains, the primary one first."""
        return (self.file.domain, *(key.name for key in self.file.domains))

    @cached_property
    def system_accounts(self) -> bool:
        """Whether users are accounts of the host."""
        accounts = self.file.accounts
        return accounts is not None and accounts.kind is AccountKind.SYSTEM

    def roles(self, key: HostKey) -> frozenset[Role]:
        """Return the roles of a host; a lone host that names none has all."""
        written = self.file.hosts[key].roles
        if written is None:
            return frozenset(Role) if len(self.file.hosts) == 1 else frozenset()
        return frozenset(written)

    def hosts_with(self, role: Role) -> tuple[HostKey, ...]:
        """Return the hosts that carry a role, in the order of the file."""
        return tuple(key for key in self.file.hosts if role in self.roles(key))

    def fqdn(self, key: HostKey) -> DomainName:
        """Return the full name of a host; InvalidValueError if the default is too long."""
        return self.file.hosts[key].fqdn or DomainName.parse(f"{key}.{self.file.domain}")

    def preferences(self, written: WrittenMx | None) -> tuple[tuple[HostKey, int], ...]:
        """Return the hosts of an `mx` with their preferences; without one, the site's."""
        chosen = self.file.mx if written is None else written
        if isinstance(chosen, dict):
            return tuple(chosen.items())
        keys = self.hosts_with(Role.MX) if chosen is None else chosen
        return tuple((key, 10 * number) for number, key in enumerate(keys, 1))

    @cached_property
    def addresses(self) -> dict[Mailbox, MailAddress]:
        """The key of each user, with the address it means."""
        return {key: key.at(self.file.domain) for key in self.file.users}

    @cached_property
    def users(self) -> dict[MailAddress, Mailbox]:
        """The users' addresses, each with the key it was first written as."""
        users: dict[MailAddress, Mailbox] = {}
        for key, address in self.addresses.items():
            users.setdefault(address, key)
        return users

    @cached_property
    def aliases(self) -> tuple[ReadAlias, ...]:
        """All aliases that somebody wrote, wherever they stand."""
        return tuple(self._read_aliases())

    @cached_property
    def aliases_by_source(self) -> Mapping[MailAddress, ReadAlias]:
        """The aliases by what they stand for; of several for one address, the first."""
        return {alias.source: alias for alias in reversed(self.aliases)}

    @cached_property
    def submission_ports(self) -> frozenset[int]:
        """The ports for mail from the site's users, the default ones where none are written."""
        written = self.file.submission
        if written is None or written.ports is None:
            return Submission().ports
        return frozenset(written.ports)

    @cached_property
    def alias_sources(self) -> frozenset[MailAddress]:
        """The sources of all written aliases; what they lead to may depend on them."""
        written = [source for _, source, _ in self._section_aliases()]
        return frozenset((*written, *(alias.source for alias in self._user_aliases)))

    @cached_property
    def implied_aliases(self) -> tuple[MailAddress, ...]:
        """The role addresses that nobody wrote, for every domain."""
        return tuple(
            address
            for domain in self.domains
            for local in (*ROLE_ADDRESSES, BOUNCER)
            if (address := MailAddress(f"{local}@{domain}")) not in self.alias_sources
            and address not in self.users
        )

    def implied_target(self, source: MailAddress) -> MailAddress:
        """Return where a role address leads that nobody wrote; the site has to have users."""
        if source.local == BOUNCER:
            return MailAddress(f"postmaster@{source.domain}")
        return self.first_user

    @cached_property
    def first_user(self) -> MailAddress:
        """Who gets the mail of role addresses: the first user that may log in."""
        enabled = (key for key, user in self.file.users.items() if user.enabled)
        return self.addresses[next(enabled, next(iter(self.file.users)))]

    @cached_property
    def trusted(self) -> tuple[IPNetwork, ...]:
        """The networks that may relay without login."""
        networks = self.file.networks
        return () if networks is None else networks.trusted

    @cached_property
    def resolver(self) -> tuple[IPNetwork, ...]:
        """The networks that may ask the resolver."""
        networks = self.file.networks
        if networks is not None and networks.resolver is not None:
            return networks.resolver
        hosts = (
            ip_network(address) for host in self.file.hosts.values() for address in host.address
        )
        return tuple(dict.fromkeys((*hosts, *self.trusted)))

    def _section_aliases(self) -> Iterator[tuple[KeyPath, MailAddress, tuple[Target, ...]]]:
        """Yield the aliases of the sections: path, source, and targets as they are written."""
        sections: list[tuple[KeyPath, DomainName, WrittenAliases]] = [
            (("aliases",), self.file.domain, self.file.aliases)
        ]
        for key, further in self.file.domains.items():
            sections.append((("domains", key, "aliases"), key.name, further.aliases))
        for path, domain, written in sections:
            for name, targets in written.items():
                yield (*path, name), name.at(domain), targets

    @cached_property
    def _user_aliases(self) -> tuple[ReadAlias, ...]:
        """The aliases under their users."""
        found = []
        for key, user in self.file.users.items():
            address = self.addresses[key]
            for index, name in enumerate(user.aliases):
                path = ("users", key, "aliases", index)
                found.append(ReadAlias(path, name.at(address.domain), ((path, address),)))
        return tuple(found)

    def _read_aliases(self) -> Iterator[ReadAlias]:
        for path, source, targets in self._section_aliases():
            placed = (
                ((*path, index), self._target(target, source))
                for index, target in enumerate(targets)
            )
            yield ReadAlias(path, source, tuple(placed))
        yield from self._user_aliases

    def _target(self, target: Target, source: MailAddress) -> MailAddress:
        # A bare one is a user or alias of the source's domain if there is one, else of the primary.
        near = target.at(source.domain)
        known = near.base in self.alias_sources or near.base in self.users
        return near if known else target.at(self.file.domain)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and the sections of the file that it reads."""

    judge: Callable[[Reading], Iterator[SiteProblem]]
    sections: frozenset[str]


def rule(judge: Callable[[Reading], Iterator[SiteProblem]], *sections: str) -> Rule:
    """Return the rule that reads these sections."""
    return Rule(judge, frozenset(sections))


def _nothing(reading: Reading) -> Iterator[Never]:
    del reading
    yield from ()


def _never(name: str) -> bool:
    del name
    return False


@dataclass(frozen=True, slots=True)
class HatchText:
    """A value in a daemon's own words: its place, the name that it is for, and itself.

    The value may be a `HeldSecret`.
    """

    path: KeyPath
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HeldRules:
    """Where a secret may stand in a daemon's own words, and how to help who wrote one.

    want: where the daemon reads one from a file of its own. allowed: whether it does under a
    name. way_out: what to do with one under a name. public: names whose values are no secret to
    anybody. in_address: a password before a host's name is one in this daemon's language.
    """

    want: str = "no secret"
    allowed: Callable[[str], bool] = _never
    way_out: Callable[[str], str] = lambda name: f"name a file of your own that holds {name}"
    public: frozenset[str] = frozenset()
    in_address: bool = True


@dataclass(frozen=True, slots=True)
class HatchRules:
    """What a site file may say in a daemon's own words.

    section: the file's own for the daemon. exposures: what of it is unsafe, allowed or not.
    rules: what is no valid value. warnings: what is valid and worth a second look. values: each
    text in it. held: where a secret may stand.
    """

    section: str = ""
    exposures: Callable[[Reading], Iterator[Exposure]] = _nothing
    rules: tuple[Rule, ...] = ()
    warnings: Callable[[Reading], Iterator[SiteProblem]] = _nothing
    values: Callable[[Reading], Iterator[HatchText]] = _nothing
    held: HeldRules = HeldRules()

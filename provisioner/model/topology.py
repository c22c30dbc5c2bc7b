"""Which services each host carries for other daemons, and the links between daemons.

A link is how one daemon reaches another. On the same host that is a Unix socket, which the
rooms name. Another host is reached by TCP, and never for logins: Dovecot's protocol for them is
cleartext and answers whoever connects (docs/decisions/0042-links-between-hosts.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from provisioner.model.names import HostKey
from provisioner.model.services import DNS_PORT, LMTP_PORT
from provisioner.model.site import Host, Role, Site

MAIL_ROLES = frozenset({Role.MX, Role.SUBMISSION, Role.STORE})
"""The roles of hosts that mail goes through."""


class LinkService(StrEnum):
    """What one daemon does for another.

    TRANSFER is what Sieve's answers and the host's own mail need: a queue that sends them.
    """

    RESOLVING = "resolving"
    LOGINS = "logins"
    DELIVERY = "delivery"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Unix:
    """A socket on the same host. account: as whom the client connects."""

    path: str
    account: str


@dataclass(frozen=True, slots=True)
class Tcp:
    """A port. host: a name or an address. tls: the client insists on it, and on that name."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Want:
    """What a daemon wants of another.

    client: the daemon. unix: where it looks for the service on its own host.
    """

    service: LinkService
    client: str
    unix: Unix


@dataclass(frozen=True, slots=True)
class Link:
    """How a daemon reaches what another one does for it.

    client: the daemon, empty for the host's own library. server: the host of the other one.
    """

    service: LinkService
    client: str
    server: HostKey
    way: Unix | Tcp


_CARRIED: Mapping[LinkService, frozenset[Role]] = {
    LinkService.RESOLVING: frozenset({Role.DNS}),
    # A store has users log in to read, a submission host has them log in to send.
    LinkService.LOGINS: frozenset({Role.SUBMISSION, Role.STORE}),
    LinkService.DELIVERY: frozenset({Role.STORE}),
    LinkService.TRANSFER: MAIL_ROLES,
}
# Who reads mail logs in at the very daemon that has it: that is no link.
_WANTED: Mapping[LinkService, frozenset[Role]] = {
    LinkService.LOGINS: frozenset({Role.SUBMISSION}),
    LinkService.DELIVERY: MAIL_ROLES,
}


def carried(roles: Collection[Role]) -> frozenset[LinkService]:
    """Return what the daemons of a host with these roles do for others."""
    return frozenset(one for one, its in _CARRIED.items() if not its.isdisjoint(roles))


def carries_mail(host: Host) -> bool:
    """Tell whether mail goes through a host: whether it has any of the mail roles."""
    return not MAIL_ROLES.isdisjoint(host.roles)


def mail_hosts(site: Site) -> tuple[Host, ...]:
    """Return the hosts that mail goes through, in the order of the file."""
    return tuple(host for host in site.hosts if carries_mail(host))


def own_links(key: HostKey, roles: Collection[Role], wants: Iterable[Want]) -> Iterator[Link]:
    """Yield the links between the daemons of one host, which has these roles.

    wants: what its daemons want, as their rooms say it.
    """
    here = carried(roles)
    for want in _wanted(roles, wants):
        if want.service in here:
            yield Link(want.service, want.client, key, want.unix)


def links_of(site: Site, host: Host, wants: Collection[Want]) -> tuple[Link, ...]:
    """Return the links by which a host's daemons reach others, here and on other hosts.

    Where a daemon wants a service of several hosts, each has a link, in the order of the file.
    """
    own = tuple(own_links(host.key, host.roles, wants))
    return (*_resolving_links(site, host), *own, *_delivery_links(site, host, wants))


def deliverers(site: Site, host: Host) -> tuple[Host, ...]:
    """Return the other hosts that deliver mail to a host, by TCP."""
    if LinkService.DELIVERY not in carried(host.roles):
        return ()
    return tuple(other for other in mail_hosts(site) if other.key != host.key)


def shows_certificate(site: Site, host: Host) -> bool:
    """Tell whether a host shows a certificate: who has any of the mail roles does."""
    return site.tls != "none" and carries_mail(host)


def _resolving_links(site: Site, host: Host) -> Iterator[Link]:
    """Yield whom the host asks for names, in that order: itself if it can, then the others."""
    service = LinkService.RESOLVING
    own = host.addresses if service in carried(host.roles) else ()
    if own:
        yield Link(service, "", host.key, Tcp("127.0.0.1", DNS_PORT, tls=False))
    for other in site.hosts_with(Role.DNS):
        for address in other.addresses:
            if address not in own:
                yield Link(service, "", other.key, Tcp(str(address), DNS_PORT, tls=False))


def _delivery_links(site: Site, host: Host, wants: Iterable[Want]) -> Iterator[Link]:
    for want in _wanted(host.roles, wants):
        if want.service is LinkService.DELIVERY:
            for store in site.hosts_with(Role.STORE):
                if store.key != host.key:
                    way = Tcp(store.fqdn, LMTP_PORT, tls=site.tls != "none")
                    yield Link(want.service, want.client, store.key, way)


def _wanted(roles: Collection[Role], wants: Iterable[Want]) -> Iterator[Want]:
    return (one for one in wants if not _WANTED[one.service].isdisjoint(roles))

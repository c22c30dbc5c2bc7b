"""All records of the site's domains, derived once: for its own resolvers, and for the world.

Whoever serves, asks for or publishes records reads them here. The two views differ: the
site's resolvers know every host at its own addresses, and say who is the authority. The world
is told of the hosts that MX and SRV records name, at the addresses where it reaches them; the
authority for it is whoever publishes the zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from provisioner.model.names import DomainName
from provisioner.model.once import once_per_site
from provisioner.model.services import SERVICES, Service, is_open
from provisioner.model.site import DnsRecord, Host, IPAddress, Role, Site

# No secondary transfers these zones, so nothing compares serials (RFC 1035 section 3.3.13);
# a clock here would make every rendering differ. The last field is how long a resolver
# may remember that a name does not exist (RFC 2308).
_SOA_NUMBERS = "1 3600 900 1209600 300"
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Zone:
    """All records of a domain, those of names below it included, each once."""

    name: DomainName
    records: tuple[DnsRecord, ...]


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which name an address has in the reverse DNS (RFC 1035 section 3.5)."""

    address: IPAddress
    name: DomainName

    @property
    def owner(self) -> str:
        """The name that the PTR record belongs to, without the final dot."""
        return self.address.reverse_pointer


@dataclass(frozen=True, slots=True)
class Zones:
    """What one view has of the site.

    records: all of them, each once; the domains' own first, then those of hosts, of services
    and of the site file. domains: the same records by the closest domain of the site.
    outside: those of names in none of its domains. pointers: one for each address at most.
    """

    records: tuple[DnsRecord, ...]
    domains: tuple[Zone, ...]
    outside: tuple[DnsRecord, ...]
    pointers: tuple[Pointer, ...]


@once_per_site
def zones_of(site: Site) -> Zones:
    """Return what the site's own resolvers answer.

    Pointers are those of private addresses: for public ones the provider answers.
    """
    servers = [host.fqdn for host in site.hosts_with(Role.DNS)]
    pointers = (
        Pointer(address, host.fqdn)
        for host in site.hosts
        for address in host.addresses
        if address.is_private
    )
    addresses = (record for host in site.hosts for record in _addresses(host, host.addresses))
    return _zones(site, [*_of_domains(site, servers), *addresses], pointers)


@once_per_site
def public_zones_of(site: Site) -> Zones:
    """Return what the world shall be told; zones without SOA and NS, which their servers add.

    Names outside of the site's domains, and the pointers, are for the providers of those
    names and addresses to publish.
    """
    told = _named(site)
    hosts = [
        (host, host.public_addresses or host.addresses) for host in site.hosts if host.fqdn in told
    ]
    pointers = (Pointer(address, host.fqdn) for host, reached in hosts for address in reached)
    addresses = (record for host, reached in hosts for record in _addresses(host, reached))
    return _zones(site, [*_of_domains(site, ()), *addresses], pointers)


def _of_domains(site: Site, servers: Sequence[DomainName]) -> Iterator[DnsRecord]:
    """Yield the records of the domains themselves; servers: who is the authority, if anybody."""
    for domain in site.domains:
        for server in servers[:1]:
            contact = f"hostmaster.{domain.name}"
            data = f"{server}. {contact}. {_SOA_NUMBERS}"
            yield DnsRecord(owner=domain.name, type="SOA", data=data)
        for server in servers:
            yield DnsRecord(owner=domain.name, type="NS", data=f"{server}.")
        for mx in domain.mx:
            yield DnsRecord(owner=domain.name, type="MX", data=f"{mx.preference} {mx.fqdn}.")


def _addresses(host: Host, addresses: Sequence[IPAddress]) -> Iterator[DnsRecord]:
    for address in addresses:
        kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004 IP version
        yield DnsRecord(owner=host.fqdn, type=kind, data=str(address))


def _named(site: Site) -> frozenset[str]:
    """Return the names that clients and other servers are sent to (RFC 5321, RFC 2782)."""
    sent = (
        record.data.split()[-1].rstrip(".").lower()
        for record in (*service_records(site), *site.dns.records)
        if record.type in {"MX", "SRV"}
    )
    return frozenset({*sent, *(mx.fqdn for domain in site.domains for mx in domain.mx)})


def _zones(site: Site, first: Sequence[DnsRecord], pointers: Iterator[Pointer]) -> Zones:
    """Return a view: the first records, and with them what all views have."""
    records = tuple(dict.fromkeys((*first, *service_records(site), *site.dns.records)))
    names = dict.fromkeys(domain.name for domain in site.domains)
    placed: defaultdict[str, list[DnsRecord]] = defaultdict(list)
    for record in records:
        placed[_closest(record.owner, names)].append(record)
    by_address: dict[IPAddress, Pointer] = {}
    for pointer in pointers:
        # Behind one public address may be several hosts: the first gives it its name.
        by_address.setdefault(pointer.address, pointer)
    return Zones(
        records=records,
        domains=tuple(Zone(name, tuple(placed[name])) for name in names),
        outside=tuple(placed[""]),
        pointers=tuple(by_address.values()),
    )


def _closest(name: str, domains: Collection[str]) -> str:
    """Return the longest of the domains that a name is, or lies below; empty if there is none."""
    while name and name not in domains:
        name = name.partition(".")[2]
    return name


def service_records(site: Site) -> Iterator[DnsRecord]:
    """Yield where a desktop client finds the site: SRV records (RFC 2782) for every mail domain.

    Where `dns.records` has a name's SRV, that counts. A service that is off is announced too, with
    the target `.` (RFC 6186 section 3.4), so that a client stops asking instead of guessing.
    """
    own = {record.owner for record in site.dns.records if record.type.upper() == "SRV"}
    announced = [(one, _targets(site, one)) for one in SERVICES if one.srv_label]
    for domain in site.domains:
        for service, targets in announced:
            owner = DomainName(f"{service.srv_label}._tcp.{domain.name}")
            # What a label makes too long for the DNS (RFC 1035 section 2.3.4) has no record.
            if owner not in own and len(owner) <= _LONGEST_NAME:
                for data in targets:
                    yield DnsRecord(owner=owner, type="SRV", data=data)


def _targets(site: Site, service: Service) -> tuple[str, ...]:
    hosts = site.hosts_with(service.role) if is_open(site, service) else ()
    found = tuple(f"{service.srv_priority} 1 {service.port} {host.fqdn}." for host in hosts)
    return found or ("0 0 0 .",)

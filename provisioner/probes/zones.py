"""Every record of the model, as questions to the hosts that serve DNS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any, Literal

from provisioner.model.service_records import service_records
from provisioner.model.site import Allowance, Host, IPNetwork, Role, Site
from provisioner.probes.dns import ForwardQuestion, RecordQuestion, StrangerQuestion
from provisioner.probes.question import ANYWHERE, Endpoint, Question, Vantage
from provisioner.probes.services import DNS_PORT

Transport = Literal["udp", "tcp"]
RecordSets = Mapping[tuple[str, str], frozenset[str]]

FOREIGN_NAME = "example.com"  # RFC 2606: nobody's, so nothing that the site serves


def record_sets(site: Site) -> RecordSets:
    """Return what the site's DNS has to say: data by owner and type, names absolute.

    An empty set stands for a record whose data the model does not fix (SOA).
    """
    sets: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    servers = site.hosts_with(Role.DNS)
    for domain in site.domains:
        sets[domain.name, "SOA"] = set()
        sets[domain.name, "NS"].update(f"{host.fqdn}." for host in servers)
        sets[domain.name, "MX"].update(f"{mx.preference} {mx.fqdn}." for mx in domain.mx)
    for host in site.hosts:
        for address in host.addresses:
            kind = "A" if address.version == 4 else "AAAA"  # noqa: PLR2004 IP version
            sets[host.fqdn, kind].add(str(address))
            if address.is_private:  # for public ones the provider answers
                sets[address.reverse_pointer, "PTR"].add(f"{host.fqdn}.")
    for record in (*service_records(site), *site.dns.records):
        sets[record.owner, record.type.upper()].add(record.data)
    return {key: frozenset(data) for key, data in sets.items()}


def resolver_clients(site: Site) -> tuple[IPNetwork, ...]:
    """Return who is served: networks.resolver and, whatever it says, the site's own hosts."""
    own = (ip_network(address) for host in site.hosts for address in host.addresses)
    return tuple(dict.fromkeys((*site.networks.resolver, *own)))


def zone_questions(site: Site, targets: object, host: Host) -> Iterator[Question[Any]]:
    """Ask a DNS host for every record over UDP and TCP, for forwarded names, as a stranger."""
    del targets
    if Role.DNS not in host.roles:
        return
    for address in host.addresses:
        place = host.key if address == host.addresses[0] else f"{host.key}/{address}"
        endpoint = Endpoint(host.key, address, DNS_PORT)
        for (name, rdtype), data in record_sets(site).items():
            yield from _record_questions(site, endpoint, place, name, rdtype, data)
        yield from _forward_questions(site, endpoint, place)
        yield _stranger_question(site, endpoint, place)


def _record_questions(  # noqa: PLR0913, PLR0917 a record, and whom to ask for it
    site: Site, endpoint: Endpoint, place: str, name: str, rdtype: str, data: frozenset[str]
) -> Iterator[Question[Any]]:
    transports: tuple[Transport, ...] = ("udp", "tcp")
    for transport in transports:
        yield RecordQuestion(
            id=f"dns.{rdtype.lower()}.{name}.{transport}@{place}",
            text=f"Does {name} have the site's {rdtype} record, asked over {transport.upper()}?",
            endpoint=endpoint,
            vantage=Vantage(within=resolver_clients(site)),
            udp=transport == "udp",
            name=name,
            type=rdtype,
            transport=transport,
            records=data,
        )


def _forward_questions(site: Site, endpoint: Endpoint, place: str) -> Iterator[Question[Any]]:
    for zone in site.dns.forward:
        root = zone.zone == "."
        yield ForwardQuestion(
            id=f"dns.forward.{'root' if root else zone.zone}@{place}",
            text=f"Is {zone.zone} resolved through its forwarders?",
            endpoint=endpoint,
            vantage=Vantage(within=resolver_clients(site)),
            name=zone.zone,
            type="NS" if root else "SOA",
            servers=tuple(str(server.address) for server in zone.servers),
        )


def _stranger_question(site: Site, endpoint: Endpoint, place: str) -> StrangerQuestion:
    allowed = site.allow_insecure.get(Allowance.OPEN_RESOLVER)
    return StrangerQuestion(
        id=f"dns.stranger-refused@{place}",
        text="Is a stranger refused who asks for a foreign name?",
        endpoint=endpoint,
        vantage=ANYWHERE if allowed else Vantage(beyond=resolver_clients(site)),
        name=FOREIGN_NAME,
        allowed=allowed,
    )

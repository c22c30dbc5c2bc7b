"""Every record of the model, as questions to the hosts that serve DNS.

Where records and resolvers are few, each resolver is asked for all of them. Where they are
many, that would grow with the square of the hosts, because each host has records of its own:
each resolver is asked for a sample then, and all of them together for everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from math import ceil
from typing import Any, Literal

from provisioner.model.once import once_per_site
from provisioner.model.services import DNS_PORT
from provisioner.model.site import Allowance, Host, IPAddress, IPNetwork, Role, Site
from provisioner.model.zone import zones_of
from provisioner.probes.dns import ForwardQuestion, RecordQuestion, StrangerQuestion
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import ANYWHERE, Endpoint, Question, Vantage

Transport = Literal["udp", "tcp"]
RecordSets = Mapping[tuple[str, str], frozenset[str]]

_ALL = 2000
"""So many pairs of a record set and a resolver are asked without sampling."""
_LEAST = 20  # record sets that each resolver is asked for, whatever their number
_COPIES = 3  # with it each record set is asked for at two resolvers at least

FOREIGN_NAME = "example.com"  # RFC 2606: nobody's, so nothing that the site serves


def record_sets(site: Site) -> RecordSets:
    """Return what the site's DNS has to say: data by owner and type, names absolute.

    An empty set stands for a record whose data the model does not fix (SOA).
    """
    sets: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    zones = zones_of(site)
    pointers = {(one.name, str(one.address)): one for one in zones.pointers}
    for record in zones.records:
        sets[record.owner, record.type].update({record.data} if record.fixed else ())
        # A report has an address and its name beside each other.
        if pointer := pointers.get((record.owner, record.data)):
            sets[pointer.owner, "PTR"].add(f"{pointer.name}.")
    return {key: frozenset(data) for key, data in sets.items()}


@dataclass(frozen=True)
class Lookups:
    """What the resolvers of a site are asked for, derived once for all of them.

    records: every record set of the site. places: the number of each address of a resolver,
    by host and address. share: how many record sets each of these is asked for. served, strange:
    from where a resolver answers, and from where it has to refuse.
    """

    records: tuple[tuple[str, str, frozenset[str]], ...]
    places: Mapping[tuple[str, IPAddress], int]
    share: int
    served: Vantage
    strange: Vantage

    @property
    def sampled(self) -> bool:
        """Whether there are too many to ask every resolver for everything."""
        return self.share < len(self.records)

    def asked_of(self, host: str, address: IPAddress) -> Iterator[tuple[str, str, frozenset[str]]]:
        """Return what one resolver is asked for: everything, or a sample of all zones."""
        number = self.places[host, address] if self.sampled else 0
        return (self.records[index] for index in sample(number, self.share, len(self.records)))


@once_per_site
def lookups_of(site: Site) -> Lookups:
    """Return what the resolvers of a site are asked for."""
    records = tuple((*key, data) for key, data in record_sets(site).items())
    places = [
        (host.key, address) for host in site.hosts_with(Role.DNS) for address in host.addresses
    ]
    clients = resolver_clients(site)
    return Lookups(
        records=records,
        places={place: number for number, place in enumerate(places)},
        share=share_of(len(records), len(places)),
        served=Vantage(within=clients),
        strange=Vantage(beyond=clients),
    )


def share_of(records: int, resolvers: int) -> int:
    """Return how many of the record sets each resolver is asked for."""
    if records * resolvers <= _ALL:
        return records
    return min(records, max(_LEAST, ceil(_COPIES * records / resolvers)))


def sample(number: int, share: int, count: int) -> Iterator[int]:
    """Yield `share` of `count` indexes, evenly spread, for the resolver of that number.

    The next resolver's begin one further, so that together they have all of them.
    """
    return ((number + step * count // share) % count for step in range(share))


def sampling_findings(site: Site) -> tuple[Finding, ...]:
    """Return what was left out because there is too much of it: nobody shall take it for asked."""
    lookups = lookups_of(site)
    if not lookups.sampled:
        return ()
    resolvers = len(lookups.places)
    return (
        Finding(
            id="dns.sampled",
            host="",
            question="Is every record queried at every resolver?",
            status=Status.SKIPPED,
            got=f"{lookups.share} of {len(lookups.records)} record sets queried at each of "
            f"{resolvers} resolver addresses; each record set at two or more of them",
            want=f"every record set at every resolver, up to {_ALL} questions",
            via="",
        ),
    )


def resolver_clients(site: Site) -> tuple[IPNetwork, ...]:
    """Return who is served: networks.resolver and, whatever it says, the site's own hosts."""
    own = (ip_network(address) for host in site.hosts for address in host.addresses)
    return tuple(dict.fromkeys((*site.networks.resolver, *own)))


def zone_questions(site: Site, targets: object, host: Host) -> Iterator[Question[Any]]:
    """Ask a DNS host for records over UDP and TCP, for forwarded names, as a stranger."""
    del targets
    if Role.DNS not in host.roles:
        return
    lookups = lookups_of(site)
    for address in host.addresses:
        place = host.key if address == host.addresses[0] else f"{host.key}/{address}"
        endpoint = Endpoint(host.key, address, DNS_PORT)
        for record in lookups.asked_of(host.key, address):
            yield from _record_questions(endpoint, place, lookups.served, record)
        yield from _forward_questions(site, endpoint, place, lookups.served)
        yield _stranger_question(site, endpoint, place, lookups.strange)


def _record_questions(
    endpoint: Endpoint, place: str, served: Vantage, record: tuple[str, str, frozenset[str]]
) -> Iterator[Question[Any]]:
    name, rdtype, data = record
    transports: tuple[Transport, ...] = ("udp", "tcp")
    for transport in transports:
        yield RecordQuestion(
            id=f"dns.{rdtype.lower()}.{name}.{transport}@{place}",
            text=f"Does {name} have the site's {rdtype} record, queried over {transport.upper()}?",
            endpoint=endpoint,
            vantage=served,
            udp=transport == "udp",
            name=name,
            type=rdtype,
            transport=transport,
            records=data,
        )


def _forward_questions(
    site: Site, endpoint: Endpoint, place: str, served: Vantage
) -> Iterator[Question[Any]]:
    for zone in site.dns.forward:
        root = zone.zone == "."
        yield ForwardQuestion(
            id=f"dns.forward.{'root' if root else zone.zone}@{place}",
            text=f"Is {zone.zone} resolved through its forwarders?",
            endpoint=endpoint,
            vantage=served,
            name=zone.zone,
            type="NS" if root else "SOA",
            servers=tuple(str(server.address) for server in zone.servers),
        )


def _stranger_question(
    site: Site, endpoint: Endpoint, place: str, strange: Vantage
) -> StrangerQuestion:
    allowed = site.allow_insecure.get(Allowance.OPEN_RESOLVER)
    return StrangerQuestion(
        id=f"dns.stranger-refused@{place}",
        text="Is recursion refused to strangers?",
        endpoint=endpoint,
        vantage=ANYWHERE if allowed else strange,
        name=FOREIGN_NAME,
        allowed=allowed,
    )

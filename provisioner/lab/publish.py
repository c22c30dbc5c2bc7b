"""What a lab's internet knows of the sites in it, as a registrar and a provider would have it.

A site's own resolver answers for its zones to the site alone. Others find its mail
servers through the internet's DNS: MX records, the addresses of the hosts they name, the
SRV records of desktop clients, the site's further records, and the reverse names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from provisioner.lab.internet import Internet
from provisioner.lab.zones import parent_of
from provisioner.model.site import Site
from provisioner.model.zone import public_zones_of


def publish_sites(internet: Internet, sites: Sequence[Site]) -> None:
    """Put the sites' public records into the lab's internet; signed, and answered at once.

    A zone that is there already is replaced. Sites are those of this lab: their addresses
    are moved to its number.
    """
    for site in sites:
        for zone, records in public_zones(site).items():
            internet.add_zone(zone, records)
    reverse = {zone.name: zone.records for zone in internet.zones() if zone.name.endswith(".arpa.")}
    pointers = [row for site in sites for row in public_pointers(site)]
    for zone, records in with_pointers(reverse, pointers).items():
        internet.add_zone(zone, records)


def public_zones(site: Site) -> Mapping[str, tuple[str, ...]]:
    """Return zone-file lines by zone (absolute) for each mail domain of the site.

    Host names outside of the site's domains are somebody else's to publish.
    """
    return {
        f"{zone.name}.": tuple(
            f"{record.owner}. IN {record.type} {record.data}" for record in zone.records
        )
        for zone in public_zones_of(site).domains
    }


def public_pointers(site: Site) -> Iterator[tuple[str, str]]:
    """Yield the reverse name (absolute) of each public host's address, and its record."""
    for pointer in public_zones_of(site).pointers:
        yield f"{pointer.owner}.", f"{pointer.owner}. IN PTR {pointer.name}."


def with_pointers(
    zones: Mapping[str, Sequence[str]], pointers: Sequence[tuple[str, str]]
) -> Mapping[str, tuple[str, ...]]:
    """Return the reverse zones that change, with their records.

    zones: those that are there. A pointer replaces those of its own owner; one that is in
    no zone is left out.
    """
    added: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for owner, record in pointers:
        zone = parent_of(owner, list(zones))
        if zone is not None:
            added[zone][owner] = record
    return {
        zone: (
            *(line for line in zones[zone] if line.partition(" ")[0] not in rows),
            *rows.values(),
        )
        for zone, rows in added.items()
        if any(record not in zones[zone] for record in rows.values())
    }

"""Where a desktop client finds the site: SRV records (RFC 2782) for every mail domain.

A service that is off is announced too, with the target `.` (RFC 6186 section 3.4), so that
a client stops asking instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.names import DomainName
from provisioner.model.services import SERVICES, Service, is_open
from provisioner.model.site import DnsRecord, Site

_LONGEST_NAME = 253


def service_records(site: Site) -> Iterator[DnsRecord]:
    """Yield the SRV records of all domains; where `dns.records` has a name's SRV, that counts."""
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

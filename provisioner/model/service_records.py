"""Where a desktop client finds the site: SRV records (RFC 2782) for every mail domain.

RFC 6186 names those of submission, IMAP and POP3, RFC 8314 adds `_submissions`, RFC 5804
that of ManageSieve. A service that is off is announced too, with the target `.`, so that
a client stops asking instead of guessing.

The priority says what a client should prefer. RFC 8314 section 5.1 wants TLS from the
first byte before STARTTLS; RFC 6186 section 3.4 lets a domain say the same of IMAP and
POP3, and mail that stays on the server can be read from a second device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.model.names import DomainName
from provisioner.model.site import DnsRecord, Role, Site

_SIEVE_PORT = 4190
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class _Announced:
    """A service by its SRV label; a higher number of `priority` is a later choice."""

    label: str
    role: Role
    port: int
    priority: int
    implicit_tls: bool = False


_SERVICES = (
    _Announced("_submissions", Role.SUBMISSION, 465, 0, implicit_tls=True),
    _Announced("_submission", Role.SUBMISSION, 587, 10),
    _Announced("_imaps", Role.STORE, 993, 0, implicit_tls=True),
    _Announced("_imap", Role.STORE, 143, 10),
    _Announced("_pop3s", Role.STORE, 995, 20, implicit_tls=True),
    _Announced("_pop3", Role.STORE, 110, 30),
    _Announced("_sieve", Role.STORE, _SIEVE_PORT, 0),
)


def service_records(site: Site) -> Iterator[DnsRecord]:
    """Yield the SRV records of all domains; where `dns.records` has a name's SRV, that counts."""
    own = {record.owner for record in site.dns.records if record.type.upper() == "SRV"}
    announced = [(service, _targets(site, service)) for service in _SERVICES]
    for domain in site.domains:
        for service, targets in announced:
            owner = DomainName(f"{service.label}._tcp.{domain.name}")
            # What a label makes too long for the DNS (RFC 1035 section 2.3.4) has no record.
            if owner not in own and len(owner) <= _LONGEST_NAME:
                for data in targets:
                    yield DnsRecord(owner=owner, type="SRV", data=data)


def _targets(site: Site, service: _Announced) -> tuple[str, ...]:
    hosts = site.hosts_with(service.role) if _is_open(site, service) else ()
    found = tuple(f"{service.priority} 1 {service.port} {host.fqdn}." for host in hosts)
    return found or ("0 0 0 .",)


def _is_open(site: Site, service: _Announced) -> bool:
    ports = site.submission.ports | site.imap.ports | site.pop3.ports | {_SIEVE_PORT}
    return service.port in ports and not (service.implicit_tls and site.tls == "none")

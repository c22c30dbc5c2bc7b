"""Which ports a site opens, worked out from its roles and services alone."""

from __future__ import annotations

from provisioner.model.site import Host, Role, Site

SMTP_PORT = 25
SUBMISSION_PORT = 587
SIEVE_PORT = 4190
DNS_PORT = 53
DNS_OVER_TLS_PORT = 853
IMPLICIT_TLS_PORTS = frozenset({465, 993, 995})
"""They begin with TLS (RFC 8314)."""


def opened_ports(site: Site, ports: frozenset[int]) -> frozenset[int]:
    """Return the ports that are opened: without TLS, none that begin with it."""
    return ports - IMPLICIT_TLS_PORTS if site.tls == "none" else ports


def ports_of(site: Site, host: Host) -> tuple[int, ...]:
    """Return the ports of a host's services in order; 53 is both TCP and UDP."""
    ports: set[int] = set()
    if Role.DNS in host.roles:
        ports.add(DNS_PORT)
    if Role.MX in host.roles:
        ports.add(SMTP_PORT)
    if Role.SUBMISSION in host.roles:
        ports |= opened_ports(site, site.submission.ports)
    if Role.STORE in host.roles:
        ports |= opened_ports(site, site.imap.ports | site.pop3.ports) | {SIEVE_PORT}
    return tuple(sorted(ports))

"""The services that clients reach: one table, and which of its rows a host offers.

Ports, protocols and TLS are those of RFC 5321 (SMTP), 6409 and 8314 (submission), 9051 (IMAP),
1939 and 2595 (POP3), 5804 (ManageSieve) and 1035 (DNS); the SRV labels those of RFC 6186, 8314
and 5804. The priority of an SRV record says what a client should prefer. RFC 8314 section 5.1
wants TLS from the first byte before STARTTLS; RFC 6186 section 3.4 lets a domain say the same of
IMAP and POP3, and mail that stays on the server can be read from a second device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from provisioner.model.site import Host, Role, Site

Protocol = Literal["dns", "smtp", "imap", "pop3", "sieve"]
TlsMode = Literal["implicit", "starttls", "none"]


@dataclass(frozen=True, slots=True)
class Service:
    """One service at its port.

    name: the usual one (`imaps`). tls: `implicit` from the first byte, `starttls` on request,
    `none` where there is none. login: users log in here. role: of the hosts that offer it.
    srv_label, srv_priority: how clients find it (RFC 2782), an empty label where they do not.
    datagrams: the port is one of UDP too. cleartext_login: the site allows that without TLS.
    """

    name: str
    protocol: Protocol
    port: int
    tls: TlsMode
    role: Role
    login: bool = field(default=True, kw_only=True)
    srv_label: str = ""
    srv_priority: int = 0
    datagrams: bool = False
    cleartext_login: bool = False


SERVICES = (
    Service("domain", "dns", 53, "none", Role.DNS, login=False, datagrams=True),
    Service("smtp", "smtp", 25, "starttls", Role.MX, login=False),
    Service("submissions", "smtp", 465, "implicit", Role.SUBMISSION, "_submissions"),
    Service("submission", "smtp", 587, "starttls", Role.SUBMISSION, "_submission", 10),
    Service("imaps", "imap", 993, "implicit", Role.STORE, "_imaps"),
    Service("imap", "imap", 143, "starttls", Role.STORE, "_imap", 10),
    Service("pop3s", "pop3", 995, "implicit", Role.STORE, "_pop3s", 20),
    Service("pop3", "pop3", 110, "starttls", Role.STORE, "_pop3", 30),
    Service("sieve", "sieve", 4190, "starttls", Role.STORE, "_sieve"),
)
"""Every service that a site can have, SRV records in this order."""

SERVICE_BY_NAME = {service.name: service for service in SERVICES}
SMTP_PORT = SERVICE_BY_NAME["smtp"].port
SUBMISSION_PORT = SERVICE_BY_NAME["submission"].port
SUBMISSIONS_PORT = SERVICE_BY_NAME["submissions"].port
SIEVE_PORT = SERVICE_BY_NAME["sieve"].port
LMTP_PORT = 24  # RFC 1700; between hosts of the site, offered to no client
DNS_PORT = SERVICE_BY_NAME["domain"].port
DNS_OVER_TLS_PORT = 853  # RFC 7858; asked by resolvers, offered by no host
IMPLICIT_TLS_PORTS = frozenset(one.port for one in SERVICES if one.tls == "implicit")
"""They begin with TLS (RFC 8314)."""

# Where mail daemons listen by habit beside the table's ports: lmtp, pop2, imap3, the sieve of
# before RFC 5804, and a second smtp.
_HABITUAL = frozenset({LMTP_PORT, 109, 220, 2000, 2525})
MAIL_PORTS = _HABITUAL | {service.port for service in SERVICES if service.protocol != "dns"}
"""One of these open without the model naming it is a service that nobody has secured."""


def services_of(site: Site, host: Host) -> tuple[Service, ...]:
    """Return the services that a host offers, by port."""
    offered = (_as_offered(site, one) for one in SERVICES if one.role in host.roles)
    return tuple(
        sorted((one for one in offered if one is not None), key=lambda service: service.port)
    )


def mail_services_of(site: Site, host: Host) -> tuple[Service, ...]:
    """Return the services of a host through which mail goes, by port."""
    return tuple(service for service in services_of(site, host) if service.protocol != "dns")


def ports_of(site: Site, host: Host) -> tuple[int, ...]:
    """Return the ports of a host's services in order."""
    return tuple(service.port for service in services_of(site, host))


def is_open(site: Site, service: Service) -> bool:
    """Tell whether the site has the service switched on, on whatever host."""
    if site.tls == "none" and service.tls == "implicit":
        return False
    return service.port in _switched_on(site, service)


def submission_services(site: Site) -> Iterator[Service]:
    """Yield the services that users hand their mail in to, by port."""
    yield from (one for one in SERVICES if one.role is Role.SUBMISSION and is_open(site, one))


def _as_offered(site: Site, service: Service) -> Service | None:
    if not is_open(site, service):
        return None
    tls = "none" if site.tls == "none" else service.tls
    cleartext = service.login and (tls == "none" or _allows_cleartext(site, service))
    return replace(service, tls=tls, cleartext_login=cleartext)


def _switched_on(site: Site, service: Service) -> frozenset[int]:
    match service.role, service.protocol:
        case Role.SUBMISSION, _:
            return site.submission.ports
        case _, "imap":
            return site.imap.ports
        case _, "pop3":
            return site.pop3.ports
        case _:
            return frozenset({service.port})


def _allows_cleartext(site: Site, service: Service) -> bool:
    imap, pop3 = site.imap.cleartext_login, site.pop3.cleartext_login
    match service.protocol:
        case "smtp":
            return site.submission.cleartext_login
        case "imap":
            return imap
        case "pop3":
            return pop3
        case _:
            # ManageSieve has no setting of its own: it follows where both of the others go.
            return imap and pop3

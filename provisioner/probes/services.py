"""What listens where: the services of a host, derived from its roles.

One table for everybody who asks: ports, protocols and how TLS starts on them (RFC
6409 and 8314 for submission, 9051 for IMAP, 1939 and 2595 for POP3, 5804 for
ManageSieve).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from provisioner.model.ports import (
    DNS_PORT,
    IMPLICIT_TLS_PORTS,
    SIEVE_PORT,
    SMTP_PORT,
    opened_ports,
)
from provisioner.model.site import Host, Role, Site

__all__ = ["DNS_PORT", "MAIL_PORTS", "SMTP_PORT", "Service", "services_of"]

Speaks = Literal["smtp", "imap", "pop3", "sieve"]

# Where mail daemons listen by habit. One of these open without the model naming it is
# a service that nobody has secured.
MAIL_PORTS = frozenset({24, 25, 109, 110, 143, 220, 465, 587, 993, 995, 2000, 2525, 4190})

_NAMES = {
    25: "smtp",
    587: "submission",
    465: "submissions",
    143: "imap",
    993: "imaps",
    110: "pop3",
    995: "pop3s",
    4190: "sieve",
}


@dataclass(frozen=True)
class Service:
    """One listening mail port.

    name: the usual one (`imaps`), or `imap-1143` on an unusual port. tls: `implicit`
    from the first byte, `starttls` on request, `none` where the site has no TLS.
    login: users log in here. cleartext_login: the site allows that without TLS.
    """

    name: str
    speaks: Speaks
    port: int
    tls: Literal["implicit", "starttls", "none"]
    login: bool
    cleartext_login: bool = False


def services_of(site: Site, host: Host) -> tuple[Service, ...]:
    """Return the mail services of a host, by port."""
    return tuple(sorted(_services(site, host), key=lambda service: service.port))


def _services(site: Site, host: Host) -> Iterator[Service]:
    if Role.MX in host.roles:
        yield _service(site, "smtp", SMTP_PORT, login=False)
    if Role.SUBMISSION in host.roles:
        for port in opened_ports(site, site.submission.ports):
            yield _service(site, "smtp", port, cleartext=site.submission.cleartext_login)
    if Role.STORE in host.roles:
        imap, pop3 = site.imap.cleartext_login, site.pop3.cleartext_login
        for port in opened_ports(site, site.imap.ports):
            yield _service(site, "imap", port, cleartext=imap)
        for port in opened_ports(site, site.pop3.ports):
            yield _service(site, "pop3", port, cleartext=pop3)
        # ManageSieve has no setting of its own: it follows where both of the others go.
        yield _service(site, "sieve", SIEVE_PORT, cleartext=imap and pop3)


def _service(
    site: Site, speaks: Speaks, port: int, *, login: bool = True, cleartext: bool = False
) -> Service:
    implicit = port in IMPLICIT_TLS_PORTS
    tls: Literal["implicit", "starttls", "none"] = "implicit" if implicit else "starttls"
    if site.tls == "none":
        tls = "none"
    return Service(
        name=_NAMES.get(port, f"{'submission' if speaks == 'smtp' else speaks}-{port}"),
        speaks=speaks,
        port=port,
        tls=tls,
        login=login,
        cleartext_login=login and (cleartext or tls == "none"),
    )

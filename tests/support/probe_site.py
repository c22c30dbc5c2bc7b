"""A site of two hosts for the tests of probes and clients, and answers to its questions."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from provisioner.model.names import DomainName, HostKey, MailAddress
from provisioner.model.secrets import SecretReference
from provisioner.model.site import (
    Dns,
    DnsRecord,
    ForwardServer,
    ForwardZone,
    Host,
    MailDomain,
    Mx,
    Networks,
    Role,
    Site,
    User,
)

DOMAIN = DomainName("probe.test")
ACCOUNT = "prober@probe.test"


def two_host_site(
    *,
    ns: str = "192.0.2.11",
    mail: str = "192.0.2.10",
    forwarder: str = "192.0.2.253",
    network: str = "192.0.2.0/24",
    **changes: Any,  # noqa: ANN401 whatever a Site takes
) -> Site:
    """Return a site with a name server and a mail server; `changes` replace fields of it."""
    fields: dict[str, Any] = {
        "domain": DOMAIN,
        "hosts": (_host("ns", ns, Role.DNS), _host("mail", mail, *(set(Role) - {Role.DNS}))),
        "domains": (
            MailDomain(
                name=DOMAIN,
                mx=(Mx(host=HostKey("mail"), fqdn=DomainName("mail.probe.test"), preference=0),),
            ),
        ),
        "users": (
            User(
                address=MailAddress("alice@probe.test"),
                password=SecretReference(source="env", value="ALICE"),
            ),
        ),
        "networks": Networks(resolver=(ip_network(network),)),
        "dns": Dns(
            forward=(
                ForwardZone(zone=".", servers=(ForwardServer(address=ip_address(forwarder)),)),
            ),
            records=(DnsRecord(owner=DOMAIN, type="TXT", data='"v=spf1 mx -all"'),),
        ),
    }
    return Site(**{**fields, **changes})


def _host(key: str, address: str, *roles: Role) -> Host:
    return Host(
        site=DOMAIN,
        key=HostKey(key),
        fqdn=DomainName(f"{key}.probe.test"),
        addresses=(ip_address(address),),
        roles=frozenset(roles),
    )

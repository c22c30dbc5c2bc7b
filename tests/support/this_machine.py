"""This machine as a host of a site, for what needs a host and no network."""

from __future__ import annotations

from ipaddress import ip_address

from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host


def this_machine(key: str = "mail") -> Host:
    """Return it under a key of its own."""
    return Host(
        site=DomainName("example.org"),
        key=HostKey(key),
        fqdn=DomainName(f"{key}.example.org"),
        addresses=(ip_address("127.0.0.1"),),
        roles=frozenset(),
        connection="local",
    )

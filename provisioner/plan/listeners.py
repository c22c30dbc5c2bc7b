"""What a host's daemons open, from the site alone.

Postfix and Dovecot open their ports on every address (`inet_interfaces = all`, `listen = *`),
Unbound on loopback and the host's own. Where the site says otherwise in a daemon's own
syntax, plain addresses are taken from there; of what needs more than that to understand, a
host name or an interface, nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import assert_never

from provisioner.model.services import DNS_PORT, mail_services_of
from provisioner.model.site import Host, IPAddress, Role, Site
from provisioner.plan.generation import Listener
from provisioner.platforms.record import Platform
from provisioner.render.unbound_view import unbound_interfaces

ANY_IPV4 = IPv4Address(0)
ANY_IPV6 = IPv6Address(0)

# How Postfix's inet_interfaces and Dovecot's listen write sets of addresses.
_WORDS: dict[str, tuple[IPAddress, ...]] = {
    "all": (ANY_IPV4, ANY_IPV6),
    "*": (ANY_IPV4,),
    "loopback-only": (IPv4Address("127.0.0.1"), IPv6Address("::1")),
}


def listeners_of(site: Site, host: Host, platform: Platform) -> Iterator[Listener]:
    """Yield the ports of a host's daemons with the addresses that each is opened on."""
    dialect = platform.daemons["dovecot"].dialect
    listen = "*, ::" if _has_ipv6(host) else "*"
    listen = site.dovecot.get(dialect, {}).get("listen", listen)
    postfix = _addresses(site.postfix.main.get("inet_interfaces", "all"))
    dovecot = _addresses(listen)
    versions = _postfix_versions(site, host)
    for service in mail_services_of(site, host):
        match service.protocol:
            case "smtp":
                addresses = tuple(one for one in postfix if one.version in versions)
                yield Listener("postfix", "tcp", service.port, addresses)
            case "imap" | "pop3" | "sieve":
                yield Listener("dovecot", "tcp", service.port, dovecot)
            case "dns":
                continue
            case other:
                assert_never(other)
    if Role.DNS in host.roles:
        yield from _resolver_listeners(site, host)


def _resolver_listeners(site: Site, host: Host) -> Iterator[Listener]:
    options = site.unbound.get("server", {})
    default = _number(options.get("port", ()), DNS_PORT)
    by_port: dict[int, list[IPAddress]] = {}
    for interface in options.get("interface", unbound_interfaces(host)):
        # unbound.conf(5): address@port.
        text, _, port = interface.partition("@")
        by_port.setdefault(_number([port], default), []).extend(_addresses(text))
    for number, addresses in by_port.items():
        for transport in ("tcp", "udp"):
            yield Listener("unbound", transport, number, tuple(addresses))


def _addresses(text: str) -> tuple[IPAddress, ...]:
    found: list[IPAddress] = []
    for word in re.split(r"[\s,]+", text):
        if word in _WORDS:
            found += _WORDS[word]
            continue
        try:
            found.append(ip_address(word.strip("[]")))
        except ValueError:
            continue
    return tuple(found)


def _postfix_versions(site: Site, host: Host) -> frozenset[int]:
    words = re.split(r"[\s,]+", site.postfix.main.get("inet_protocols", "all"))
    if "inet_protocols" not in site.postfix.main and not _has_ipv6(host):
        words = ["ipv4"]
    return frozenset(version for version in (4, 6) if "all" in words or f"ipv{version}" in words)


def _has_ipv6(host: Host) -> bool:
    return bool(_only(6, host.addresses))


def _only(version: int, addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
    return tuple(address for address in addresses if address.version == version)


def _number(texts: Iterable[str], otherwise: int) -> int:
    return next((int(text) for text in texts if text.isascii() and text.isdigit()), otherwise)

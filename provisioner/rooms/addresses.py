"""Addresses to listen on, as daemons write them.

Where a site says in a daemon's own syntax where the daemon listens, plain addresses are taken
from there. Of what needs more than that to understand, a host name or an interface, nothing is
known, and nothing is claimed.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from provisioner.model.site import Host, IPAddress

ANY_IPV4 = IPv4Address(0)
ANY_IPV6 = IPv6Address(0)

# How daemons write sets of addresses.
_WORDS: dict[str, tuple[IPAddress, ...]] = {
    "all": (ANY_IPV4, ANY_IPV6),
    "*": (ANY_IPV4,),
    "loopback-only": (IPv4Address("127.0.0.1"), IPv6Address("::1")),
}


def listed_addresses(text: str) -> tuple[IPAddress, ...]:
    """Return the addresses of a list with blanks or commas; unspecified ones stand for all."""
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


def has_ipv6(host: Host) -> bool:
    """Tell whether a host has an address of IPv6."""
    return any(address.version == 6 for address in host.addresses)  # noqa: PLR2004 IP version

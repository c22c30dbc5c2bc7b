"""Names and addresses of a lab: everything that follows from its number alone.

A lab has a number from 0 to 254; 0 belongs to the lab named `demo`. Lab N has

    10.89.N.0/24    fd00:89:N::/64         inside: where a site's hosts are
    198.18.N.0/24   2001:db8:89:N::/64     outside: strangers, whom no site trusts
    10.89.N.254     and so on in all four  this machine, the controller
    10.89.N.253     and so on in all four  the host `inet`, which plays the internet's DNS
    198.18.N.252    2001:db8:89:N::252     mail.outside.example, free for a host to play it

on one bridge `mplN`, where hosts of both networks reach each other directly. All labs
reach the package cache at 10.89.255.1 and fd00:89:255::1. N stands in IPv6 addresses
with its decimal digits. Inventories are written for lab 0 and `site_for_lab` moves them.
The outside is no private network, because resolvers refuse private addresses from the
internet; both of its prefixes are set aside for benchmarks and documentation.
"""

from __future__ import annotations

import hashlib
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from provisioner.lab.failures import lab_error

LAST_NUMBER = 254
DEMO_NUMBER = 0
CACHE_ADDRESS = "10.89.255.1"
CACHE_ADDRESS6 = "fd00:89:255::1"
CACHE_INTERFACE = "mplcache"
BRIDGE_PATTERN = re.compile(r"mpl(\d+)")
_INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ less its NUL
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_V6_PREFIX = re.compile(r"(?<![0-9A-Fa-f:])fd00:89:(?:0{1,4}:|(?=:))", re.IGNORECASE)
_V6_OUTSIDE = re.compile(r"(?<![0-9A-Fa-f:])2001:db8:89:0{1,4}:", re.IGNORECASE)
_V4_PREFIX = re.compile(r"(?<![0-9.])(10\.89|198\.18)\.0\.(?=\d)")
_V4_REVERSE = re.compile(r"\b0\.(89\.10|18\.198)(?=\.in-addr\.arpa\b)", re.IGNORECASE)
_V6_REVERSE = re.compile(
    r"\b0\.0\.0\.0(?=\.9\.8\.0\.0\.(?:0\.0\.d\.f|8\.b\.d\.0\.1\.0\.0\.2)\.ip6\.arpa\b)",
    re.IGNORECASE,
)

Address = IPv4Address | IPv6Address


def site_for_lab(text: str, number: int) -> str:
    """Return an inventory written for lab 0 with its addresses moved to lab `number`.

    Rewrites `10.89.0.`, `fd00:89:0:` (or the short form `fd00:89::`), `198.18.0.`,
    `2001:db8:89:0:` and their reverse zones; everything else stays as it is.
    """
    nibbles = ".".join(reversed(f"{number:0>4}"))
    text = _V4_PREFIX.sub(rf"\g<1>.{number}.", text)
    text = _V6_OUTSIDE.sub(f"2001:db8:89:{number}:", text)
    text = _V6_PREFIX.sub(f"fd00:89:{number}:", text)
    text = _V4_REVERSE.sub(rf"{number}.\g<1>", text)
    return _V6_REVERSE.sub(nibbles, text)


def network4(number: int) -> IPv4Network:
    """Return the IPv4 network inside a lab."""
    return IPv4Network(f"10.89.{number}.0/24")


def network6(number: int) -> IPv6Network:
    """Return the IPv6 network inside a lab."""
    return IPv6Network(f"fd00:89:{number}::/64")


def networks(number: int) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return all networks of a lab, inside and outside."""
    outside4 = IPv4Network(f"198.18.{number}.0/24")
    outside6 = IPv6Network(f"2001:db8:89:{number}::/64")
    return (network4(number), network6(number), outside4, outside6)


def outside_address(number: int, last: int) -> str:
    """Return the IPv4 address outside that ends in `last`."""
    return f"198.18.{number}.{last}"


def outside_address6(number: int, last: int) -> str:
    """Return the IPv6 address outside that ends in the decimal digits of `last`."""
    return f"2001:db8:89:{number}::{last}"


def lab_address(number: int, last: int) -> str:
    """Return the IPv4 address inside a lab that ends in `last`."""
    return f"10.89.{number}.{last}"


def lab_address6(number: int, last: int) -> str:
    """Return the IPv6 address inside a lab that ends in the decimal digits of `last`."""
    return f"fd00:89:{number}::{last}"


def parse_lab_address(text: str, number: int) -> Address:
    """Return the address; raise MailprovError when it is none or not of lab `number`."""
    try:
        address = ip_address(text)
    except ValueError as problem:
        raise lab_error("this is not an IP address", got=text) from problem
    if not any(address in network for network in networks(number)):
        raise lab_error(
            "this address is outside the lab's networks",
            got=text,
            want="one of " + " ".join(map(str, networks(number))),
            fix="write addresses as for lab 0 (10.89.0.x, 198.18.0.x …); they are moved",
        )
    return address


def check_name(name: str, what: str) -> str:
    """Return name if it can be part of host, folder and interface names.

    Raises MailprovError otherwise; `what` says in the error whose name it is.
    """
    if not _HOST_NAME.fullmatch(name):
        raise lab_error(
            f"this is no name for a {what}",
            got=repr(name),
            want="1 to 32 of the characters a-z, 0-9 and hyphen, no hyphen at either end",
        )
    return name


def bridge_name(number: int) -> str:
    """Return the name of a lab's bridge."""
    return f"mpl{number}"


def namespace_name(number: int, host: str) -> str:
    """Return the name of a host's network namespace."""
    return f"mpl{number}-{host}"


def veth_name(number: int, host: str) -> str:
    """Return the name of a host's cable at the bridge's end: readable where it fits."""
    plain = f"v{number}-{host}"
    if len(plain) <= _INTERFACE_NAME_LIMIT:
        return plain
    digest = hashlib.sha256(host.encode()).hexdigest()
    return f"v{number}-{host[:4]}{digest[:6]}"


def mac_address(number: int, owner: str) -> str:
    """Return the MAC of an owner: a host's first address, or the word `bridge`.

    It goes with the address, not with the host: who takes over an address is reached
    at once, and not when every neighbour's cache has forgotten the old owner.
    """
    tail = hashlib.sha256(f"{number}/{owner}".encode()).digest()
    return "02:89:" + ":".join(f"{byte:02x}" for byte in tail[:4])

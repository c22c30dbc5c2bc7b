"""How much of the public Internet a set of networks holds, however it is put together.

A split of the whole space, or the space without a corner, is as open as the whole. So what
counts is the union, and of it only what anybody on the Internet can have: no private,
loopback, documentation or multicast addresses (the IANA special-purpose registries,
RFC 6890), and of IPv6 only global unicast, 2000::/3 (RFC 4291 section 2.4).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

Networks = Iterable[IPv4Network | IPv6Network]

_OPEN = {4: 4 * 2**24, 6: 2**112}
"""So many public addresses are nobody's own: four /8 of IPv4, one in 55 of all of them, or a /16
of IPv6. Hardly an organisation holds a second /8, and none an IPv6 network this short; one
registry alone serves a continent from a /12."""

_RESERVED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_PUBLIC_IPV6 = IPv6Network("2000::/3")

Span = tuple[int, int]


class AddressSet:
    """A set of addresses that networks are put into and taken out of, at the cost of a look-up."""

    def __init__(self, networks: Networks = ()) -> None:
        listed = list(networks)
        old = collapse_addresses(one for one in listed if isinstance(one, IPv4Network))
        new = collapse_addresses(one for one in listed if isinstance(one, IPv6Network))
        # In order, and apart from each other.
        self._spans = {4: list(map(_span, old)), 6: list(map(_span, new))}

    def add(self, network: IPv4Network | IPv6Network) -> None:
        """Put a network into the set."""
        self.remove(network)
        insort(self._spans[network.version], _span(network))

    def remove(self, network: IPv4Network | IPv6Network) -> None:
        """Take a network out of the set."""
        first, last = _span(network)
        spans = self._spans[network.version]
        begin = bisect_left(spans, first, key=lambda span: span[1])
        beyond = bisect_right(spans, last, key=lambda span: span[0])
        kept: list[Span] = []
        for start, end in spans[begin:beyond]:
            kept += [(start, first - 1)] if start < first else []
            kept += [(last + 1, end)] if last < end else []
        spans[begin:beyond] = kept

    @property
    def public(self) -> bool:
        """Whether so much of the public space is in the set that it is open to strangers."""
        old, new = self._spans[4], self._spans[6]
        reserved = sum(_shared(old, _span(one)) for one in _RESERVED)
        return (
            sum(end - start + 1 for start, end in old) - reserved >= _OPEN[4]
            or _shared(new, _span(_PUBLIC_IPV6)) >= _OPEN[6]
        )


def covers_public(networks: Networks) -> bool:
    """Tell whether networks together hold so much of the public space that they are open."""
    return AddressSet(networks).public


def _span(network: IPv4Network | IPv6Network) -> Span:
    return int(network.network_address), int(network.broadcast_address)


def _shared(spans: Iterable[Span], other: Span) -> int:
    first, last = other
    return sum(max(0, min(end, last) - max(start, first) + 1) for start, end in spans)


def network_of(pattern: str) -> IPv4Network | IPv6Network | None:
    """Return the network that a pattern of an address stands for, None where it is a name.

    Forms: 192.0.2.0/24, [2001:db8::]/32, one address, and the leading octets of one.
    """
    text = pattern.replace("[", "").replace("]", "")
    octets = text.split(".")
    if ":" not in text and 0 < len(octets) < 4 and all(one.isdecimal() for one in octets):  # noqa: PLR2004
        text = ".".join((*octets, *["0"] * (4 - len(octets)))) + f"/{8 * len(octets)}"
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None

"""Addresses and networks, read strictly.

The standard library accepts a newline in an IPv6 zone, a wildcard mask for a prefix
length and, in places, host bits. Daemons then read another network than the writer
meant, so each of these is refused with what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Annotated

from provisioner.model.values import InvalidValueError, Parsed

_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_MAPPED = IPv6Network("::ffff:0:0/96")
_LONGEST = 45
_OCTETS = 4
_MOST_OF_RANGE = 8
_WANT_ADDRESS = "an IPv4 or IPv6 address, like 192.0.2.10 or 2001:db8::10"
_WANT_NETWORK = "a network, like 192.0.2.0/24 or 2001:db8::/64"


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Return an address; InvalidValueError for scopes, networks, brackets and mapped IPv4."""
    _refuse_ambiguous(text, _WANT_ADDRESS)
    if "/" in text:
        raise InvalidValueError(
            "a network where an address is wanted",
            want=_WANT_ADDRESS,
            fix=f"write {text.partition('/')[0]}" if _is_address(text.partition("/")[0]) else "",
        )
    try:
        address = ip_address(text)
    except ValueError as problem:
        raise _not_address(text, "not an IP address", _WANT_ADDRESS) from problem
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise InvalidValueError(
            "an IPv4 address in IPv6 form", want=_WANT_ADDRESS, fix=f"write {address.ipv4_mapped}"
        )
    return address


def parse_host_address(text: str) -> IPv4Address | IPv6Address:
    """Return an address that one machine can have; InvalidValueError for all others."""
    address = parse_address(text)
    kinds = (
        (address.is_unspecified, "the unspecified address"),
        (address.is_multicast, "a multicast address"),
        (address == IPv4Address("255.255.255.255"), "the broadcast address"),
        (address.version == 6 and address.is_link_local, "a link-local address"),  # noqa: PLR2004
    )
    for wrong, name in kinds:
        if wrong:
            raise InvalidValueError(
                f"{name} where a host's own address is wanted",
                want=_WANT_ADDRESS,
                fix="write the address that others reach the host at",
            )
    return address


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Return a network; a bare address is the network of that one host."""
    _refuse_other_notations(text)
    _refuse_ambiguous(text, _WANT_NETWORK)
    base, slash, prefix = text.partition("/")
    try:
        address = ip_address(base)
    except ValueError as problem:
        raise _not_address(base, "not a network", _WANT_NETWORK) from problem
    if slash and not _PREFIX.fullmatch(prefix):
        raise _bad_prefix(base, prefix)
    try:
        network = ip_network(text, strict=False)
    except ValueError as problem:
        raise InvalidValueError(
            "a prefix length that is too long",
            want=f"0 to {address.max_prefixlen} after the slash",
            fix=f"write {base}/{address.max_prefixlen} for the one address",
        ) from problem
    if slash and network.network_address != address:
        raise InvalidValueError(
            "a network with host bits set",
            want=_WANT_NETWORK,
            fix=f"write {network} for the network, or {base} for the one address",
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        raise InvalidValueError(
            "an IPv4 network in IPv6 form", want=_WANT_NETWORK, fix="write the IPv4 network"
        )
    return network


def _refuse_other_notations(text: str) -> None:
    """Raise InvalidValueError for what other programs read as networks, with what it means."""
    listed = [word for word in re.split(r"[\s,]+", text) if word]
    if len(listed) > 1:
        raise InvalidValueError(
            "several networks in one text",
            want=f"a list, each element {_WANT_NETWORK}",
            fix=f"write [{', '.join(map(_as_element, listed))}]",
        )
    if text.startswith("!"):
        raise InvalidValueError(
            "an exception (!)",
            want="the networks that are meant, and no others",
            fix="list the networks around it instead",
        )
    low, dash, high = text.partition("-")
    if dash and _is_address(low):
        # The last octet alone is how people shorten it.
        end = high if "." in high or ":" in high else f"{low.rpartition('.')[0]}.{high}"
        raise InvalidValueError(
            "a range of addresses", want=_WANT_NETWORK, fix=_range_in_networks(low, end)
        )
    base, slash, prefix = text.removesuffix(".*").partition("/")
    octets = base.rstrip(".").split(".")
    short = len(octets) < _OCTETS and all(one.isascii() and one.isdigit() for one in octets)
    if short and (slash or len(octets) > 1):
        whole = ".".join((*octets, *["0"] * (_OCTETS - len(octets))))
        try:
            meant = f"write {ip_network(f'{whole}/{prefix or 8 * len(octets)}')}"
        except ValueError:
            meant = "write all four octets"
        raise InvalidValueError(
            "a network without all of its octets", want=_WANT_NETWORK, fix=meant
        )


def _range_in_networks(low: str, high: str) -> str:
    try:
        found = list(summarize_address_range(ip_address(low), ip_address(high)))
    except (TypeError, ValueError):
        return "write the networks that it is made of"
    if len(found) > _MOST_OF_RANGE:
        return f"write the {len(found)} networks that it is made of, or the one around it"
    return f"write {found[0]}" if len(found) == 1 else f"write [{', '.join(map(str, found))}]"


def _as_element(text: str) -> str:
    bare = text.replace("[", "").replace("]", "")
    return f'"{bare}"' if ":" in bare else bare


def _refuse_ambiguous(text: str, want: str) -> None:
    if len(text) > _LONGEST + len("/128"):
        raise InvalidValueError(
            "a text too long for an address", want=want, fix="write one address or network"
        )
    if "%" in text:
        raise InvalidValueError(
            "an address with a zone (%)",
            want=want,
            fix="write an address that means the same on every machine",
        )
    if text.startswith("["):
        bare = text.strip("[]")
        raise InvalidValueError(
            "an address in brackets",
            want=want,
            fix=f"write {bare}" if _is_address(bare) else "remove the brackets",
        )


def _not_address(text: str, summary: str, want: str) -> InvalidValueError:
    octets = text.split(".")
    if len(octets) == _OCTETS and all(o.isascii() and o.isdigit() for o in octets):
        plain = ".".join(octet.lstrip("0") or "0" for octet in octets)
        if plain != text and _is_address(plain):
            return InvalidValueError(
                "an address with leading zeros", want=want, fix=f"write {plain}"
            )
    return InvalidValueError(summary, want=want, fix="write the address in numbers")


def _bad_prefix(base: str, prefix: str) -> InvalidValueError:
    want = f"{_WANT_NETWORK}: the number of leading bits after the slash"
    if "." not in prefix:
        return InvalidValueError("not a prefix length", want=want, fix="write a number, like /24")
    try:
        network = ip_network(f"{base}/{prefix}", strict=False)
    except ValueError:
        return InvalidValueError("a mask where a prefix length is wanted", want=want, fix="")
    return InvalidValueError(
        "a mask where a prefix length is wanted", want=want, fix=f"write {network}"
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


HostAddress = Annotated[IPv4Address | IPv6Address, Parsed(parse_host_address)]
Network = Annotated[IPv4Network | IPv6Network, Parsed(parse_network)]


def bracketed(network: IPv4Network | IPv6Network) -> str:
    """Return a network as Postfix's match_list patterns want it, like `[2001:db8::]/32`."""
    if network.version == 4:  # noqa: PLR2004 IP version
        return str(network)
    return f"[{network.network_address}]/{network.prefixlen}"


class NetworkSet:
    """Networks that an address is looked up in, however many there are, at the cost of a few.

    An IPv4 address in IPv6 form counts as IPv4.
    """

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        for network in networks:
            kind = (network.version, network.prefixlen)
            self._by_length.setdefault(kind, set()).add(int(network.network_address))

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        number = int(plain)
        return any(
            version == plain.version and number & _mask(plain.max_prefixlen, length) in networks
            for (version, length), networks in self._by_length.items()
        )


def _mask(bits: int, length: int) -> int:
    return ((1 << length) - 1) << (bits - length)

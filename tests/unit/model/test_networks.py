"""Addresses and networks: the ambiguous spellings are refused with the meant one."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.networks import (
    NetworkSet,
    parse_address,
    parse_host_address,
    parse_network,
)
from provisioner.model.values import InvalidValueError


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("10.0.0.0/24", "write 10.0.0.0"),
        ("010.0.0.1", "write 10.0.0.1"),
        ("fe80::1%eth0", "same on every machine"),
        ("fe80::1%x\ny", "same on every machine"),
        ("[2001:db8::1]", "write 2001:db8::1"),
        ("::ffff:192.0.2.1", "write 192.0.2.1"),
        ("0.0.0.0", "address that others reach"),  # noqa: S104 nothing binds here
        ("::", "address that others reach"),
        ("224.0.0.1", "address that others reach"),
        ("ff02::1", "address that others reach"),
        ("255.255.255.255", "address that others reach"),
        ("fe80::1", "address that others reach"),
        ("mail.example.org", "in numbers"),
        ("192.0.2", "in numbers"),
        ("3221225985", "in numbers"),
        ("192.0.2.1:25", "in numbers"),
        (" 192.0.2.1", "in numbers"),
        ("192.0.2.1\n", "in numbers"),
        ("", "in numbers"),
        ("1" * 10_000, "one address"),
    ],
)
def test_what_is_no_host_address_is_refused(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_host_address(written)
    assert fix in refusal.value.fix
    assert refusal.value.want


def test_addresses_of_both_families_are_read() -> None:
    assert parse_host_address("192.0.2.10") == ip_address("192.0.2.10")
    assert parse_host_address("2001:DB8:0::10") == ip_address("2001:db8::10")


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("10.0.0.5/24", "write 10.0.0.0/24 for the network, or 10.0.0.5"),
        ("2001:db8::5/64", "write 2001:db8::/64"),
        ("10.0.0.0/0.0.0.255", "write 10.0.0.0/24"),
        ("10.0.0.0/255.255.255.0", "write 10.0.0.0/24"),
        ("10.0.0.0/024", "/24"),
        ("10.0.0.0/", "/24"),
        ("10.0.0.0/33", "write 10.0.0.0/32"),
        ("10.0.0.0/-1", "/24"),
        ("fe80::%eth0/64", "same on every machine"),
        ("[2001:db8::]/32", "brackets"),
        ("::ffff:0:0/96", "IPv4 network"),
        ("0.0.0.1/0", "write 0.0.0.0/0"),
        ("010.0.0.0/8", "write 10.0.0.0"),
        ("all", "in numbers"),
        ("", "in numbers"),
        ("10.0.0.0/8\n", "/24"),
        ("10.0.0.0/8 192.168.0.0/16", "write [10.0.0.0/8, 192.168.0.0/16]"),
        ("10.0.0.0/8,[2001:db8::]/32", 'write [10.0.0.0/8, "2001:db8::/32"]'),
        ("10/8", "write 10.0.0.0/8"),
        ("192.168/16", "write 192.168.0.0/16"),
        ("192.168.1", "write 192.168.1.0/24"),
        ("192.168.1.", "write 192.168.1.0/24"),
        ("192.168.1.*", "write 192.168.1.0/24"),
        ("10.1/8", "all four octets"),
        ("10.0.0.0-10.0.0.255", "write 10.0.0.0/24"),
        ("10.0.0.4-10.0.0.9", "write [10.0.0.4/30, 10.0.0.8/31]"),
        ("10.0.0.4-9", "write [10.0.0.4/30, 10.0.0.8/31]"),
        ("10.0.0.9-10.0.0.4", "write the networks"),
        ("10.0.0.1-10.9.9.9", "or the one around it"),
        ("!10.0.0.0/8", "list the networks around it"),
    ],
)
def test_what_is_no_network_is_refused(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_network(written)
    assert fix in refusal.value.fix
    assert refusal.value.want


def test_a_bare_address_is_the_network_of_one_host() -> None:
    assert parse_network("192.0.2.1") == ip_network("192.0.2.1/32")
    assert parse_network("2001:db8::1") == ip_network("2001:db8::1/128")


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=50)))
def test_an_address_is_read_as_itself_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidValueError:
        return
    assert address == ip_address(text)
    assert "%" not in str(address)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_with_host_bits_is_never_read(address: object, prefix: int) -> None:
    text = f"{address}/{prefix}"
    try:
        network = parse_network(text)
    except InvalidValueError:
        return
    assert str(network.network_address) == str(address)
    assert network.prefixlen == prefix


@given(
    written=st.lists(st.tuples(st.ip_addresses(), st.integers(0, 32)), max_size=6),
    address=st.ip_addresses(),
)
def test_a_set_of_networks_has_the_addresses_of_each(
    written: list[tuple[IPv4Address | IPv6Address, int]], address: IPv4Address | IPv6Address
) -> None:
    networks = [ip_network(f"{base}/{length}", strict=False) for base, length in written]
    found = NetworkSet(networks)
    for one in (address, *(base for base, _ in written)):
        plain = getattr(one, "ipv4_mapped", None) or one
        assert (one in found) == any(plain in network for network in networks)

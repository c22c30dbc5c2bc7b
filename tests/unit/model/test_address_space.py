"""Open is what holds much of the public Internet, however it is put together."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.address_space import AddressSet, covers_public, network_of
from provisioner.model.networks import parse_network


@pytest.mark.parametrize(
    "networks",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["::/1", "8000::/1"],
        ["2000::/3"],
        ["2000::/5"],
        ["0.0.0.0/2", "64.0.0.0/3"],
        ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2"],
        ["20.0.0.0/6"],
        [f"{octet}.0.0.0/8" for octet in (17, 19, 44, 56)],
        ["2600::/12"],
        ["2001::/16"],
        [f"2a{octet:02x}::/24" for octet in range(256)],
    ],
)
def test_what_holds_a_large_part_of_the_public_space_is_open(networks: list[str]) -> None:
    """People were shown how to trust a quarter of the Internet without a word of warning."""
    assert covers_public([parse_network(network) for network in networks])


@pytest.mark.parametrize(
    "networks",
    [
        [],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "2001:db8::/32"],
        ["17.0.0.0/8", "44.0.0.0/8"],
        ["224.0.0.0/3", "0.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8"],
        ["100.0.0.0/8", "fe00::/7", "8000::/1"],
        ["2600::/20"],
    ],
)
def test_what_an_organisation_can_have_is_not(networks: list[str]) -> None:
    assert not covers_public([parse_network(network) for network in networks])


@given(st.lists(st.integers(0, 255), min_size=256, max_size=256, unique=True))
def test_any_order_of_a_full_split_is_open(order: list[int]) -> None:
    assert covers_public([parse_network(f"{octet}.0.0.0/8") for octet in order])


_NETWORK = st.tuples(st.integers(0, 255), st.integers(0, 8)).map(
    lambda one: ip_network((one[0] << 24, one[1]), strict=False)
)


@given(st.lists(st.tuples(st.booleans(), _NETWORK), max_size=12))
def test_a_set_holds_what_was_put_in_last(steps: list[tuple[bool, object]]) -> None:
    addresses = AddressSet()
    held: set[int] = set()
    for put, network in steps:
        octets = {o for o in range(256) if ip_address(o << 24) in network}  # type: ignore[operator]
        (addresses.add if put else addresses.remove)(network)  # type: ignore[arg-type]
        held = held | octets if put else held - octets
    public = held - {0, 10, 127, *range(224, 256)}
    # The parts of a /8 that are private are smaller than one of them together.
    if len(public) >= 5:
        assert addresses.public
    if len(public) < 4:
        assert not addresses.public


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2", "192.0.2.0/24"),
        ("10", "10.0.0.0/8"),
        ("[2001:db8::]/32", "2001:db8::/32"),
        ("[::]/0", "::/0"),
        ("192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_patterns_of_addresses_are_networks(pattern: str, want: str) -> None:
    assert network_of(pattern) == ip_network(want)


def test_names_are_no_networks() -> None:
    assert network_of("example.org") is None

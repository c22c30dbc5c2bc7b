"""A lab's names and addresses, and inventories moved from lab 0 to another."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnostics import MailprovError
from provisioner.lab.addresses import (
    LAST_NUMBER,
    check_name,
    mac_address,
    network4,
    network6,
    parse_lab_address,
    site_for_lab,
    veth_name,
)

numbers = st.integers(min_value=0, max_value=LAST_NUMBER)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        ("address: 10.89.0.10", "address: 10.89.7.10"),
        ("[10.89.0.10, fd00:89:0::10]", "[10.89.7.10, fd00:89:7::10]"),
        ("fd00:89::10", "fd00:89:7::10"),
        ("fd00:89:0:0::10", "fd00:89:7:0::10"),
        ("FD00:89:0000::10", "fd00:89:7::10"),
        ("[10.89.0.0/24]", "[10.89.7.0/24]"),
        ("10.89.0.10@53", "10.89.7.10@53"),
        ("0.89.10.in-addr.arpa", "7.89.10.in-addr.arpa"),
        ("10.0.89.10.in-addr.arpa", "10.7.89.10.in-addr.arpa"),
        ("0.0.0.0.9.8.0.0.0.0.d.f.ip6.arpa", "7.0.0.0.9.8.0.0.0.0.d.f.ip6.arpa"),
        ("198.18.0.252", "198.18.7.252"),
        ("2001:db8:89:0::252", "2001:db8:89:7::252"),
        ("0.18.198.in-addr.arpa", "7.18.198.in-addr.arpa"),
        (
            "0.0.0.0.9.8.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "7.0.0.0.9.8.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        ),
        ("2001:db8::252", "2001:db8::252"),
        ("198.18.1.1", "198.18.1.1"),
        ("110.89.0.10", "110.89.0.10"),
        ("1.10.89.0.10", "1.10.89.0.10"),
        ("10.89.1.10", "10.89.1.10"),
        ("10.163.2.100", "10.163.2.100"),
        ("fd00:890:0::1", "fd00:890:0::1"),
        ("fd00:89:1::1", "fd00:89:1::1"),
        ("2001:fd00:89:0::1", "2001:fd00:89:0::1"),
    ],
)
def test_site_for_lab_moves_the_labs_addresses_and_nothing_else(got: str, want: str) -> None:
    assert site_for_lab(got, 7) == want


@given(numbers, st.integers(min_value=1, max_value=254))
def test_moved_addresses_lie_in_the_labs_networks(number: int, last: int) -> None:
    assert ip_address(site_for_lab(f"10.89.0.{last}", number)) in network4(number)
    assert ip_address(site_for_lab(f"fd00:89:0::{last}", number)) in network6(number)


@given(st.text())
def test_lab_0_reads_inventories_as_they_are_written(text: str) -> None:
    assert site_for_lab(text, 0) == text


def test_no_two_labs_share_a_network() -> None:
    every = range(LAST_NUMBER + 1)
    assert len({network4(number) for number in every}) == len(every)
    assert len({network6(number) for number in every}) == len(every)


@given(numbers, st.from_regex(r"[a-z0-9]{1,32}", fullmatch=True))
def test_interface_names_fit_the_kernel(number: int, host: str) -> None:
    name = veth_name(number, host)
    assert len(name) <= 15
    assert name.startswith(f"v{number}-")


def test_long_host_names_with_one_beginning_get_different_interfaces() -> None:
    assert veth_name(3, "a-long-host-name-1") != veth_name(3, "a-long-host-name-2")


def test_a_mac_is_unicast_and_local() -> None:
    assert int(mac_address(3, "10.89.3.10").split(":")[0], 16) & 3 == 2


@pytest.mark.parametrize("text", ["10.89.4.10", "192.0.2.1", "fd00:89:4::1", "x", "fe80::1%eth0"])
def test_addresses_of_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(MailprovError):
        parse_lab_address(text, 3)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a/b", "..", "a" * 33, "a\n"])
def test_names_that_would_escape_are_refused(name: str) -> None:
    with pytest.raises(MailprovError):
        check_name(name, "host")

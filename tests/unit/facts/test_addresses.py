"""An address of the site file that the host does not have is found before anything is changed.

People behind a router that translates addresses wrote the public one. Daemons cannot listen on
it, and a minute after a plan without a word seven errors came that did not name the cause.
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from provisioner.facts.addresses import (
    HostAddresses,
    absent_addresses,
    address_diagnostics,
    parse_addresses,
)
from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, Role
from provisioner.remote.protocol import MalformedError

ROWS = [
    "4\t10.0.0.5/32",
    "4\t127.0.0.0/8",
    "4\t127.0.0.1/32",
    "6\t00000000000000000000000000000001",
    "6\tfe800000000000000089aafffee85559",
    "6\tfd000000000000000000000000000005",
]


def host(*addresses: str) -> Host:
    return Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=tuple(map(ip_address, addresses)),
        roles=frozenset(Role),
    )


def found(*more: str) -> HostAddresses:
    got = parse_addresses([*ROWS, *more])
    assert got is not None
    return got


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("10.0.0.5", True),
        ("127.9.0.1", True),  # what the kernel takes for its own, whole networks too
        ("fd00::5", True),
        ("10.0.0.6", False),
        ("203.0.113.9", False),
        ("2001:db8::1", False),
    ],
)
def test_what_a_host_has_is_what_its_daemons_can_listen_on(address: str, *, there: bool) -> None:
    assert found().has(ip_address(address)) is there
    assert absent_addresses(host(address), found()) == (() if there else (ip_address(address),))


def test_an_address_on_no_interface_is_told_with_those_there_are_and_the_key_for_it() -> None:
    site_host = host("203.0.113.9")
    absent = absent_addresses(site_host, found())
    (got,) = address_diagnostics(site_host, absent, found())
    assert got.summary.startswith(
        "203.0.113.9 is on no interface; the host has 10.0.0.5, fd00::5; "
    )
    assert "`address: 10.0.0.5` and `public_address: 203.0.113.9`" in got.fix


def test_where_the_kernel_lets_daemons_listen_on_addresses_to_come_nothing_is_wrong() -> None:
    site_host = host("10.0.0.5", "10.0.0.77", "2001:db8::77")
    later = found("nonlocal\t4")
    absent = absent_addresses(site_host, later)
    (got,) = address_diagnostics(site_host, absent, later)
    assert "2001:db8::77" in got.summary
    assert "10.0.0.77" not in got.summary
    both = found("nonlocal\t4", "nonlocal\t6")
    assert not list(address_diagnostics(site_host, absent, both))


def test_of_a_host_that_cannot_tell_nothing_is_said() -> None:
    assert parse_addresses([]) is None
    assert absent_addresses(host("203.0.113.9"), None) == ()


@pytest.mark.parametrize("row", ["", "4\t", "6\tzz", "nonlocal\tx", "6\t" + "f" * 40, "4"])
def test_a_row_of_another_form_is_told_as_such(row: str) -> None:
    with pytest.raises(MalformedError):
        parse_addresses([*ROWS, row])

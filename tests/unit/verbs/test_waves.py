"""Hosts are changed in the order in which they depend on one another."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import permutations

import pytest

from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, Role
from provisioner.verbs.waves import waves_of


def host(key: str, *roles: Role) -> Host:
    return Host(
        site=DomainName("example.org"),
        key=HostKey(key),
        fqdn=DomainName(f"{key}.example.org"),
        addresses=(ip_address("192.0.2.1"),),
        roles=frozenset(roles),
    )


NS = host("ns", Role.DNS)
STORE = host("store", Role.STORE)
MX = host("mx", Role.MX)
OUT = host("out", Role.SUBMISSION)
ALL = host("all", *Role)


@pytest.mark.parametrize("hosts", list(permutations((NS, STORE, MX, OUT))))
def test_resolvers_come_before_stores_and_mail_comes_in_last(hosts: tuple[Host, ...]) -> None:
    last = tuple(one for one in hosts if one in (MX, OUT))
    assert waves_of(hosts) == ((NS,), (STORE,), last)


def test_a_host_with_several_roles_goes_by_the_earliest() -> None:
    both = host("both", Role.MX, Role.STORE)
    assert waves_of([MX, both, ALL]) == ((ALL,), (both,), (MX,))


def test_no_host_is_forgotten_and_no_wave_is_empty() -> None:
    idle = host("idle")
    assert waves_of([idle, NS]) == ((NS,), (idle,))
    assert waves_of([]) == ()

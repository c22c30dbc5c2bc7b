"""Hosts are changed in the order in which they depend on one another."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import permutations

import pytest
from support.probe_site import two_host_site

from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, Role
from provisioner.plan.phases import Group, groups_of, transaction_phases


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


def alone(*hosts: Host) -> tuple[Group, ...]:
    return tuple((one,) for one in hosts)


@pytest.mark.parametrize("hosts", list(permutations((NS, STORE, MX, OUT))))
def test_resolvers_come_before_stores_and_mail_comes_in_last(hosts: tuple[Host, ...]) -> None:
    last = tuple((one,) for one in hosts if one in (MX, OUT))
    assert transaction_phases(alone(*hosts)) == (((NS,),), ((STORE,),), last)


def test_a_host_with_several_roles_goes_by_the_earliest() -> None:
    both = host("both", Role.MX, Role.STORE)
    assert transaction_phases(alone(MX, both, ALL)) == (((ALL,),), ((both,),), ((MX,),))


def test_no_host_is_forgotten_and_no_phase_is_empty() -> None:
    idle = host("idle")
    assert transaction_phases(alone(idle, NS)) == (((NS,),), ((idle,),))
    assert transaction_phases([(), (NS,)]) == (((NS,),),)
    assert transaction_phases([]) == ()


@pytest.mark.parametrize("group", list(permutations((STORE, MX, OUT))))
def test_a_group_is_in_order_and_goes_with_the_earliest_of_its_hosts(group: Group) -> None:
    other = host("other", Role.MX)
    rest = tuple(one for one in group if one is not STORE)
    want = (((NS,),), ((STORE, *rest),), ((other,),))
    assert transaction_phases([(other,), group, (NS,)]) == want


def test_mail_hosts_are_one_group_and_a_resolver_is_alone() -> None:
    site = two_host_site()
    split = site.model_copy(update={"hosts": (OUT, NS, STORE, MX)})
    assert groups_of(split) == ((OUT, STORE, MX), (NS,))
    assert groups_of(site.model_copy(update={"hosts": (NS, ALL)})) == ((NS,), (ALL,))


def test_a_mail_host_that_is_a_resolver_too_stays_in_its_group() -> None:
    both = host("both", Role.MX, Role.DNS)
    split = two_host_site().model_copy(update={"hosts": (STORE, both, NS)})
    assert transaction_phases(groups_of(split)) == (((both, STORE), (NS,)),)

"""Which ports a host's daemons open, and on what addresses."""

from __future__ import annotations

from typing import Any

import pytest
from support.probe_site import two_host_site

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import PostfixExtra
from provisioner.platforms.records import platform_named
from provisioner.render.nature import Nature
from provisioner.rooms.registry import carrier_of, listeners_of

EVERYWHERE = "0.0.0.0"  # noqa: S104 what the daemons open


def opened(key: str, **changes: Any) -> dict[tuple[str, str, int], set[str]]:  # noqa: ANN401 fields of a Site
    site = two_host_site(**changes)
    nature = Nature(platform_named("debian-12"))
    listeners = listeners_of(carrier_of(site, site.host(key), nature, SiteSecrets()))
    return {
        (one.daemon, one.transport, one.port): {str(address) for address in one.addresses}
        for one in listeners
    }


def test_postfix_and_dovecot_open_their_ports_on_every_address() -> None:
    got = opened("mail")
    assert {port for _, _, port in got} == {25, 465, 587, 110, 143, 993, 995, 4190}
    assert {daemon for daemon, _, port in got if port in {25, 465, 587}} == {"postfix"}
    assert set(map(frozenset, got.values())) == {frozenset({EVERYWHERE})}


def test_a_host_with_ipv6_opens_them_there_too() -> None:
    assert opened("mail", mail="2001:db8::10")["dovecot", "tcp", 993] == {EVERYWHERE, "::"}
    assert opened("mail", mail="2001:db8::10")["postfix", "tcp", 25] == {EVERYWHERE, "::"}


def test_unbound_opens_53_on_loopback_and_the_hosts_own_addresses() -> None:
    got = opened("ns")
    want = {"127.0.0.1", "192.0.2.11"}
    assert got == {("unbound", "tcp", 53): want, ("unbound", "udp", 53): want}


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("loopback-only", {"127.0.0.1"}),
        ("192.0.2.10, [2001:db8::1]", {"192.0.2.10"}),
        ("$myhostname", set()),
    ],
)
def test_what_the_site_says_in_postfixs_own_words_holds(value: str, want: set[str]) -> None:
    got = opened("mail", postfix=PostfixExtra(main={"inet_interfaces": value}))
    assert got["postfix", "tcp", 25] == want
    assert got["dovecot", "tcp", 993] == {EVERYWHERE}


def test_what_the_site_says_in_dovecots_and_unbounds_own_words_holds() -> None:
    dovecot = opened("mail", dovecot={"2.3": {"listen": "127.0.0.1, ::1"}})
    assert dovecot["dovecot", "tcp", 993] == {"127.0.0.1", "::1"}
    unbound = opened("ns", unbound={"server": {"interface": ("127.0.0.1@5353", "eth0")}})
    assert unbound["unbound", "udp", 5353] == {"127.0.0.1"}
    assert unbound["unbound", "udp", 53] == set()
    port = opened("ns", unbound={"server": {"port": ("5353",)}})
    assert {number for _, _, number in port} == {5353}


def test_inet_protocols_narrows_what_postfix_opens() -> None:
    extra = PostfixExtra(main={"inet_protocols": "ipv6"})
    got = opened("mail", mail="2001:db8::10", postfix=extra)
    assert got["postfix", "tcp", 25] == {"::"}


def test_ports_are_told_by_number_whichever_daemon_opens_them() -> None:
    site = two_host_site()
    carrier = carrier_of(
        site, site.host("mail"), Nature(platform_named("debian-12")), SiteSecrets()
    )
    ports = [one.port for one in listeners_of(carrier)]
    assert ports == sorted(ports)
    assert [one.daemon for one in listeners_of(carrier)][:2] == ["postfix", "dovecot"]

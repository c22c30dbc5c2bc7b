"""Which services a host carries for other daemons, and by what one daemon reaches another."""

from __future__ import annotations

import pytest
from unit.render.sites import TWO_HOSTS, site_of

from provisioner.model.site import Role
from provisioner.model.topology import (
    Link,
    LinkService,
    Tcp,
    Unix,
    Want,
    carried,
    deliverers,
    links_of,
    own_links,
)

SPLIT = """
domain: example.org
hosts:
  ns: {address: [10.0.0.1, "2001:db8::1"], roles: dns}
  mx: {address: 10.0.0.2, roles: [mx, dns]}
  submission: {address: 10.0.0.3, roles: submission}
  store1: {address: 10.0.0.4, roles: store}
  store2: {address: 10.0.0.5, roles: store}
users: {alice: {password: {env: ALICE}}}
"""
LOGINS = Want(LinkService.LOGINS, "mta", Unix("/run/logins", "mta"))
DELIVERY = Want(LinkService.DELIVERY, "mta", Unix("/run/delivery", "mta"))
WANTS = (LOGINS, DELIVERY)


def _links(text: str, key: str) -> list[tuple[str, str, Unix | Tcp]]:
    site = site_of(text)
    found = links_of(site, site.host(key), WANTS)
    return [
        (one.service, one.server, one.way)
        for one in found
        if one.service is not LinkService.RESOLVING
    ]


def _delivery(store: str, *, tls: bool = True) -> tuple[str, str, Tcp]:
    return "delivery", store, Tcp(f"{store}.example.org", 24, tls)


@pytest.mark.parametrize(
    ("roles", "want"),
    [
        ({Role.DNS}, {LinkService.RESOLVING}),
        ({Role.MX}, {LinkService.TRANSFER}),
        ({Role.SUBMISSION}, {LinkService.LOGINS, LinkService.TRANSFER}),
        ({Role.STORE}, {LinkService.LOGINS, LinkService.DELIVERY, LinkService.TRANSFER}),
        (set(Role), set(LinkService)),
    ],
)
def test_passwords_are_checked_where_users_log_in_and_nowhere_else(
    roles: set[Role], want: set[LinkService]
) -> None:
    assert carried(roles) == want


def test_on_one_mail_host_all_links_are_unix_sockets() -> None:
    assert _links(TWO_HOSTS, "mail") == [
        ("logins", "mail", LOGINS.unix),
        ("delivery", "mail", DELIVERY.unix),
    ]


def test_a_lone_mx_reaches_each_store_by_tcp_and_asks_nobody_for_logins() -> None:
    assert _links(SPLIT, "mx") == [_delivery("store1"), _delivery("store2")]


def test_a_submission_host_asks_for_logins_on_itself_only() -> None:
    assert _links(SPLIT, "submission") == [
        ("logins", "submission", LOGINS.unix),
        _delivery("store1"),
        _delivery("store2"),
    ]


def test_a_store_delivers_to_itself_by_its_socket_and_to_the_other_by_tcp() -> None:
    assert _links(SPLIT, "store2") == [
        ("delivery", "store2", DELIVERY.unix),
        _delivery("store1"),
    ]


def test_without_tls_no_link_claims_it() -> None:
    more = (
        "tls: none\nallow_insecure: {no-tls: a test, cleartext-login: a test}\n"
        "submission: {cleartext_login: true}\nimap: {cleartext_login: true}\n"
        "pop3: {cleartext_login: true}\n"
    )
    assert _links(SPLIT + more, "mx")[0] == _delivery("store1", tls=False)


def test_a_host_asks_itself_for_names_first_and_each_other_resolver_at_each_address() -> None:
    site = site_of(SPLIT)
    found = [one.way for one in links_of(site, site.host("mx"), ())]
    hosts = [way.host for way in found if isinstance(way, Tcp)]
    assert hosts == ["127.0.0.1", "10.0.0.1", "2001:db8::1"]
    own = Link(LinkService.RESOLVING, "", "mx", Tcp("127.0.0.1", 53, tls=False))
    assert links_of(site, site.host("mx"), ())[0] == own


def test_who_delivers_to_a_store_is_every_other_host_with_mail() -> None:
    site = site_of(SPLIT)
    found = [host.key for host in deliverers(site, site.host("store1"))]
    assert found == ["mx", "submission", "store2"]
    assert deliverers(site, site.host("mx")) == ()


def test_a_host_of_the_roles_that_a_record_names_has_the_links_of_these() -> None:
    found = [one.service for one in own_links("mail", {Role.SUBMISSION}, WANTS)]
    assert found == [LinkService.LOGINS]

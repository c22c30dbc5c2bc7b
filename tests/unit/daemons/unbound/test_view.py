"""Unbound's files: who may ask, what it knows by itself, where it forwards."""

from __future__ import annotations

import json

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, artifacts_of, lines_of, site_of

_PARTS = "/etc/unbound/unbound.conf.d/mailprov"
_SITE = site_of(TWO_HOSTS)


def _server(more: str = "") -> list[str]:
    return lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-server.conf")


def _zones(more: str = "") -> list[str]:
    return lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-zones.conf")


def _rules(lines: list[str]) -> list[str]:
    return [line.replace('"', "") for line in lines if line.startswith("access-control:")]


def test_strangers_are_refused_and_the_sites_own_hosts_may_ask() -> None:
    assert _rules(_server()) == [
        "access-control: 0.0.0.0/0 refuse",
        "access-control: ::/0 refuse",
        "access-control: 127.0.0.0/8 allow",
        "access-control: ::1/128 allow",
        "access-control: 10.0.0.2/32 allow",
        "access-control: 10.0.0.3/32 allow",
    ]


def test_an_open_resolver_says_why_and_refuses_nobody_of_that_family() -> None:
    more = "networks: {resolver: [0.0.0.0/0]}\nallow_insecure: {open-resolver: a test net}\n"
    rules = _rules(_server(more))
    assert "access-control: 0.0.0.0/0 allow" in rules
    assert "access-control: 0.0.0.0/0 refuse" not in rules
    assert "access-control: ::/0 refuse" in rules
    text = artifacts_of(site_of(TWO_HOSTS, more), "ns")[f"{_PARTS}-server.conf"].content.decode()
    assert "open-resolver: a test net" in text


def test_it_listens_on_loopback_and_its_own_addresses_only() -> None:
    lines = lines_of(_SITE, "ns", "/etc/unbound/unbound.conf")
    got = [line for line in lines if line.startswith("interface:")]
    assert got == ['interface: "127.0.0.1"', 'interface: "10.0.0.2"']


def test_only_named_parts_are_included() -> None:
    lines = lines_of(_SITE, "ns", "/etc/unbound/unbound.conf")
    got = [line for line in lines if line.startswith("include")]
    assert got == [
        f'include: "{_PARTS}-{part}.conf"' for part in ("server", "zones", "forward", "control")
    ]


def test_a_domain_has_its_records_and_a_private_host_its_reverse_name() -> None:
    got = _zones()
    # What the domain has beside these records is resolved as usual; of a host these are all.
    assert 'local-zone: "example.org." "typetransparent"' in got
    assert 'local-zone: "mail.example.org." "transparent"' in got
    assert 'local-data: "example.org. 3600 IN NS ns.example.org."' in got
    assert 'local-data: "example.org. 3600 IN MX 10 mail.example.org."' in got
    assert 'local-data: "mail.example.org. 3600 IN A 10.0.0.3"' in got
    assert 'local-data-ptr: "10.0.0.3 3600 mail.example.org."' in got
    assert sum("IN SOA" in line for line in got) == 1


def test_the_reverse_name_of_a_public_host_is_its_providers() -> None:
    site = site_of(ONE_HOST.replace("192.0.2.10", "8.8.4.4"))
    assert not any("ptr" in line for line in lines_of(site, "mail", f"{_PARTS}-zones.conf"))


def test_a_host_outside_of_the_domains_is_answered_for_alone() -> None:
    site = site_of(
        TWO_HOSTS.replace("ns: {", "ns: {fqdn: ns.example.net, "), "dns: {zone_type: static}\n"
    )
    got = lines_of(site, "ns", f"{_PARTS}-zones.conf")
    assert 'local-zone: "example.org." "static"' in got
    assert 'local-zone: "ns.example.net." "transparent"' in got


def test_forwards_are_asked_for_their_zone_in_order() -> None:
    more = "dns: {forward: {corp.example: [10.0.0.9, 10.0.0.8@5353]}}\n"
    got = lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-forward.conf")
    assert got == [
        "forward-zone:",
        'name: "corp.example."',
        "forward-first: no",
        'forward-addr: "10.0.0.9@53"',
        'forward-addr: "10.0.0.8@5353"',
    ]
    assert 'private-domain: "corp.example."' in _server(more)


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        ("127.0.0.1@5335", True),
        ('"::1@5335"', True),
        ("{address: 127.0.0.1, port: 8853, tls_name: dns.example.org}", True),
        ("127.0.0.53", True),
        ("10.0.0.9", False),
    ],
)
def test_a_resolver_on_the_host_itself_may_be_asked(server: str, *, asked: bool) -> None:
    """A stub on 127.0.0.1@5335 was valid here, and refused by unbound-checkconf on the host."""
    more = f'dns: {{forward: {{".": {server}}}}}\n'
    got = lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-forward.conf")
    assert (got[:2] == ["server:", "do-not-query-localhost: no"]) is asked
    assert ("do-not-query-localhost: no" in got) is asked


def test_a_forward_over_tls_checks_the_name() -> None:
    more = 'dns: {forward: {".": {address: 9.9.9.9, tls_name: dns.quad9.net}}}\n'
    got = lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-forward.conf")
    assert "forward-tls-upstream: yes" in got
    assert 'forward-addr: "9.9.9.9@853#dns.quad9.net"' in got


def test_a_forwarded_part_of_a_built_in_zone_is_opened_and_no_more() -> None:
    got = _zones(
        "dns: {forward: {1.0.10.in-addr.arpa: 10.0.0.9, test: 10.0.0.9, a.example: 10.0.0.9}}\n"
    )
    opened = [line for line in got if line.startswith("local-zone")]
    assert opened == [
        'local-zone: "example.org." "typetransparent"',
        'local-zone: "ns.example.org." "transparent"',
        'local-zone: "mail.example.org." "transparent"',
        'local-zone: "1.0.10.in-addr.arpa." "transparent"',
        'local-zone: "test." "transparent"',
    ]


def test_a_forwarded_part_of_a_static_domain_is_opened_and_no_more() -> None:
    got = _zones("dns: {zone_type: static, forward: {corp.example.org: 10.0.0.9, a.b: 10.0.0.9}}\n")
    assert [line for line in got if line.startswith("local-zone")] == [
        'local-zone: "example.org." "static"',
        'local-zone: "corp.example.org." "transparent"',
    ]


def test_of_a_name_with_addresses_all_are_the_sites_and_of_others_their_records() -> None:
    records = "www: {A: 10.0.0.8}, _dmarc: {TXT: v=DMARC1}, shop.example.net.: {TXT: x}"
    got = _zones(f"dns: {{records: {{{records}}}}}\n")
    zones = [line.split('"')[1::2] for line in got if line.startswith("local-zone")]
    assert [zone for zone in zones if zone[0].startswith(("www", "_dmarc", "shop"))] == [
        ["www.example.org.", "transparent"],
        ["shop.example.net.", "typetransparent"],
    ]


def test_an_address_of_loopback_is_listened_on_once() -> None:
    site = site_of(ONE_HOST.replace("192.0.2.10", "127.0.0.1"))
    lines = lines_of(site, "mail", "/etc/unbound/unbound.conf")
    assert [line for line in lines if line.startswith("interface:")] == ['interface: "127.0.0.1"']


def test_nothing_is_forwarded_unless_the_site_says_so() -> None:
    assert lines_of(_SITE, "ns", f"{_PARTS}-forward.conf") == []


def test_an_option_of_the_site_replaces_the_same_option_everywhere() -> None:
    options = 'auto-trust-anchor-file: "", trust-anchor: ". DS 1 13 2 AB", ip-freebind: "no"'
    more = f"unbound: {{server: {{{options}}}}}\n"
    site = site_of(TWO_HOSTS, more)
    everything = [
        line
        for path in artifacts_of(site, "ns")
        if path.startswith("/etc/unbound")
        for line in lines_of(site, "ns", path)
    ]
    assert not any(line.startswith("auto-trust-anchor-file") for line in everything)
    assert [line for line in everything if line.startswith("ip-freebind")] == ['ip-freebind: "no"']
    assert 'trust-anchor: ". DS 1 13 2 AB"' in everything


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("iterator", 'module-config: "iterator"'),
        ('"validator iterator"', 'module-config: "validator iterator"'),
        ("'validator iterator'", "module-config: 'validator iterator'"),
    ],
)
def test_a_value_with_quotes_of_its_own_gets_no_others(value: str, line: str) -> None:
    more = f"unbound:\n  server:\n    module-config: {json.dumps(value)}\n"
    assert lines_of(site_of(TWO_HOSTS, more), "ns", f"{_PARTS}-site.conf") == ["server:", line]


def test_rows_of_data_are_added_and_keep_their_words_apart() -> None:
    more = (
        """unbound: {server: {local-zone: "lan. static", access-control: "10.1.0.0/16 allow"}}\n"""
    )
    site = site_of(TWO_HOSTS, more)
    assert 'local-zone: "example.org." "typetransparent"' in _zones(more)
    got = lines_of(site, "ns", f"{_PARTS}-site.conf")
    assert got == ["server:", "local-zone: lan. static", "access-control: 10.1.0.0/16 allow"]
    assert _rules(_server(more)) == []

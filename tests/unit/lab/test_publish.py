"""What the lab's internet is told of sites."""

from __future__ import annotations

from pathlib import Path

import dns.name
import dns.zone
import pytest
from unit.render.sites import site_of

from provisioner.diagnostics import MailprovError
from provisioner.lab.publish import public_pointers, public_zones, with_pointers
from provisioner.lab.sites import LabSite, check_collisions

NORTH = """
domain: north.example
hosts:
  north-ns: {address: 198.18.0.10, roles: dns, fqdn: ns.north.example}
  north-mail:
    address: [198.18.0.11, "2001:db8:89::11"]
    roles: [mx, submission, store]
    fqdn: mail.north.example
domains: {sub.north.example: {}, north.test: {}}
users: {ann: {password: {env: A}}}
dns:
  records:
    "@": {TXT: v=spf1 mx -all}
    _dmarc.sub.north.example: {TXT: v=DMARC1; p=none}
"""
SOUTH = """
domain: south.example
hosts: {south: {address: 198.18.0.20, fqdn: mail.south.example}}
users: {bea: {password: {env: B}}}
"""


def lab_site(name: str, text: str) -> LabSite:
    return LabSite(Path(name), site_of(text), text)


def test_mail_servers_and_their_addresses_are_public() -> None:
    got = public_zones(site_of(NORTH))
    assert set(got) == {"north.example.", "sub.north.example.", "north.test."}
    north = got["north.example."]
    assert "north.example. IN MX 10 mail.north.example." in north
    assert "mail.north.example. IN A 198.18.0.11" in north
    assert "mail.north.example. IN AAAA 2001:db8:89::11" in north
    assert "_imaps._tcp.north.example. IN SRV 0 1 993 mail.north.example." in north
    assert 'north.example. IN TXT "v=spf1 mx -all"' in north
    assert "north.test. IN MX 10 mail.north.example." in got["north.test."]


def test_a_resolver_of_the_site_is_nobody_elses_business() -> None:
    assert not [
        line for line in public_zones(site_of(NORTH))["north.example."] if "198.18.0.10" in line
    ]


def test_records_are_in_the_closest_zone() -> None:
    got = public_zones(site_of(NORTH))
    assert any("_dmarc" in line for line in got["sub.north.example."])
    assert not any("_dmarc" in line for line in got["north.example."])


def test_every_line_can_be_read_as_a_zone_file() -> None:
    for zone, lines in public_zones(site_of(NORTH)).items():
        text = "$TTL 30\n@ IN SOA ns. h. 1 1 1 1 1\n@ IN NS ns.\n" + "\n".join(lines) + "\n"
        dns.zone.from_text(text, origin=dns.name.from_text(zone), relativize=False)


def test_pointers_replace_those_of_their_own_address_only() -> None:
    zones = {
        "0.18.198.in-addr.arpa.": (
            "11.0.18.198.in-addr.arpa. IN PTR old.example.",
            "253.0.18.198.in-addr.arpa. IN PTR www.example.",
        ),
        "0.89.10.in-addr.arpa.": ("253.0.89.10.in-addr.arpa. IN PTR ns.example.",),
    }
    got = with_pointers(zones, list(public_pointers(site_of(NORTH))))
    assert got == {
        "0.18.198.in-addr.arpa.": (
            "253.0.18.198.in-addr.arpa. IN PTR www.example.",
            "11.0.18.198.in-addr.arpa. IN PTR mail.north.example.",
        )
    }
    assert with_pointers(got, list(public_pointers(site_of(NORTH)))) == {}


def test_sites_that_share_nothing_may_share_a_lab() -> None:
    check_collisions([lab_site("north.yaml", NORTH), lab_site("south.yaml", SOUTH)])


@pytest.mark.parametrize(
    ("name", "old", "new", "want"),
    [
        ("south.yaml", "south:", "north-mail:", "host key"),
        ("south.yaml", "198.18.0.20", "198.18.0.11", "address"),
        ("south.yaml", "south.example\n", "north.test\n", "domain"),
        ("other/north.yaml", "bea", "bob", "file name"),
    ],
)
def test_what_two_sites_must_not_share_is_told_with_a_remedy(
    name: str, old: str, new: str, want: str
) -> None:
    sites = [lab_site("north.yaml", NORTH), lab_site(name, SOUTH.replace(old, new))]
    with pytest.raises(MailprovError) as caught:
        check_collisions(sites)
    (problem,) = caught.value.diagnostics
    assert problem.summary == f"two sites of one lab have the same {want}"
    assert (problem.where, "north.yaml" in problem.got) == (name, True)
    assert problem.fix

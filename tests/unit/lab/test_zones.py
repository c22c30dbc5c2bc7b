"""The lab's zones carry signatures that a validator accepts, and honest delegations."""

from __future__ import annotations

from datetime import UTC, datetime

import dns.dnssec
import dns.exception
import dns.name
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest

from provisioner.lab.internet import first_zones, render_named_conf, render_trust_anchors
from provisioner.lab.zones import (
    ZoneSpec,
    dnskey_record,
    ds_records,
    make_zone_key,
    parent_of,
    render_zone,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = ZoneSpec(".", ("ns.test. IN A 10.89.0.253",), make_zone_key())
SIGNED = ZoneSpec("test.", ("ns IN A 10.89.0.253", "@ IN MX 10 ns"), make_zone_key())
UNSIGNED = ZoneSpec("com.", ("www IN A 10.89.0.253",))


def rendered(spec: ZoneSpec, children: list[ZoneSpec]) -> dns.zone.Zone:
    text = render_zone(spec, children, server="ns.test.", serial=7, now=NOW)
    return dns.zone.from_text(text, origin=dns.name.from_text(spec.name), relativize=False)


def test_every_signature_validates() -> None:
    zone = rendered(SIGNED, [])
    keys = {zone.origin: zone.get_rdataset(zone.origin, "DNSKEY")}
    checked = set()
    for name, rdataset in zone.iterate_rdatasets():
        if rdataset.rdtype == dns.rdatatype.RRSIG:
            continue
        signatures = zone.get_rdataset(name, "RRSIG", rdataset.rdtype)
        rrset = dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
        rrsigs = dns.rrset.from_rdata_list(name, signatures.ttl, list(signatures))
        dns.dnssec.validate(rrset, rrsigs, keys, now=NOW.timestamp())
        checked.add(rdataset.rdtype)
    assert {dns.rdatatype.SOA, dns.rdatatype.MX, dns.rdatatype.NSEC} <= checked


def test_a_signed_child_has_a_ds_and_an_unsigned_one_has_none() -> None:
    zone = rendered(ROOT, [SIGNED, UNSIGNED])
    assert [record.to_text() for record in zone.get_rdataset("test.", "DS")] == ds_records(SIGNED)
    assert zone.get_rdataset("com.", "DS") is None
    assert zone.get_rdataset("com.", "NS") is not None
    # the proof that there is no DS is signed; the delegation itself is not
    assert zone.get_rdataset("com.", "RRSIG", "NSEC") is not None
    assert zone.get_rdataset("com.", "RRSIG", "NS") is None


def test_the_ds_is_that_of_the_dnskey() -> None:
    key = dns.rdata.from_text("IN", "DNSKEY", dnskey_record(SIGNED))
    assert dns.dnssec.make_ds("test.", key, "SHA256").to_text() == ds_records(SIGNED)[0]


def test_an_unsigned_zone_has_no_signatures() -> None:
    text = render_zone(UNSIGNED, [], server="ns.test.", serial=7, now=NOW)
    assert "RRSIG" not in text
    assert "DNSKEY" not in text
    assert ds_records(UNSIGNED) == []


def test_parents_are_the_closest_zones_above() -> None:
    names = [".", "test.", "one.test.", "com."]
    assert parent_of("one.test.", names) == "test."
    assert parent_of("a.one.test.", names) == "one.test."
    assert parent_of("notest.", names) == "."
    assert parent_of(".", names) is None


def test_records_that_are_none_are_refused() -> None:
    with pytest.raises((dns.exception.DNSException, ValueError)):
        render_zone(ZoneSpec("x.", ("@ IN MX",)), [], server="ns.test.", serial=1, now=NOW)


def test_the_first_zones_hang_together() -> None:
    zones = first_zones(12)
    names = [zone.name for zone in zones]
    assert names[0] == "."
    assert "12.89.10.in-addr.arpa." in names
    assert "12.18.198.in-addr.arpa." in names
    assert "2.1.0.0.9.8.0.0.8.b.d.0.1.0.0.2.ip6.arpa." in names
    assert "0.0.0.0.2.1.0.0.9.8.0.0.0.0.d.f.ip6.arpa." in names
    assert all(parent_of(name, names) for name in names[1:])
    assert {zone.name for zone in zones if not zone.key} == {"com.", "net.", "org."}


def test_the_name_server_serves_every_zone_and_trusts_the_root_only() -> None:
    text = render_named_conf([ROOT, UNSIGNED], ds_records(ROOT)[0])
    assert 'zone "." { type primary; file "/etc/bind/lab/root.zone"; };' in text
    assert 'zone "com." { type primary; file "/etc/bind/lab/com.zone"; };' in text
    assert render_trust_anchors(ds_records(ROOT)[0]) in text
    assert "forwarders" not in text

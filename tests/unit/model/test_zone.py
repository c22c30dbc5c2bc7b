"""The records of a site's domains: what its resolvers answer, and what the world is told."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from unittest import mock

import pytest
from support.probe_site import DOMAIN, two_host_site
from unit.render.sites import artifacts_of, site_of

from provisioner.diagnostics import MailprovError
from provisioner.lab.publish import public_pointers, public_zones
from provisioner.model import zone
from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import DnsRecord, Host, Role, Site
from provisioner.model.zone import Pointer, Zones, public_zones_of, zones_of
from provisioner.probes.catalogue import ProbeTargets, questions_for

SITE = """
domain: example.org
hosts:
  ns: {address: 10.0.0.2, roles: dns}
  away: {address: [10.0.0.4, "fd00::4"], roles: dns, fqdn: ns.other.example}
  mail:
    address: [10.0.0.3, 192.0.2.3]
    roles: [mx, submission, store]
    fqdn: mail.sub.example.org
domains: {sub.example.org: {}}
users: {alice: {password: {env: A}}}
dns:
  records:
    "@": {TXT: v=spf1 mx -all}
    _dmarc.sub.example.org: {TXT: v=DMARC1; p=none}
    www.elsewhere.example.: {A: 192.0.2.80}
"""


def records_of(zones: Zones, domain: str) -> set[tuple[str, str, str]]:
    (found,) = (one for one in zones.domains if one.name == domain)
    return {(record.owner, record.type, record.data) for record in found.records}


def of_type(zones: Zones, *types: str) -> set[tuple[str, str]]:
    return {(record.owner, record.data) for record in zones.records if record.type in types}


def test_a_domain_has_its_authority_its_exchangers_and_its_services() -> None:
    got = records_of(zones_of(site_of(SITE)), "example.org")
    assert {
        ("example.org", "NS", "ns.example.org."),
        ("example.org", "NS", "ns.other.example."),
        ("example.org", "MX", "10 mail.sub.example.org."),
        ("example.org", "TXT", '"v=spf1 mx -all"'),
        ("ns.example.org", "A", "10.0.0.2"),
        ("_imaps._tcp.example.org", "SRV", "0 1 993 mail.sub.example.org."),
    } <= got


def test_the_authority_is_the_first_name_server_and_its_contact_a_mailbox_of_the_domain() -> None:
    soa = [record for record in zones_of(site_of(SITE)).records if record.type == "SOA"]
    assert [record.data.split()[:2] for record in soa] == [
        ["ns.example.org.", "hostmaster.example.org."],
        ["ns.example.org.", "hostmaster.sub.example.org."],
    ]


def test_all_data_is_fixed_but_that_of_the_authority() -> None:
    loose = {record.type for record in zones_of(site_of(SITE)).records if not record.fixed}
    assert loose == {"SOA"}


def test_without_a_name_server_no_domain_has_an_authority() -> None:
    site = site_of(SITE)
    site = site.model_copy(update={"hosts": (site.host("mail"),)})
    assert of_type(zones_of(site), "SOA", "NS") == set()
    assert ("example.org", "10 mail.sub.example.org.") in of_type(zones_of(site), "MX")


def test_a_record_is_in_the_closest_domain_and_each_record_in_one_place() -> None:
    zones = zones_of(site_of(SITE))
    assert ("mail.sub.example.org", "A", "10.0.0.3") in records_of(zones, "sub.example.org")
    assert ("mail.sub.example.org", "A", "10.0.0.3") not in records_of(zones, "example.org")
    placed = Counter(record for one in zones.domains for record in one.records)
    assert Counter(zones.records) == placed + Counter(zones.outside)
    assert set(Counter(zones.records).values()) == {1}


def test_a_site_file_cannot_give_again_what_the_model_has_already() -> None:
    before, _, _ = SITE.partition("dns:")
    for record in zones_of(site_of(before)).records:
        if record.type in {"MX", "NS", "A", "AAAA"}:
            more = f'dns: {{records: {{{record.owner}.: {{{record.type}: "{record.data}"}}}}}}\n'
            with pytest.raises(MailprovError, match="a record that the site makes itself"):
                site_of(before, more)


def test_names_of_no_domain_of_the_site_are_outside() -> None:
    outside = {(record.owner, record.type) for record in zones_of(site_of(SITE)).outside}
    assert outside == {
        ("ns.other.example", "A"),
        ("ns.other.example", "AAAA"),
        ("www.elsewhere.example", "A"),
    }


def test_a_name_that_only_ends_like_a_domain_is_outside() -> None:
    record = DnsRecord(owner=DomainName(f"not{DOMAIN}"), type="TXT", data='"x"')
    site = two_host_site()
    dns = site.dns.model_copy(update={"records": (record,)})
    assert zones_of(site.model_copy(update={"dns": dns})).outside == (record,)


def test_the_sites_resolvers_name_private_addresses_alone() -> None:
    got = [(str(one.address), one.name) for one in zones_of(site_of(SITE)).pointers]
    assert got == [
        ("10.0.0.2", "ns.example.org"),
        ("10.0.0.4", "ns.other.example"),
        ("fd00::4", "ns.other.example"),
        ("10.0.0.3", "mail.sub.example.org"),
        ("192.0.2.3", "mail.sub.example.org"),
    ]
    public = site_of(SITE.replace("192.0.2.3", "93.184.216.34"))
    assert "93.184.216.34" not in {str(one.address) for one in zones_of(public).pointers}


def test_a_pointer_belongs_to_the_reverse_name_of_its_address() -> None:
    pointer = Pointer(ip_address("10.0.0.3"), DomainName("mail.example.org"))
    assert pointer.owner == "3.0.0.10.in-addr.arpa"


def test_the_world_is_told_of_the_hosts_that_mail_and_clients_are_sent_to() -> None:
    zones = public_zones_of(site_of(SITE))
    assert of_type(zones, "A", "AAAA") == {
        ("mail.sub.example.org", "10.0.0.3"),
        ("mail.sub.example.org", "192.0.2.3"),
        ("www.elsewhere.example", "192.0.2.80"),
    }
    assert of_type(zones, "SOA", "NS") == set()
    for kind in ("MX", "SRV", "TXT"):
        assert of_type(zones, kind) == of_type(zones_of(site_of(SITE)), kind)


def test_the_world_is_told_of_a_host_that_the_site_files_own_record_names() -> None:
    own = '"@": {SRV: "0 1 7 NS.example.org.", '
    got = of_type(public_zones_of(site_of(SITE.replace('"@": {', own))), "A")
    assert ("ns.example.org", "10.0.0.2") in got


def test_the_world_is_told_public_addresses_and_the_site_the_hosts_own() -> None:
    addresses = "10.0.0.3\n    public_address: 192.0.2.9"
    behind = site_of(SITE.replace("[10.0.0.3, 192.0.2.3]", addresses))
    assert ("mail.sub.example.org", "192.0.2.9") in of_type(public_zones_of(behind), "A")
    assert ("mail.sub.example.org", "10.0.0.3") not in of_type(public_zones_of(behind), "A")
    assert ("mail.sub.example.org", "10.0.0.3") in of_type(zones_of(behind), "A")
    assert [str(one.address) for one in public_zones_of(behind).pointers] == ["192.0.2.9"]


def test_of_hosts_behind_one_public_address_the_first_gives_it_its_name() -> None:
    def behind(host: Host) -> Host:
        return host.model_copy(update={"public_addresses": (ip_address("203.0.113.1"),)})

    site = two_host_site()
    site = two_host_site(
        hosts=tuple(map(behind, site.hosts)),
        dns=site.dns.model_copy(
            update={"records": (DnsRecord(owner=DOMAIN, type="MX", data=f"9 ns.{DOMAIN}."),)}
        ),
    )
    zones = public_zones_of(site)
    assert [(str(one.address), one.name) for one in zones.pointers] == [
        ("203.0.113.1", f"ns.{DOMAIN}")
    ]
    assert {owner for owner, _ in of_type(zones, "A")} == {f"ns.{DOMAIN}", f"mail.{DOMAIN}"}


def many(resolvers: int) -> Site:
    """Return a site with a mail server and so many resolvers."""
    more = (
        Host(
            site=DOMAIN,
            key=HostKey(f"d{number}"),
            fqdn=DomainName(f"d{number}.{DOMAIN}"),
            addresses=(ip_address(f"10.1.{number // 250}.{number % 250 + 1}"),),
            roles=frozenset({Role.DNS}),
        )
        for number in range(resolvers)
    )
    return two_host_site(hosts=(two_host_site().host("mail"), *more))


def test_resolvers_probes_and_the_public_dns_share_what_was_derived_once() -> None:
    site = many(40)
    with mock.patch.object(zone, "service_records", wraps=zone.service_records) as derived:
        for host in site.hosts:
            artifacts_of(site, host.key)
            questions_for(site, ProbeTargets(account=f"x@{DOMAIN}"), frozenset({host.key}))
        inside = derived.call_count
        public_zones(site)
        list(public_pointers(site))
    assert inside == 1
    assert derived.call_count == 3  # once for the hosts that are named, once for the records

"""The questions that a site leads to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from support.probe_site import ACCOUNT, DOMAIN, two_host_site

from provisioner.model.insecurities import INSECURITIES
from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Allowance, Host, Imap, Networks, Role, Site
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.finding import Status
from provisioner.probes.login import CleartextQuestion, LoginQuestion
from provisioner.probes.question import ANYWHERE, Vantage
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.probes.site_findings import allowance_findings, unproven_findings
from provisioner.probes.smtp import RelayQuestion

TARGETS = ProbeTargets(account=ACCOUNT, fingerprints={"mail": "ab"})


def ids(site: Site, hosts: frozenset[str] | None = None) -> list[str]:
    return [question.id for question in questions_for(site, TARGETS, hosts)]


def test_every_theme_is_asked_of_the_hosts_that_carry_it() -> None:
    got = set(ids(two_host_site()))
    want = {
        "port.53@ns",
        "port.25@mail",
        "dns.soa.probe.test.udp@ns",
        "dns.ns.probe.test.tcp@ns",
        "dns.mx.probe.test.udp@ns",
        "dns.a.mail.probe.test.tcp@ns",
        "dns.txt.probe.test.udp@ns",
        "dns.forward.root@ns",
        "dns.stranger-refused@ns",
        "tls.smtp@mail",
        "tls.imaps@mail",
        "tls.sieve@mail",
        "tls.old-refused.submissions@mail",
        "tls.injection.submission@mail",
        "smtp.no-auth@mail",
        "smtp.vrfy@mail",
        "smtp.unknown-recipient.probe.test@mail",
        "smtp.relay-refused@mail",
        "smtp.login-required.submission@mail",
        "smtp.spoof-refused.submissions@mail",
        "smtp.foreign-from-refused.submission@mail",
        "login.imap@mail",
        "login.pop3s@mail",
        "login.submissions@mail",
        "login.wrong-password.imap@mail",
        "login.wrong-password.pop3@mail",
        "login.wrong-password.submissions@mail",
        "login.before-tls.imap@mail",
        "login.before-tls.pop3@mail",
        "login.before-tls.submission@mail",
        "mail.round-trip@mail",
    }
    assert want - got == set()


def test_ids_are_unique_even_with_two_addresses_a_host() -> None:
    site = two_host_site()
    both = site.host("mail").model_copy(
        update={"addresses": (ip_address("192.0.2.10"), ip_address("2001:db8::10"))}
    )
    got = ids(site.model_copy(update={"hosts": (site.host("ns"), both)}))
    assert len(got) == len(set(got))
    assert "smtp.relay-refused@mail/2001:db8::10" in got


def test_a_limit_keeps_the_questions_of_one_host() -> None:
    got = ids(two_host_site(), frozenset({"ns"}))
    assert got
    assert all(identity.endswith("@ns") for identity in got)


def test_ids_do_not_depend_on_anything_but_the_site() -> None:
    assert ids(two_host_site()) == ids(two_host_site())


def test_mail_goes_in_by_every_path_and_is_read_on_every_port() -> None:
    (question,) = (
        question
        for question in questions_for(two_host_site(), TARGETS)
        if isinstance(question, RoundTripQuestion)
    )
    paths = {(path.service.name, path.login) for path in question.paths}
    readers = {reader.service.name for reader in question.readers}
    assert paths == {("smtp", False), ("submission", True), ("submissions", True)}
    assert readers == {"imap", "imaps", "pop3", "pop3s"}


def test_a_site_without_tls_is_asked_for_none() -> None:
    site = two_host_site(tls="none", allow_insecure={Allowance.NO_TLS: "an island"})
    got = ids(site)
    assert not [identity for identity in got if identity.startswith("tls.")]
    assert "login.imap@mail" in got
    assert "port.993@mail" not in got


def test_relaying_is_asked_from_outside_the_trusted_networks() -> None:
    trusted = (ip_network("192.0.2.0/24"),)
    site = two_host_site(networks=Networks(trusted=trusted, resolver=trusted))
    vantages = {question.id: question.vantage for question in questions_for(site, TARGETS)}
    assert vantages["smtp.relay-refused@mail"] == Vantage(beyond=trusted)


def test_the_resolver_serves_its_networks_and_the_sites_own_hosts() -> None:
    network = ip_network("198.51.100.0/24")
    clients = (network, ip_network("192.0.2.11/32"), ip_network("192.0.2.10/32"))
    site = two_host_site(networks=Networks(resolver=(network,)))
    vantages = {question.id: question.vantage for question in questions_for(site, TARGETS)}
    assert vantages["dns.stranger-refused@ns"] == Vantage(beyond=clients)
    assert vantages["dns.soa.probe.test.tcp@ns"] == Vantage(within=clients)


def test_private_addresses_have_reverse_names_and_public_ones_do_not() -> None:
    got = ids(two_host_site(ns="10.0.0.1", mail="203.0.114.9"))
    assert [identity for identity in got if ".ptr." in identity] == [
        "dns.ptr.1.0.0.10.in-addr.arpa.udp@ns",
        "dns.ptr.1.0.0.10.in-addr.arpa.tcp@ns",
    ]


@pytest.mark.parametrize(
    ("allowance", "identity"),
    [
        (Allowance.OPEN_RELAY, "smtp.relay-refused@mail"),
        (Allowance.OPEN_RESOLVER, "dns.stranger-refused@ns"),
    ],
)
def test_what_is_allowed_to_be_open_is_asked_from_anywhere(
    allowance: Allowance, identity: str
) -> None:
    site = two_host_site(allow_insecure={allowance: "a museum"})
    vantages = {question.id: question.vantage for question in questions_for(site, TARGETS)}
    assert vantages[identity] == ANYWHERE


def test_cleartext_login_is_excused_only_where_the_service_has_it() -> None:
    site = two_host_site(
        imap=Imap(cleartext_login=True), allow_insecure={Allowance.CLEARTEXT_LOGIN: "old clients"}
    )
    got = {
        question.id: question.allowed
        for question in questions_for(site, TARGETS)
        if isinstance(question, CleartextQuestion)
    }
    assert got["login.before-tls.imap@mail"] == "old clients"
    assert got["login.before-tls.pop3@mail"] is None


def test_one_wrong_password_a_protocol_is_enough() -> None:
    wrong = [
        question.service.protocol
        for question in questions_for(two_host_site(), TARGETS)
        if isinstance(question, LoginQuestion) and not question.correct
    ]
    assert sorted(wrong) == ["imap", "pop3", "sieve", "smtp"]


def test_no_probe_names_a_domain_of_the_site_as_foreign() -> None:
    name = DomainName("example.com")
    site = two_host_site()
    domains = (site.domains[0].model_copy(update={"name": name}),)
    site = site.model_copy(update={"domain": name, "domains": domains})
    (question,) = (q for q in questions_for(site, TARGETS) if isinstance(q, RelayQuestion))
    assert not [form for form in question.forms if "victim@example.com" in str(form)]


def test_what_no_daemon_of_the_site_keeps_is_skipped_by_name_and_never_passed() -> None:
    (got,) = unproven_findings(two_host_site())
    assert (got.id, got.status) == ("smtp.colleagues-from-refused@mail", Status.SKIPPED)
    assert "milter" in got.got


def test_every_allowance_is_a_warning_with_its_reason() -> None:
    (got,) = allowance_findings(two_host_site(allow_insecure={Allowance.NO_TLS: "an island"}))
    assert (got.id, got.status) == ("allowed.no-tls", Status.WARNING)
    assert "an island" in got.got


def test_an_allowance_is_told_as_the_warnings_about_the_file_tell_it() -> None:
    reasons = dict.fromkeys(Allowance, "an island")
    for got, allowance in zip(
        allowance_findings(two_host_site(allow_insecure=reasons)), Allowance, strict=True
    ):
        assert INSECURITIES[allowance].summary in got.want
        assert INSECURITIES[allowance].safe in got.remedy


def test_a_host_without_mail_roles_is_asked_nothing_about_mail() -> None:
    lone = Host(
        site=DOMAIN,
        key=HostKey("ns"),
        fqdn=DomainName(f"ns.{DOMAIN}"),
        addresses=(ip_address("192.0.2.11"),),
        roles=frozenset({Role.DNS}),
    )
    got = ids(two_host_site(hosts=(lone,), domains=()))
    assert {identity.partition(".")[0] for identity in got} == {"port", "dns"}


def test_without_tls_the_remedy_of_cleartext_logins_begins_with_tls() -> None:
    reasons = {Allowance.CLEARTEXT_LOGIN: "an island"}
    for tls, want in (("none", "first `tls: self-signed`, then"), ("self-signed", "`cleartext")):
        (got,) = allowance_findings(two_host_site(allow_insecure=reasons, tls=tls))
        assert got.remedy.startswith(want)

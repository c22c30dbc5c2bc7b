"""Which SRV records a site has, and what they make a client prefer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.probe_site import DOMAIN, two_host_site

from provisioner.model.names import DomainName
from provisioner.model.services import mail_services_of
from provisioner.model.site import (
    Allowance,
    Dns,
    DnsRecord,
    Imap,
    MailDomain,
    Pop3,
    Site,
    Submission,
)
from provisioner.model.zone import service_records

OFF = "0 0 0 ."


def records(site: Site) -> dict[str, str]:
    listed = list(service_records(site))
    table = {record.owner: record.data for record in listed}
    assert len(table) == len(listed)
    assert {record.type for record in listed} == {"SRV"}
    return dict(table)


def test_every_service_is_announced_with_its_port_and_host() -> None:
    assert records(two_host_site()) == {
        f"_submissions._tcp.{DOMAIN}": "0 1 465 mail.probe.test.",
        f"_submission._tcp.{DOMAIN}": "10 1 587 mail.probe.test.",
        f"_imaps._tcp.{DOMAIN}": "0 1 993 mail.probe.test.",
        f"_imap._tcp.{DOMAIN}": "10 1 143 mail.probe.test.",
        f"_pop3s._tcp.{DOMAIN}": "20 1 995 mail.probe.test.",
        f"_pop3._tcp.{DOMAIN}": "30 1 110 mail.probe.test.",
        f"_sieve._tcp.{DOMAIN}": "0 1 4190 mail.probe.test.",
    }


@given(
    submission=st.frozensets(st.sampled_from([587, 465]), min_size=1),
    imap=st.frozensets(st.sampled_from([143, 993])),
    pop3=st.frozensets(st.sampled_from([110, 995])),
    tls=st.sampled_from(["self-signed", "none"]),
)
def test_what_is_announced_is_what_listens(
    submission: frozenset[int], imap: frozenset[int], pop3: frozenset[int], tls: str
) -> None:
    site = two_host_site(
        submission=Submission(ports=submission),
        imap=Imap(ports=imap),
        pop3=Pop3(ports=pop3),
        tls=tls,
        allow_insecure={Allowance.NO_TLS: "an island"} if tls == "none" else {},
    )
    announced = {int(data.split()[2]) for data in records(site).values() if data != OFF}
    listening = {
        service.port for service in mail_services_of(site, site.host("mail")) if service.login
    }
    assert announced == listening
    assert len(records(site)) == 7


def test_a_service_that_is_off_says_so() -> None:
    got = records(two_host_site(pop3=Pop3(ports=frozenset())))
    assert (got[f"_pop3._tcp.{DOMAIN}"], got[f"_pop3s._tcp.{DOMAIN}"]) == (OFF, OFF)


def test_every_domain_has_its_own() -> None:
    site = two_host_site()
    other = MailDomain(name=DomainName("example.net"), mx=site.domains[0].mx)
    got = records(site.model_copy(update={"domains": (*site.domains, other)}))
    assert got["_imaps._tcp.example.net"] == "0 1 993 mail.probe.test."
    assert len(got) == 14


def test_records_of_the_site_file_stand_for_those_of_the_same_name() -> None:
    own = DnsRecord(
        owner=DomainName(f"_imaps._tcp.{DOMAIN}"), type="SRV", data="5 1 993 imap.probe.test."
    )
    other = DnsRecord(
        owner=DomainName(f"_imap._tcp.{DOMAIN}"), type="TXT", data='"not of the kind"'
    )
    got = records(two_host_site(dns=Dns(records=(own, other))))
    assert own.owner not in got
    assert other.owner in got


def test_a_name_that_a_label_makes_too_long_is_left_out() -> None:
    long = DomainName(".".join(["a" * 58] * 4) + ".exam")
    site = two_host_site()
    site = site.model_copy(update={"domains": (MailDomain(name=long, mx=()),)})
    assert set(records(site)) == {
        f"{label}._tcp.{long}" for label in ("_imap", "_imaps", "_pop3", "_pop3s", "_sieve")
    }

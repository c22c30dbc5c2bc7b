"""How many lookups a site leads to, and which ones where they are too many."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from support.probe_site import ACCOUNT, DOMAIN, two_host_site

from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, Role, Site
from provisioner.probes import zones
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.dns import RecordQuestion
from provisioner.probes.finding import Status
from provisioner.probes.zones import sampling_findings

TARGETS = ProbeTargets(account=ACCOUNT)


def site_of(resolvers: int) -> Site:
    """Return a site with a mail server and so many resolvers."""
    mail = two_host_site().host("mail")
    hosts = (
        Host(
            site=DOMAIN,
            key=HostKey(f"d{number}"),
            fqdn=DomainName(f"d{number}.{DOMAIN}"),
            addresses=(ip_address(f"10.{number // 250}.{number % 250}.1"),),
            roles=frozenset({Role.DNS}),
        )
        for number in range(resolvers)
    )
    return two_host_site(hosts=(mail, *hosts))


def lookups(site: Site, hosts: frozenset[str] | None = None) -> list[RecordQuestion]:
    asked = questions_for(site, TARGETS, hosts)
    return [question for question in asked if isinstance(question, RecordQuestion)]


def test_where_they_are_few_every_resolver_is_asked_for_everything() -> None:
    site = site_of(8)
    records = len(zones.record_sets(site))
    assert len(lookups(site)) == 8 * records * 2
    assert sampling_findings(site) == ()


def test_the_questions_grow_with_the_hosts_and_not_with_their_square() -> None:
    """Met with 100 resolvers: 42,653 questions, which took 51 s to derive."""
    small, large = len(lookups(site_of(100))), len(lookups(site_of(400)))
    assert large < 4.5 * small


def test_what_is_the_same_for_all_hosts_is_derived_once() -> None:
    site = site_of(60)
    with (
        mock.patch.object(zones, "record_sets", wraps=zones.record_sets) as sets,
        mock.patch.object(zones, "resolver_clients", wraps=zones.resolver_clients) as clients,
    ):
        questions_for(site, TARGETS)
        for host in site.hosts:
            questions_for(site, TARGETS, frozenset({host.key}))
    assert (sets.call_count, clients.call_count) == (1, 1)


def test_a_report_says_what_was_sampled() -> None:
    site = site_of(100)
    (finding,) = sampling_findings(site)
    asked = Counter(question.host for question in lookups(site))
    (number,) = set(asked.values())
    assert finding.status is Status.SKIPPED
    assert f"{number // 2} of {len(zones.record_sets(site))} record sets queried" in finding.got


def test_a_sample_is_the_same_each_time() -> None:
    first, second = (lookups(site_of(100), frozenset({"d7"})) for _ in range(2))
    assert [question.id for question in first] == [question.id for question in second]


@given(records=st.integers(1, 3000), resolvers=st.integers(1, 500))
def test_all_resolvers_together_are_asked_for_everything(records: int, resolvers: int) -> None:
    asked: Counter[int] = Counter()
    share = zones.share_of(records, resolvers)
    for number in range(resolvers):
        sample = list(zones.sample(number, share, records))
        assert len(sample) == len(set(sample)) == share
        asked.update(sample)
    assert len(asked) == records
    assert min(asked.values()) >= min(2, resolvers)

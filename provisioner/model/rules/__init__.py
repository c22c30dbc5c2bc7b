"""The cross-field rules: what well-formed values must be to each other.

A rule is a pure function from a `Reading` to the problems it finds. It names the
top-level sections it reads: where one of these is not well-formed, the rule is not
asked, because what it would say could be a consequence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from provisioner.model.problems import SiteProblem
from provisioner.model.reading import Reading, Rule, rule
from provisioner.model.rules import dns, expansion, hosts, people, relay, safety, secrets, stores

# What says who may relay, ask and log in, in the site's words or in a daemon's.
_EXPOSED = (
    *("domain", "hosts", "networks", "tls", "submission", "imap", "pop3", "allow_insecure"),
)

RULES = (
    rule(hosts.judge_roles, "hosts"),
    rule(hosts.judge_names, "hosts", "domain"),
    rule(hosts.judge_addresses, "hosts"),
    rule(hosts.judge_connections, "hosts"),
    rule(hosts.judge_mx, "hosts", "mx", "domains"),
    rule(people.judge_domains, "domain", "domains"),
    rule(people.judge_users, "users", "domain", "domains", "accounts"),
    rule(people.judge_system_accounts, "users", "domain", "accounts"),
    rule(people.judge_groups, "accounts"),
    rule(people.judge_alias_sources, "users", "aliases", "domain", "domains"),
    rule(people.judge_alias_targets, "users", "aliases", "domain", "domains"),
    rule(people.judge_alias_loops, "users", "aliases", "domain", "domains"),
    rule(expansion.judge_alias_sizes, "users", "aliases", "domain", "domains"),
    rule(dns.judge_forward, "dns"),
    rule(dns.judge_forward_loops, "dns", "hosts"),
    rule(dns.judge_records, "dns", "domain", "domains", "hosts"),
    rule(safety.judge_networks, "networks", "hosts", "allow_insecure"),
    rule(safety.judge_tls, "tls", "submission", "imap", "pop3", "allow_insecure"),
    rule(safety.judge_cleartext_login, "submission", "imap", "pop3", "allow_insecure"),
    rule(safety.judge_ports, "submission", "imap", "pop3"),
    rule(safety.judge_hashes, "users", "allow_insecure"),
    rule(stores.judge_stores_of_users, "users", "hosts"),
    rule(stores.judge_split_accounts, "accounts", "hosts"),
    rule(stores.judge_split_size, "users", "hosts"),
    rule(stores.judge_ports_between_stores, "imap", "pop3", "hosts"),
    rule(relay.judge_relay, "relay", "hosts", "domain", "allow_insecure"),
)


def judge_site(reading: Reading, unreadable: Collection[str] = ()) -> tuple[SiteProblem, ...]:
    """Return what is wrong with a site; rules that read an `unreadable` section are left out."""
    return tuple(
        problem
        for one in (*RULES, *_hatch_rules(reading))
        if one.sections.isdisjoint(unreadable)
        for problem in one.judge(reading)
    )


def _hatch_rules(reading: Reading) -> Iterator[Rule]:
    """Yield the rules about the daemons' own words."""
    sections = [hatch.section for hatch in reading.hatches]
    yield rule(safety.judge_hatches, *_EXPOSED, *sections)
    for hatch in reading.hatches:
        yield rule(partial(secrets.judge_open_secrets, hatch=hatch), hatch.section)
        yield rule(partial(secrets.judge_held_secrets, hatch=hatch), hatch.section)
        yield from hatch.rules

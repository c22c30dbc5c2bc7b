"""The cross-field rules: what well-formed values must be to each other.

A rule is a pure function from a `Reading` to the problems it finds. It names the
top-level sections it reads: where one of these is not well-formed, the rule is not
asked, because what it would say could be a consequence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from provisioner.model.problems import SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.rules import dns, expansion, hatches, hosts, people, relay, safety, secrets


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and the sections of the file that it reads."""

    judge: Callable[[Reading], Iterator[SiteProblem]]
    sections: frozenset[str]


def _rule(judge: Callable[[Reading], Iterator[SiteProblem]], *sections: str) -> Rule:
    return Rule(judge, frozenset(sections))


# What says who may relay, ask and log in, in the site's words or in a daemon's.
_EXPOSED = (
    *("domain", "hosts", "networks", "tls", "submission", "imap", "pop3", "allow_insecure"),
    *("postfix", "dovecot", "unbound"),
)

RULES = (
    _rule(hosts.judge_roles, "hosts"),
    _rule(hosts.judge_topology, "hosts"),
    _rule(hosts.judge_names, "hosts", "domain"),
    _rule(hosts.judge_addresses, "hosts"),
    _rule(hosts.judge_connections, "hosts"),
    _rule(hosts.judge_mx, "hosts", "mx", "domains"),
    _rule(people.judge_domains, "domain", "domains"),
    _rule(people.judge_users, "users", "domain", "domains", "accounts"),
    _rule(people.judge_system_accounts, "users", "domain", "accounts"),
    _rule(people.judge_groups, "accounts"),
    _rule(people.judge_alias_sources, "users", "aliases", "domain", "domains"),
    _rule(people.judge_alias_targets, "users", "aliases", "domain", "domains"),
    _rule(people.judge_alias_loops, "users", "aliases", "domain", "domains"),
    _rule(expansion.judge_alias_sizes, "users", "aliases", "domain", "domains"),
    _rule(dns.judge_forward, "dns"),
    _rule(dns.judge_forward_loops, "dns", "hosts"),
    _rule(dns.judge_records, "dns", "domain", "domains", "hosts"),
    _rule(safety.judge_networks, "networks", "hosts", "allow_insecure"),
    _rule(safety.judge_tls, "tls", "submission", "imap", "pop3", "allow_insecure"),
    _rule(safety.judge_cleartext_login, "submission", "imap", "pop3", "allow_insecure"),
    _rule(safety.judge_hatches, *_EXPOSED),
    _rule(safety.judge_ports, "submission", "imap", "pop3"),
    _rule(safety.judge_hashes, "users", "allow_insecure"),
    _rule(relay.judge_relay, "relay", "hosts", "domain", "allow_insecure"),
    _rule(relay.judge_own_parameters, "relay", "postfix"),
    _rule(secrets.judge_open_secrets, "postfix", "dovecot", "unbound"),
    _rule(secrets.judge_held_secrets, "postfix", "dovecot", "unbound"),
    _rule(hatches.judge_dovecot_options, "dovecot"),
    _rule(hatches.judge_postfix_services, "postfix", "submission"),
    _rule(hatches.judge_unbound_options, "unbound"),
)


def judge_site(reading: Reading, unreadable: Collection[str] = ()) -> tuple[SiteProblem, ...]:
    """Return what is wrong with a site; rules that read an `unreadable` section are left out."""
    return tuple(
        problem
        for rule in RULES
        if rule.sections.isdisjoint(unreadable)
        for problem in rule.judge(reading)
    )

"""Values of a log in the site's own terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnosis.known_failure import SITE_TERMS
from provisioner.diagnosis.terms import Terms
from provisioner.model.site import Site
from provisioner.site.load import parse_site

TEXT = """
domain: example.org
hosts:
  mail: {address: [192.0.2.10, "2001:db8::10"], public_address: 198.18.0.1}
networks: {trusted: [198.51.100.0/24]}
domains: {example.net: {}}
dns: {forward: {".": 203.0.113.53}}
users:
  alice: {password: {env: ALICE}, aliases: [sales]}
  gone: {password: {env: GONE}, enabled: false}
  bob@example.net: {password: {env: BOB}}
aliases: {team: [alice, bob@example.net]}
postfix: {main: {smtp_helo_name: mail}}
imap: {ports: [993]}
"""
SITE = parse_site(TEXT.encode(), "site.yaml").site
TERMS = Terms(SITE, SITE.host("mail"))


@pytest.mark.parametrize(
    ("group", "value", "want"),
    [
        ("address", "192.0.2.10", "mail (192.0.2.10)"),
        ("address", "2001:db8::10", "mail (2001:db8::10)"),
        ("address", "127.0.0.1", "this host itself (127.0.0.1)"),
        ("address", "198.51.100.7", "198.51.100.7 (within networks.trusted)"),
        ("address", "203.0.113.53", "203.0.113.53 (of dns.forward)"),
        ("address", "203.0.113.9", "203.0.113.9 (outside)"),
        ("address", "198.18.0.1", "198.18.0.1 (the public address of mail)"),
        ("address", "unknown", "unknown"),
        ("user", "alice", "alice (a user of the site)"),
        ("user", "Alice@example.org", "Alice@example.org (a user of the site)"),
        ("user", "bob", "bob (no user of the site)"),
        ("user", "bob@example.net", "bob@example.net (a user of the site)"),
        ("user", "gone", "gone (a user that the site disables)"),
        ("user", "team", "team (an alias: it has no login)"),
        ("user", "mailprov-probe", "mailprov-probe (the account that verify uses)"),
        ("user", f"mailprov-probe-{'0a' * 16}", "mailprov-probe (the account that verify uses)"),
        ("recipient", "alice+x@example.org", "alice+x@example.org (a user of the site)"),
        (
            "recipient",
            "team@example.org",
            "team@example.org (an alias to alice@example.org, bob@example.net)",
        ),
        ("recipient", "no@example.net", "no@example.net (unknown at this site)"),
        ("sender", "a@e.example", "a@e.example (of another domain)"),
        ("sender", "", "<> (a bounce or other notification)"),
        ("domain", "Example.NET.", "Example.NET. (a domain of the site)"),
        ("domain", "e.example", "e.example"),
        ("name", "mail.example.org", "mail (mail.example.org)"),
        ("port", "587", "587 (submission.ports)"),
        ("port", "993", "993 (imap.ports)"),
        ("port", "143", "143"),
        ("port", "25", "25 (SMTP, every host with the role mx)"),
        (
            "path",
            "/srv/vmail/example.org/alice/M",
            "/srv/vmail/example.org/alice/M (the mailbox of alice@example.org)",
        ),
        ("path", "/srv/vmail/example.org/alice2", "/srv/vmail/example.org/alice2"),
        ("path", "/var/spool/postfix/x", "/var/spool/postfix/x (Postfix's queue and sockets)"),
        ("parameter", "smtp_helo_name", "smtp_helo_name (`postfix.main` in the site file)"),
        (
            "parameter",
            "other",
            "other (not from the site file: someone may have changed it on the host)",
        ),
        ("error", "No space left on device ", "No space left on device"),
        ("count_2", "7", "7"),
        ("address2", "192.0.2.10", "mail (192.0.2.10)"),
    ],
)
def test_a_value_is_said_in_the_sites_terms(group: str, value: str, want: str) -> None:
    assert TERMS.explain(group, value) == want


def test_every_term_of_the_site_has_a_value() -> None:
    assert set(TERMS.values) == SITE_TERMS
    assert all(TERMS.values.values())


def test_system_accounts_have_their_mailboxes_at_home(site: Site) -> None:
    terms = Terms(site, site.host("mail"))
    assert terms.values["mailboxes"] == "~/Maildir of each user"
    got = terms.explain("path", "/home/wangsheng/Maildir/tmp")
    assert got == "/home/wangsheng/Maildir/tmp (the mailbox of wangsheng@wangsheng.com)"


@given(
    st.sampled_from(("address", "user", "recipient", "domain", "port", "path", "error", "other")),
    st.text(),
)
def test_whatever_a_stranger_writes_stays_on_one_printable_line(group: str, value: str) -> None:
    assert TERMS.explain(group, value).isprintable()

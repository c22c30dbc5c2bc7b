"""Every address of a site leads to somebody: roles, details, aliases, further domains.

The same is asked of virtual accounts (the beginner's site) and of system accounts (the
tutorial's), each with additions that are taken away again.
"""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from support.deployed import DeployedSite
from support.release import needs_debian

pytestmark = pytest.mark.lab

ROLES = ("postmaster", "abuse", "hostmaster", "root", "MAILER-DAEMON")
BRANCH = "branch.example"


@dataclass(frozen=True)
class Addressed:
    """A deployed site: whom role addresses reach, and a user who may not log in any more."""

    site: DeployedSite
    domain: str
    person: str
    disabled: str

    def sent_from_outside(self, *recipients: str) -> None:
        """Deliver a message to each on port 25, with the address as its subject."""
        with smtplib.SMTP(self.site.host("mail").address, 25, "mail.outside.example") as client:
            for recipient in recipients:
                text = f"From: someone@outside.example\r\nSubject: {recipient}\r\n\r\nhello\r\n"
                client.sendmail("someone@outside.example", [recipient], text)

    def subjects_of(self, user: str) -> set[str]:
        command = f"doveadm fetch -u {user} hdr.subject mailbox '*' all"
        got = self.site.host("mail").check_run(["sh", "-c", command])
        return {line.partition(": ")[2] for line in got.splitlines() if line.startswith("hdr.subj")}

    def missing_for(self, user: str, wanted: Iterable[str]) -> set[str]:
        """Return which subjects a user has not got within 30 seconds."""
        deadline = time.monotonic() + 30
        missing = set(wanted)
        while missing and time.monotonic() < deadline:
            missing -= self.subjects_of(user)
            time.sleep(0.1)
        return missing


@pytest.fixture(scope="module", params=["virtual", "system"])
def addressed(request: pytest.FixtureRequest) -> Iterator[Addressed]:
    if request.param == "virtual":
        site: DeployedSite = request.getfixturevalue("beginner")
        domain, person, disabled = "example.org", "alice", "bob"
        edit = ("users:", "users:\n  bob: {password: {env: BOB_PASSWORD}, enabled: false}")
        edits = [(edit[0], more(person, disabled) + edit[1])]
    else:
        site = request.getfixturevalue("tutorial")
        domain, person, disabled = "wangsheng.com", "wangsheng", "xhyhuiying"
        line = "xhyhuiying: {password: {env: XHYHUIYING_PASSWORD}"
        edits = [("users:", more(person, disabled) + "users:"), (line, f"{line}, enabled: false")]
    addressed = Addressed(site, domain, person, disabled)
    try:
        site.apply("--limit", "mail", site=site.edited("addresses.yaml", *edits))
        yield addressed
    finally:
        site.apply("--limit", "mail")
        for user in (person, disabled):
            site.host("mail").run(["doveadm", "expunge", "-u", user, "mailbox", "*", "all"])


def more(person: str, disabled: str) -> str:
    return (
        f"domains: {{{BRANCH}: {{aliases: {{info: {person}}}}}}}\n"
        f"aliases: {{team: [{person}, {disabled}], former: {disabled}, all: [team, former]}}\n"
    )


def test_every_role_address_reaches_a_person_in_every_spelling(addressed: Addressed) -> None:
    wanted = {
        spelling
        for role in ROLES
        for domain in (addressed.domain, BRANCH)
        for spelling in (f"{role}@{domain}", f"{role.swapcase()}@{domain.upper()}")
    }
    addressed.sent_from_outside(*wanted)
    assert addressed.missing_for(addressed.person, wanted) == set()


@needs_debian
def test_mail_of_the_host_itself_reaches_a_person(addressed: Addressed) -> None:
    mail = addressed.site.host("mail")
    bare = {f"bare {role}" for role in ROLES}
    for role in ROLES:
        mail.check_run(["sendmail", role], stdin=f"Subject: bare {role}\n\nhello\n")
    mail.check_run(["apt-get", "install", "-y", "--no-install-recommends", "s-nail"])
    root = f"root@{addressed.domain}"
    mail.check_run(["s-nail", "-:/", "-s", "from s-nail", root], stdin="hello\n")
    assert addressed.missing_for(addressed.person, {*bare, "from s-nail"}) == set()


def test_a_detail_behind_a_plus_is_part_of_the_same_address(addressed: Addressed) -> None:
    users = {f"{addressed.person}{detail}@{addressed.domain}" for detail in ("+x", "+a+b", "+X.y")}
    roles = {f"postmaster+lists@{domain}" for domain in (addressed.domain, BRANCH)}
    branch = {f"info+x@{BRANCH}"}
    addressed.sent_from_outside(*users, *roles, *branch)
    assert addressed.missing_for(addressed.person, users | roles | branch) == set()


def test_aliases_reach_each_of_their_targets_disabled_users_too(addressed: Addressed) -> None:
    both = {f"{alias}@{addressed.domain}" for alias in ("team", "all")}
    former = {f"former@{addressed.domain}", f"{addressed.disabled}@{addressed.domain}"}
    addressed.sent_from_outside(*both, *former)
    assert addressed.missing_for(addressed.person, both) == set()
    assert addressed.missing_for(addressed.disabled, both | former) == set()
    assert not former & addressed.subjects_of(addressed.person)


def test_a_further_domain_has_its_own_aliases_and_nobody_else(addressed: Addressed) -> None:
    known = f"info@{BRANCH}"
    addressed.sent_from_outside(known)
    assert addressed.missing_for(addressed.person, {known}) == set()
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="5\\.1\\.1"):
        addressed.sent_from_outside(f"info@{addressed.domain}")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="5\\.1\\.1"):
        addressed.sent_from_outside(f"{addressed.person}@{BRANCH}")

"""The directory that a site file is: who has a mailbox, and who may send as which address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from unit.render.sites import site_of

from provisioner.diagnosis.terms import Terms
from provisioner.directory.inline import directory_of
from provisioner.directory.interface import Ability, Directory, ListedDirectory
from provisioner.model.names import MailAddress
from provisioner.model.secrets import PasswordHash, SecretReference
from provisioner.model.site import Alias, Site, User
from provisioner.verbs.envelope import find_sender

_HASH = "{SHA512-CRYPT}$6$abcdefgh$" + "x" * 86
TEXT = f"""
domain: example.org
hosts: {{mail: {{address: 192.0.2.10}}}}
domains: {{example.com: {{aliases: {{info: [sales, x@elsewhere.example]}}}}}}
users:
  bob: {{password: "{_HASH}", aliases: [rob]}}
  alice: {{password: {{env: A}}, enabled: false}}
aliases: {{sales: [bob, alice], lists: "alice+lists", away: x@elsewhere.example}}
"""
SITE = site_of(TEXT)
PROBER = "mailprov-probe@example.org"


class CountedUsers(tuple[User, ...]):
    """Users that count how many of them were looked at by walking."""

    __slots__ = ()
    seen: ClassVar[list[int]] = [0]

    def __iter__(self) -> Iterator[User]:
        for user in super().__iter__():
            self.seen[0] += 1
            yield user


def many(number: int) -> tuple[Site, list[int]]:
    """Return a site of so many users and as many aliases, and the count of users looked at."""
    secret = SecretReference(source="env", value="P")
    users = CountedUsers(User(MailAddress(f"u{one}@example.org"), secret) for one in range(number))
    users.seen[:] = [0]
    aliases = tuple(
        Alias(MailAddress(f"a{one}@example.org"), (MailAddress(f"u{one}@example.org"),))
        for one in range(number)
    )
    return SITE.model_copy(update={"users": users, "aliases": aliases}), users.seen


def test_it_lists_looks_up_and_is_changed() -> None:
    assert directory_of(SITE).abilities == {Ability.LIST, Ability.LOOK_UP, Ability.CHANGE}


def test_who_looks_up_single_addresses_asks_for_no_list() -> None:
    def asked(directory: Directory) -> User | None:
        return directory.user("bob@example.org")

    listed: ListedDirectory = directory_of(SITE)
    assert asked(listed) is SITE.users[0]


def test_a_site_has_one_directory() -> None:
    assert directory_of(SITE) is directory_of(SITE)


@pytest.mark.parametrize(
    ("address", "user", "alias"),
    [
        ("bob@example.org", SITE.users[0], None),
        ("alice@example.org", SITE.users[1], None),
        ("sales@example.org", None, SITE.aliases[0]),
        ("bob@example.com", None, None),
        ("bob", None, None),
        (PROBER, None, None),
    ],
)
def test_an_address_is_a_users_or_an_aliass_or_nobodys(
    address: str, user: User | None, alias: Alias | None
) -> None:
    directory = directory_of(SITE)
    assert (directory.user(address), directory.alias(address)) == (user, alias)


def test_an_address_is_of_the_site_when_its_domain_is() -> None:
    asked = ["nobody@example.com", "bob@sub.example.org", "bob@notexample.org", "bob"]
    assert list(filter(directory_of(SITE).is_own, asked)) == ["nobody@example.com"]


@pytest.mark.parametrize(
    ("address", "owners"),
    [
        ("bob@example.org", ["bob@example.org"]),
        ("bob+detail@example.org", ["bob@example.org"]),
        ("rob@example.org", ["bob@example.org"]),
        ("lists@example.org", ["alice@example.org"]),
        ("info@example.com", ["alice@example.org", "bob@example.org"]),
        ("mailer-daemon@example.com", ["bob@example.org"]),
        ("away@example.org", []),
        ("nobody@example.org", []),
        ("x@elsewhere.example", []),
        (PROBER, [PROBER]),
    ],
)
def test_those_may_send_as_an_address_whose_mailbox_it_leads_to(
    address: str, owners: list[str]
) -> None:
    assert list(directory_of(SITE).owners_of(MailAddress(address))) == owners


def test_every_address_that_somebody_may_send_as_is_listed_once() -> None:
    directory = directory_of(SITE)
    listed = list(directory.owners())
    table = dict(listed)
    assert len(table) == len(listed)
    sources = {alias.source for alias in directory.aliases}
    assert set(table) == {*directory.mailboxes(), *sources} - {"away@example.org"}
    assert all(owners == directory.owners_of(address) for address, owners in listed)


def test_everybody_has_a_mailbox_disabled_users_and_the_prober_too() -> None:
    assert list(directory_of(SITE).mailboxes()) == ["bob@example.org", "alice@example.org", PROBER]


def test_a_password_that_is_a_reference_has_no_hash_yet() -> None:
    assert directory_of(SITE).hashes() == {"bob@example.org": PasswordHash.parse(_HASH)}


def test_aliases_in_a_circle_end() -> None:
    """No site file has one; who follows aliases must not depend on that."""
    one, other = MailAddress("one@example.org"), MailAddress("other@example.org")
    circle = (Alias(one, (other, MailAddress("bob@example.org"))), Alias(other, (one,)))
    directory = directory_of(SITE.model_copy(update={"aliases": circle}))
    assert directory.owners_of(other) == ("bob@example.org",)


def test_nothing_looks_through_all_users_for_one() -> None:
    site, seen = many(60)
    terms = Terms(site, site.host("mail"))
    for one in range(60):
        assert find_sender(site, f"u{one}", None).user
        assert find_sender(site, f"a{one}", None).user
        assert "a user" in terms.explain("user", f"u{one}")
        assert "an alias" in terms.explain("recipient", f"a{one}@example.org")
        assert "mailbox of" in terms.explain("path", f"/srv/vmail/example.org/u{one}/cur")
    assert seen == [60]


def test_only_the_directory_reads_the_users_and_aliases_of_a_site() -> None:
    folder = Path(__file__).parents[3] / "provisioner"
    read = re.compile(r"\bsite\.(users|aliases)\b")
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if read.search(path.read_text(encoding="utf-8"))
    }
    # `site_opening` makes a smaller site of one, and asks nobody.
    assert found == {"directory/inline.py", "cli/site_opening.py"}

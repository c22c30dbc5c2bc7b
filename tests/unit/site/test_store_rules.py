"""Mail roles on several hosts, and which store a user has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.directory.inline import directory_of
from provisioner.model import mailboxes
from provisioner.model.rules import stores
from provisioner.site.load import LoadedSite

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]

SPLIT = """domain: example.org
hosts:
  mx: {address: 192.0.2.1, roles: [dns, mx, submission]}
  store1: {address: 192.0.2.2, roles: store}
  store2: {address: 192.0.2.3, roles: store}
users:
  alice: {password: {env: ALICE}}
  bob: {password: {env: BOB}, store: store2}
"""


def test_mail_roles_on_several_hosts_are_a_valid_site(loaded: Loaded) -> None:
    assert not loaded(SPLIT).warnings


def test_a_user_has_the_store_that_is_named_and_else_the_first_of_the_file(
    loaded: Loaded,
) -> None:
    directory = directory_of(loaded(SPLIT).site)
    stores = [directory.store_of(address) for address in directory.mailboxes()]
    assert stores == ["store1", "store2", "store1"]


def test_a_store_that_is_added_below_moves_nobody(loaded: Loaded) -> None:
    one = SPLIT.replace("  store2: {address: 192.0.2.3, roles: store}\n", "").replace(
        ", store: store2", ""
    )
    added = one.replace("users:", "  late: {address: 192.0.2.9, roles: store}\nusers:")
    of_one, of_added = (directory_of(loaded(text).site) for text in (one, added))
    for address in of_one.mailboxes():
        assert of_one.store_of(address) == of_added.store_of(address) == "store1"


@pytest.mark.parametrize(
    ("store", "want"),
    [
        ("store3", "8:38: users.bob.store: a store that the site does not have"),
        ("mx", "8:38: users.bob.store: a store that keeps no mail"),
        ("store1.example.org", "8:38: users.bob.store: a host key with a dot"),
    ],
)
def test_a_store_that_is_none_is_refused(refused: Refused, store: str, want: str) -> None:
    assert refused(SPLIT.replace("store: store2", f"store: {store}")) == [want]


def test_system_accounts_are_of_one_host(refused: Refused) -> None:
    assert refused(SPLIT + "accounts: system\n") == [
        "9:11: accounts: system accounts on several mail hosts"
    ]


@pytest.mark.parametrize(
    ("more", "want"),
    [
        (
            "imap: {ports: 993}\n",
            "9:15: imap.ports: stores that cannot pass logins on to each other",
        ),
        (
            "pop3: {ports: [995]}\n",
            "9:15: pop3.ports: stores that cannot pass logins on to each other",
        ),
    ],
)
def test_stores_reach_each_other_by_the_ports_with_starttls(
    refused: Refused, more: str, want: str
) -> None:
    assert refused(SPLIT + more) == [want]


def test_a_protocol_that_is_off_needs_no_port_between_stores(loaded: Loaded) -> None:
    assert loaded(SPLIT + "pop3: {ports: []}\n").site.pop3.ports == frozenset()


def test_more_users_than_text_files_are_for_stay_on_one_host(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "USERS_IN_TEXT", 1)
    assert mailboxes.USERS_IN_TEXT > 1
    assert refused(SPLIT) == ["6:1: users: too many users for several mail hosts"]

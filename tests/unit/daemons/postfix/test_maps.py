"""Who receives mail, where it goes instead, and who may send under which address."""

from __future__ import annotations

from collections.abc import Iterable

from unit.render.sites import site_of

from provisioner.daemons.postfix.maps import MapRow, alias_rows, recipient_rows, sender_rows

_USERS = """
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users:
  alice: {password: {env: A}}
  bob: {password: {env: B}, enabled: false, aliases: [rob]}
domains: {example.com: {aliases: {info: [sales, x@elsewhere.example]}}}
aliases: {sales: [alice, bob], lists: "alice+lists"}
"""
_VIRTUAL = site_of(_USERS)
_SYSTEM = site_of(_USERS, "accounts: system\n")


def _table(rows: Iterable[MapRow]) -> dict[str, str]:
    listed = list(rows)
    table = {row.key: row.value for row in listed}
    assert len(table) == len(listed), "a key stands twice, and Postfix would warn"
    return table


def test_virtual_users_are_known_by_address_disabled_ones_too() -> None:
    assert set(_table(recipient_rows(_VIRTUAL))) == {
        "alice@example.org",
        "bob@example.org",
        "mailprov-probe@example.org",
    }


def test_system_users_are_known_by_name() -> None:
    assert set(_table(recipient_rows(_SYSTEM))) == {"alice", "bob", "mailprov-probe"}


def test_every_alias_of_every_domain_is_listed() -> None:
    got = _table(alias_rows(_VIRTUAL))
    assert got["sales@example.org"] == "alice@example.org, bob@example.org"
    assert got["info@example.com"] == "sales@example.org, x@elsewhere.example"
    assert got["rob@example.org"] == "bob@example.org"
    assert got["postmaster@example.com"] == "alice@example.org"


def test_mail_of_the_machine_itself_reaches_a_person() -> None:
    for site in (_VIRTUAL, _SYSTEM):
        got = _table(alias_rows(site))
        for name in ("root", "postmaster", "abuse", "hostmaster"):
            assert got[name] == "alice@example.org"
        assert got["mailer-daemon"] == "postmaster@example.org"


def test_answers_to_a_bounce_reach_the_postmaster_of_its_domain() -> None:
    got = _table(alias_rows(_VIRTUAL))
    assert got["mailer-daemon@example.org"] == "postmaster@example.org"
    assert got["mailer-daemon@example.com"] == "postmaster@example.com"


def test_a_role_that_is_a_user_takes_the_mail_of_the_machine() -> None:
    site = site_of(_USERS.replace("  alice:", "  postmaster: {password: {env: P}}\n  alice:"))
    got = _table(alias_rows(site))
    assert got["postmaster"] == "postmaster@example.org"
    assert got["mailer-daemon"] == "postmaster@example.org"


def test_one_may_send_as_oneself_and_under_aliases_that_lead_to_oneself() -> None:
    got = _table(sender_rows(_VIRTUAL))
    assert got["alice@example.org"] == "alice@example.org"
    assert got["rob@example.org"] == "bob@example.org"
    assert got["lists@example.org"] == "alice@example.org"
    assert got["sales@example.org"] == "alice@example.org, bob@example.org"
    assert got["info@example.com"] == "alice@example.org, bob@example.org"
    assert got["mailprov-probe@example.org"] == "mailprov-probe@example.org"
    assert "x@elsewhere.example" not in got


def test_system_users_log_in_by_name() -> None:
    got = _table(sender_rows(_SYSTEM))
    assert got["sales@example.org"] == "alice, bob"
    assert got["mailprov-probe@example.org"] == "mailprov-probe"

"""Who sends to whom through which door, decided before anything is connected."""

from __future__ import annotations

import json

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.site import Site
from provisioner.site.load import parse_site
from provisioner.verbs.envelope import find_address, find_door, find_sender

PASSWORD = {"env": "P"}


def site(**more: object) -> Site:
    text = {
        "domain": "example.org",
        "hosts": {"mail": {"address": "192.0.2.10"}},
        "users": {
            "alice": {"password": PASSWORD},
            "bob": {"password": PASSWORD},
            "carol": {"password": PASSWORD, "enabled": "false"},
        },
        "aliases": {
            "sales": ["alice", "bob"],
            "office": "bob",
            "old": "carol",
            "away": "partner@b.example",
        },
        **more,
    }
    return parse_site(json.dumps(text).encode(), "site.yaml").site


def sender(text: str, login: str | None = None) -> tuple[str, str | None]:
    got = find_sender(site(), text, login)
    return got.address, got.user.address if got.user else None


@pytest.mark.parametrize(
    ("typed", "login", "want"),
    [
        ("alice", None, ("alice@example.org", "alice@example.org")),
        ("alice@example.org", None, ("alice@example.org", "alice@example.org")),
        ("Alice+news@Example.ORG", None, ("Alice+news@example.org", "alice@example.org")),
        ("office", None, ("office@example.org", "bob@example.org")),
        ("sales", "bob", ("sales@example.org", "bob@example.org")),
        ("bob", "alice", ("bob@example.org", "alice@example.org")),
        ("bob", "Alice", ("bob@example.org", "alice@example.org")),
        ("x@b.example", None, ("x@b.example", None)),
        ("x@b.example", "alice@example.org", ("x@b.example", "alice@example.org")),
    ],
)
def test_the_sender_and_who_logs_in(
    typed: str, login: str | None, want: tuple[str, str | None]
) -> None:
    assert sender(typed, login) == want


@pytest.mark.parametrize(
    ("typed", "login", "want"),
    [
        ("nobody", None, "no user of the site may send as this address"),
        ("away", None, "no user of the site may send as this address"),
        ("carol", None, "this user is disabled"),
        ("old", None, "no user of the site may send as this address"),
        ("alice", "carol", "this user is disabled"),
        ("sales", None, "--login alice@example.org or bob@example.org"),
        ("alice", "nobody", "--login names no user of the site"),
        ("alice", "sales", "an alias has no password"),
        ("a b", None, "--from: not a mail address"),
        ("a@b.example\nRCPT TO:<x>", None, "--from: "),
        ("<>", None, "--from: not a mail address"),
    ],
)
def test_a_sender_who_cannot_send_is_wrong_usage(typed: str, login: str | None, want: str) -> None:
    with pytest.raises(MailprovError) as raised:
        sender(typed, login)
    assert want in str(raised.value)
    assert raised.value.exit_code == ExitCode.USAGE
    (told,) = raised.value.diagnostics
    assert told.got
    # Who is disabled is wanted by nobody; else what would do is named.
    assert told.want or "disabled" in told.summary


@pytest.mark.parametrize(
    ("typed", "want"),
    [
        ("bob", "bob@example.org"),
        ("bob+x", "bob+x@example.org"),
        ("Some.One@B.example", "Some.One@b.example"),
    ],
)
def test_a_bare_recipient_is_of_the_primary_domain(typed: str, want: str) -> None:
    assert find_address(site(), typed, "--to") == want


@pytest.mark.parametrize("typed", ["", "a@", "@b.example", 'a"b@b.example', "a@[192.0.2.1]"])
def test_what_is_no_address_is_wrong_usage(typed: str) -> None:
    with pytest.raises(MailprovError, match="--to: ") as raised:
        find_address(site(), typed, "--to")
    assert raised.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("ports", "asked", "want"),
    [
        (["587", "465"], None, 587),
        (["587", "465"], 465, 465),
        (["465"], None, 465),
        (["587"], None, 587),
    ],
)
def test_a_user_submits_on_587_unless_that_is_closed(
    ports: list[str], asked: int | None, want: int
) -> None:
    one = site(submission={"ports": ports})
    door = find_door(one, find_sender(one, "alice", None), ["bob@example.org"], asked)
    assert (door.host.key, door.service.port, door.service.login) == ("mail", want, True)


@pytest.mark.parametrize(
    ("typed", "asked", "want"),
    [
        ("alice", 465, "the site accepts no submission on this port"),
        ("alice", 25, "the site accepts no submission on this port"),
        ("x@b.example", 587, "a sender from outside uses port 25"),
    ],
)
def test_a_port_that_does_not_fit_is_wrong_usage(typed: str, asked: int, want: str) -> None:
    one = site(submission={"ports": ["587"]})
    with pytest.raises(MailprovError, match=want) as raised:
        find_door(one, find_sender(one, typed, None), ["bob@example.org"], asked)
    assert raised.value.exit_code == ExitCode.USAGE
    (told,) = raised.value.diagnostics
    assert told.got == f"--port {asked}"
    assert ("587" in told.want) is (typed == "alice")


@pytest.mark.parametrize(("number", "more"), [(3, False), (8, False), (9, True)])
def test_some_users_are_named_where_there_are_many(number: int, *, more: bool) -> None:
    users = {f"user{n}": {"password": PASSWORD} for n in range(number)}
    one = site(users={**users, "zoe": {"password": PASSWORD, "enabled": "false"}}, aliases={})
    with pytest.raises(MailprovError) as raised:
        find_sender(one, "nobody", None)
    want = raised.value.diagnostics[0].want
    assert want.endswith(" …") is more
    assert want.count("@") == min(number, 8)
    assert "zoe" not in want


def test_a_disabled_user_is_named_with_the_option_that_named_it() -> None:
    for typed, login, option in (("carol", None, "--from"), ("alice", "carol", "--login")):
        with pytest.raises(MailprovError) as raised:
            sender(typed, login)
        assert raised.value.diagnostics[0].got == f"{option} carol@example.org"


def test_a_login_that_is_nobodys_names_those_who_may() -> None:
    with pytest.raises(MailprovError) as raised:
        sender("alice", "nobody")
    assert raised.value.diagnostics[0].want == "one of alice@example.org, bob@example.org"


def test_a_login_that_is_no_address_names_its_option() -> None:
    with pytest.raises(MailprovError, match="--login: not a mail address"):
        sender("alice", "a b")


def test_mail_from_outside_goes_to_the_exchanger_of_the_recipients_domain() -> None:
    one = site()
    for recipients in (["bob@example.org"], ["x@b.example"]):
        door = find_door(one, find_sender(one, "x@b.example", None), recipients, None)
        assert (door.host.key, door.service.port, door.service.login) == ("mail", 25, False)

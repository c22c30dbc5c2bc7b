"""A site cannot open in Dovecot's and Unbound's words what it may not open in its own."""

from __future__ import annotations

import re

import pytest
from support.readings import reading_of


@pytest.mark.parametrize(
    ("version", "settings", "want"),
    [
        (
            "2.3",
            {"ssl": "no", "disable_plaintext_auth": "no"},
            [("ssl", "no-tls"), ("disable_plaintext_auth", "cleartext-login")],
        ),
        ("2.3", {"ssl": "no"}, [("ssl", "no-tls")]),
        (
            "2.3",
            {"ssl": "yes", "disable_plaintext_auth": "no"},
            [("disable_plaintext_auth", "cleartext-login")],
        ),
        ("2.3", {"disable_plaintext_auth": "no"}, []),
        ("2.3", {"ssl": "yes"}, []),
        (
            "2.4",
            {"ssl": "yes", "auth_allow_cleartext": "yes"},
            [("auth_allow_cleartext", "cleartext-login")],
        ),
        ("2.4", {"auth_allow_cleartext": "yes"}, []),
        ("2.4", {"auth_allow_weak_schemes": "yes"}, [("auth_allow_weak_schemes", "weak-hash")]),
        (
            "2.3",
            {"login_trusted_networks": "127.0.0.0/8 10.0.0.0/8"},
            [("login_trusted_networks", "cleartext-login")],
        ),
        ("2.3", {"login_trusted_networks": "127.0.0.0/8, ::1"}, []),
        (
            "2.3",
            {"auth_verbose_passwords": "plain"},
            [("auth_verbose_passwords", "logged-passwords")],
        ),
        (
            "2.4",
            {"auth_verbose_passwords": "sha1", "auth_debug_passwords": "yes"},
            [
                ("auth_verbose_passwords", "logged-passwords"),
                ("auth_debug_passwords", "logged-passwords"),
            ],
        ),
        ("2.3", {"auth_verbose_passwords": "sha1:6", "auth_debug_passwords": "no"}, []),
        ("2.3", {"auth_mechanisms": "plain anonymous"}, [("auth_mechanisms", "None")]),
        ("2.3", {"auth_mechanisms": '"plain anonymous"'}, [("auth_mechanisms", "None")]),
        ("2.4", {"auth_mechanisms": "plain,anonymous"}, [("auth_mechanisms", "None")]),
        ("2.4", {"auth_mechanisms": 'plain, "anonymous"'}, [("auth_mechanisms", "None")]),
        # Dovecot begins a comment at any # outside of quotes.
        ("2.3", {"ssl": '"no"'}, [("ssl", "no-tls")]),
        ("2.3", {"ssl": "no # for the old phone"}, [("ssl", "no-tls")]),
        ("2.3", {"ssl": "required # not no"}, []),
        ("2.3", {"ssl": "no#x"}, [("ssl", "no-tls")]),
        (
            "2.4",
            {"auth_allow_weak_schemes": '"yes" # it\'s old'},
            [("auth_allow_weak_schemes", "weak-hash")],
        ),
        ("2.3", {"auth_verbose_passwords": "sha1:6 # or plain"}, []),
        ("2.3", {"login_trusted_networks": "127.0.0.0/8 # nobody else"}, []),
        (
            "2.3",
            {"login_trusted_networks": '"10.0.0.0/8"'},
            [("login_trusted_networks", "cleartext-login")],
        ),
    ],
)
def test_dovecots_logins_tls_and_log(
    version: str, settings: dict[str, str], want: list[tuple[str, str]]
) -> None:
    found = reading_of(dovecot={version: settings}).exposures
    assert [(one.path[-1], str(one.allowance)) for one in found] == want
    assert all(one.summary and one.got and one.want for one in found)


_CLEARTEXT = {"imap": {"cleartext_login": "true"}, "pop3": {"cleartext_login": "true"}}


@pytest.mark.parametrize(
    ("sections", "settings", "want"),
    [
        # Who takes passwords in cleartext by a wish of the site's own opens it no further.
        (_CLEARTEXT, {}, []),
        (_CLEARTEXT, {"ssl": "yes"}, ["ssl"]),
        ({"imap": _CLEARTEXT["imap"]}, {"ssl": "yes"}, []),
        (
            {"imap": _CLEARTEXT["imap"]},
            {"disable_plaintext_auth": "no"},
            ["disable_plaintext_auth"],
        ),
        (_CLEARTEXT, {"ssl": "required"}, []),
        ({"tls": "none"}, {"ssl": "yes"}, ["ssl"]),
        ({"tls": "none"}, {"disable_plaintext_auth": "no"}, ["disable_plaintext_auth"]),
        ({"tls": "none"}, {"disable_plaintext_auth": "yes"}, []),
    ],
)
def test_what_dovecots_settings_open_depends_on_what_the_site_says_itself(
    sections: dict[str, object], settings: dict[str, str], want: list[str]
) -> None:
    found = reading_of(**sections, dovecot={"2.3": settings}).exposures
    mine = [one for one in found if one.path[0] == "dovecot"]
    assert [one.path[-1] for one in mine] == want
    assert {one.allowance for one in mine} <= {"cleartext-login"}


@pytest.mark.parametrize(
    ("version", "settings"),
    [
        ("2.3", {"ssl": "no"}),
        ("2.3", {"ssl": "yes", "disable_plaintext_auth": "no"}),
        ("2.4", {"ssl": "yes", "auth_allow_cleartext": "yes"}),
        ("2.4", {"auth_allow_weak_schemes": "yes"}),
        ("2.4", {"auth_mechanisms": "anonymous"}),
        ("2.3", {"auth_verbose_passwords": "plain"}),
    ],
)
def test_each_setting_that_is_told_instead_closes_what_is_open(
    version: str, settings: dict[str, str]
) -> None:
    (open_,) = reading_of(dovecot={version: settings}).exposures
    instead = re.findall(r"(\w+) = (.+?)(?=,|$| to )", open_.want)
    assert instead
    for name, value in instead:
        assert not reading_of(dovecot={version: settings | {name: value}}).exposures


def test_of_trusted_networks_those_are_told_that_others_are_in() -> None:
    trusted = {"login_trusted_networks": "10.0.0.0/8 ::1, 192.0.2.0/24"}
    (found,) = reading_of(dovecot={"2.3": trusted}).exposures
    assert found.got == '"10.0.0.0/8 192.0.2.0/24"'


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"access-control": ["0.0.0.0/0 allow"]}, ["access-control"]),
        ({"access-control": ["::/0 allow_snoop"]}, ["access-control"]),
        ({"access-control": ['"0.0.0.0/0" allow_setrd']}, ["access-control"]),
        ({"access-control": ["0.0.0.0/0 'allow'"]}, ["access-control"]),
        ({"access-control": ['0.0.0.0/0"allow"']}, ["access-control"]),
        ({"access-control": ["0.0.0.0/0 allow # for everybody"]}, ["access-control"]),
        ({"access-control": ["0.0.0.0/0 refuse # not allow"]}, []),
        # Of two rules for one network Unbound keeps the first.
        ({"access-control": ["0.0.0.0/0 refuse", "0.0.0.0/0 allow"]}, []),
        ({"access-control": ["0.0.0.0/0 allow", "0.0.0.0/0 refuse"]}, [0]),
        # unbound-checkconf's to refuse.
        ({"access-control": ["", "0.0.0.0/0", "0.0.0.0/0 allow#all"]}, []),
        ({"access-control": ["0.0.0.0/0 refuse", "0.0.0.0/2 allow", "64.0.0.0/3 allow"]}, [1]),
        ({"access-control": ["0.0.0.0/0 allow", "10.0.0.0/8 refuse"]}, [0]),
        ({"access-control": ["0.0.0.0/0 allow", "0.0.0.0/1 refuse", "128.0.0.0/1 deny"]}, []),
        ({"access-control": ["0.0.0.0/0 refuse_non_local", "10.0.0.0/8 allow"]}, []),
        (
            {"access-control": ["10.0.0.0/8 allow"], "interface-action": ["eth0 allow"]},
            ["interface-action"],
        ),
        (
            {"access-control": ["10.0.0.0/8 allow"], "interface-action": ["0.0.0.0 allow"]},
            ["interface-action"],
        ),
        ({"access-control": ["10.0.0.0/8 allow"], "interface-action": ["10.0.0.1 allow"]}, []),
        (
            {"access-control": ["10.0.0.0/8 allow"], "interface-action": ["10.0.0.1@5353 allow"]},
            [],
        ),
        (
            {"access-control": ["10.0.0.0/8 allow"], "interface-action": ["eth0 allow # all"]},
            ["interface-action"],
        ),
        # mailprov's own rules refuse everybody else before an interface is asked.
        ({"interface-action": ["eth0 allow"]}, []),
        ({"prefetch": ["yes"]}, []),
    ],
)
def test_who_may_ask_unbound(options: dict[str, list[str]], want: list[str | int]) -> None:
    found = reading_of(unbound={"server": options}).exposures
    assert [one.path[-1] for one in found] == want
    assert all(one.allowance == "open-resolver" for one in found)

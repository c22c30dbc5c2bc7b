"""A site cannot open in Dovecot's and Unbound's words what it may not open in its own."""

from __future__ import annotations

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
    ],
)
def test_dovecots_logins_tls_and_log(
    version: str, settings: dict[str, str], want: list[tuple[str, str]]
) -> None:
    found = reading_of(dovecot={version: settings}).exposures
    assert [(one.path[-1], str(one.allowance)) for one in found] == want


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({"access-control": ["0.0.0.0/0 allow"]}, ["access-control"]),
        ({"access-control": ["::/0 allow_snoop"]}, ["access-control"]),
        ({"access-control": ['"0.0.0.0/0" allow_setrd']}, ["access-control"]),
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
        # mailprov's own rules refuse everybody else before an interface is asked.
        ({"interface-action": ["eth0 allow"]}, []),
        ({"prefetch": ["yes"]}, []),
    ],
)
def test_who_may_ask_unbound(options: dict[str, list[str]], want: list[str | int]) -> None:
    found = reading_of(unbound={"server": options}).exposures
    assert [one.path[-1] for one in found] == want
    assert all(one.allowance == "open-resolver" for one in found)

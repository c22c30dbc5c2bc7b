"""A site cannot open in Postfix's words what it may not open in its own."""

from __future__ import annotations

from typing import Any

import pytest
from support.readings import reading_of

MAIN: tuple[str, ...] = ("postfix", "main")
OUTSIDE_ONLY = "{{10.0.0.0/8 OK}, {0.0.0.0/0 REJECT}, {::/0 REJECT}}"


def exposed(
    main: dict[str, str] | None = None,
    master: dict[str, dict[str, str]] | None = None,
    **sections: Any,  # noqa: ANN401 sections are as YAML gives them
) -> list[tuple[str, str]]:
    """Return what a hatch opens: the key behind `postfix`, and the allowance that it needs."""
    hatch = {"main": main or {}, "master": master or {}}
    found = reading_of(postfix=hatch, **sections).exposures
    return [(".".join(map(str, one.path[1:])), str(one.allowance)) for one in found]


@pytest.mark.parametrize(
    ("main", "key"),
    [
        ({"mynetworks": "0.0.0.0/0"}, "mynetworks"),
        ({"mynetworks": "127.0.0.0/8 0.0.0.0/2, 64.0.0.0/3"}, "mynetworks"),
        ({"mynetworks": "[2000::]/5"}, "mynetworks"),
        ({"mynetworks": "127.0.0.0/8 $world", "world": "0.0.0.0/1 128.0.0.0/1"}, "mynetworks"),
        ({"mynetworks": "${world?{0.0.0.0/0}:{10.0.0.0/8}}", "world": "x"}, "mynetworks"),
        ({"mynetworks": "!192.0.2.0/24, 0.0.0.0/0"}, "mynetworks"),
        ({"mynetworks": "static:all"}, "mynetworks"),
        ({"mynetworks": "cidr:{{10.0.0.0/8 x}, {0.0.0.0/0 x}}"}, "mynetworks"),
        ({"mynetworks": "inline:{1=x, 2=x, 3=x, 4=x, 5=x}"}, "mynetworks"),
        ({"mynetworks": "127.0.0.0/8, com"}, "mynetworks"),
        ({"mynetworks": "127.0.0.0/8, unknown"}, "mynetworks"),
        ({"smtpd_relay_restrictions": "permit"}, "smtpd_relay_restrictions"),
        ({"smtpd_relay_restrictions": ""}, "smtpd_relay_restrictions"),
        (
            {"smtpd_relay_restrictions": "permit_sasl_authenticated, check_policy_service unix:x"},
            "smtpd_relay_restrictions",
        ),
        (
            {"smtpd_relay_restrictions": "check_client_access static:OK, reject"},
            "smtpd_relay_restrictions",
        ),
        (
            {"smtpd_relay_restrictions": "check_sender_access inline:{a.example=OK}, reject"},
            "smtpd_relay_restrictions",
        ),
        (
            {"smtpd_relay_restrictions": "check_recipient_access pcre:{{/./ permit}}, reject"},
            "smtpd_relay_restrictions",
        ),
        (
            {
                "smtpd_restriction_classes": "mine",
                "mine": "permit",
                "smtpd_relay_restrictions": "mine, reject_unauth_destination",
            },
            "smtpd_relay_restrictions",
        ),
        (
            {"smtpd_relay_restrictions": "warn_if_reject reject_unauth_destination"},
            "smtpd_relay_restrictions",
        ),
        ({"relay_domains": "static:all"}, "relay_domains"),
        ({"relay_domains": "$mydestination, com, net"}, "relay_domains"),
        ({"relay_domains": "regexp:{{/.*/ x}}"}, "relay_domains"),
        ({"smtpd_authorized_xclient_hosts": "0.0.0.0/0"}, "smtpd_authorized_xclient_hosts"),
        ({"smtpd_upstream_proxy_protocol": "haproxy"}, "smtpd_upstream_proxy_protocol"),
    ],
)
def test_what_lets_strangers_relay_is_an_open_relay(main: dict[str, str], key: str) -> None:
    """A host was applied, confirmed and live with mynetworks = 0.0.0.0/0 and no word said."""
    assert exposed(main) == [(f"main.{key}", "open-relay")]


@pytest.mark.parametrize(
    "main",
    [
        {"mynetworks": "127.0.0.0/8 [::1]/128 10.0.0.0/8"},
        {"mynetworks": "127.0.0.0/8 hash:/etc/postfix/networks"},
        {"mynetworks": "!0.0.0.0/0, 0.0.0.0/0, 10.0.0.0/8"},
        # The order of older guides: recipients are where strangers are refused.
        {
            "smtpd_relay_restrictions": "",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
        },
        {"smtpd_recipient_restrictions": "permit"},
        {"smtpd_client_restrictions": "permit"},
        {"smtpd_relay_restrictions": "permit_mynetworks, defer_unauth_destination"},
        {
            "smtpd_relay_restrictions": "check_client_access hash:/etc/postfix/a, "
            "reject_unauth_destination"
        },
        {"smtpd_relay_restrictions": f"check_client_access cidr:{OUTSIDE_ONLY}"},
        {
            "smtpd_relay_restrictions": "check_recipient_access inline:{partner.example=OK}, "
            "reject_unauth_destination"
        },
        {"relay_domains": "$mydestination, partner.example, lan"},
        {"mynetworks": "0.0.0.0/0", "inet_interfaces": "loopback-only"},
        {"mynetworks_style": "class"},
    ],
)
def test_what_refuses_strangers_is_none(main: dict[str, str]) -> None:
    assert exposed(main) == []


def test_each_service_is_judged_by_what_it_has() -> None:
    both = {"smtpd_relay_restrictions": "permit", "smtpd_sender_restrictions": ""}
    assert exposed(master={"submission/inet": both}) == [
        ("master.submission/inet.smtpd_relay_restrictions", "open-relay")
    ]
    assert exposed(master={"587": {"smtpd_relay_restrictions": "permit"}}) == []
    assert exposed(master={"smtp/inet": {"mynetworks": "0.0.0.0/0"}}) == [
        ("master.smtp/inet.mynetworks", "open-relay")
    ]


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("10025/inet", {"command": "smtpd", "mynetworks": "0.0.0.0/0"}, "mynetworks"),
        (
            "10025/inet",
            {"command": "smtpd -o smtpd_relay_restrictions=permit"},
            "command",
        ),
        (
            "10025/inet",
            {"command": "smtpd -v -o { smtpd_relay_restrictions = permit, reject }"},
            "command",
        ),
        ("smtpd/pass", {"command": "smtpd", "smtpd_relay_restrictions": "permit"}, None),
        ("628/inet", {"command": "qmqpd", "qmqpd_authorized_clients": "static:all"}, None),
    ],
)
def test_new_services_are_judged_too(name: str, options: dict[str, str], key: str | None) -> None:
    key = key or list(options)[-1]
    assert exposed(master={name: options}) == [(f"master.{name}.{key}", "open-relay")]


def test_a_service_that_only_the_host_reaches_is_open_to_nobody() -> None:
    options = {"command": "smtpd", "mynetworks": "0.0.0.0/0"}
    assert exposed(master={"127.0.0.1:10025/inet": options}) == []
    assert exposed(master={"localhost:10025/inet": options}) == []


@pytest.mark.parametrize(
    ("main", "master", "want"),
    [
        (
            {},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "may"}},
            [("master.587.smtpd_tls_auth_only", "cleartext-login")],
        ),
        ({}, {"587": {"smtpd_tls_auth_only": "no"}}, []),
        ({}, {"587": {"smtpd_tls_security_level": "may"}}, []),
        ({"smtpd_tls_auth_only": "no"}, {}, []),
        ({"smtpd_sasl_auth_enable": "yes"}, {}, []),
        (
            {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no"},
            {},
            [("main.smtpd_tls_auth_only", "cleartext-login")],
        ),
        (
            {"smtpd_tls_auth_only": "no"},
            {"10587/inet": {"command": "smtpd", "smtpd_sasl_auth_enable": "yes"}},
            [("main.smtpd_tls_auth_only", "cleartext-login")],
        ),
        ({"smtpd_tls_security_level": "none"}, {}, [("main.smtpd_tls_security_level", "no-tls")]),
        ({"smtpd_tls_security_level": ""}, {}, [("main.smtpd_tls_security_level", "no-tls")]),
        (
            {},
            {"465": {"smtpd_tls_wrappermode": "no", "smtpd_tls_security_level": "none"}},
            [("master.465.smtpd_tls_security_level", "no-tls")],
        ),
        (
            {},
            {"587": {"smtpd_tls_loglevel": "4"}},
            [("master.587.smtpd_tls_loglevel", "logged-passwords")],
        ),
        (
            {"debug_peer_list": "192.0.2.7"},
            {},
            [("main.debug_peer_list", "logged-passwords")],
        ),
        ({}, {"587": {"command": "smtpd -v"}}, [("master.587.command", "logged-passwords")]),
        ({"smtpd_tls_loglevel": "4"}, {}, []),
    ],
)
def test_logins_and_tls_are_judged_by_what_a_client_meets(
    main: dict[str, str], master: dict[str, dict[str, str]], want: list[tuple[str, str]]
) -> None:
    assert exposed(main, master) == want


def test_what_the_sites_own_keys_open_is_theirs_to_answer_for() -> None:
    """A hatch beside `networks.trusted: 0.0.0.0/0` needs no second reason."""
    reasons = {"open-relay": "a lab"}
    more = {"networks": {"trusted": ["0.0.0.0/0"]}, "allow_insecure": reasons}
    assert exposed({"smtpd_recipient_restrictions": "reject_non_fqdn_recipient"}, **more) == []


def test_a_hatch_is_told_beside_the_sites_own_key() -> None:
    """Whoever mends the one must not meet the other in the next run."""
    open_networks = {"trusted": ["0.0.0.0/0"]}
    got = exposed({"mynetworks": "$world", "world": "0.0.0.0/0"}, networks=open_networks)
    assert got == [("main.mynetworks", "open-relay")]
    harmless = {"smtpd_recipient_restrictions": "reject_non_fqdn_recipient"}
    assert exposed(harmless, networks=open_networks) == []


def test_a_key_is_told_once_for_all_services() -> None:
    assert exposed({"smtpd_tls_security_level": "none"}, {"25": {"smtpd_banner": "x"}}) == [
        ("main.smtpd_tls_security_level", "no-tls")
    ]

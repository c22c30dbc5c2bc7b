"""A site cannot open in Postfix's words what it may not open in its own."""

from __future__ import annotations

from typing import Any

import pytest
from support.readings import reading_of

MAIN: tuple[str, ...] = ("postfix", "main")
PERMITTED = {"smtpd_relay_restrictions": "permit"}
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
            {"smtpd_relay_restrictions": "check_client_access randmap:{REJECT, OK}, reject"},
            "smtpd_relay_restrictions",
        ),
        (
            {
                "smtpd_relay_restrictions": "check_client_access "
                "unionmap:{static:REJECT, pipemap:{static:x, static:OK}}, reject"
            },
            "smtpd_relay_restrictions",
        ),
        ({"mynetworks": "127.0.0.0/8, unionmap:{cidr:{{0.0.0.0/0 x}}}"}, "mynetworks"),
        ({"relay_domains": "unionmap:{static:all}"}, "relay_domains"),
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
        (
            {"smtpd_relay_restrictions": "warn_if_reject check_client_access static:REJECT"},
            "smtpd_relay_restrictions",
        ),
        *(
            (
                {"smtpd_relay_restrictions": f"check_client_access static:{row}, reject"},
                "smtpd_relay_restrictions",
            )
            # A number alone permits, and so does an old word for it.
            for row in ("{OK come in}", "RELAY", "1234567890", "550", "permit")
        ),
        # A table without a word before it is one of the list's own kind.
        (
            {"smtpd_relay_restrictions": "inline:{com=OK}, reject"},
            "smtpd_relay_restrictions",
        ),
        (
            {
                "smtpd_restriction_classes": "mine",
                "mine": "pcre:{{/./ OK}}",
                "smtpd_relay_restrictions": "check_client_access static:mine, reject",
            },
            "smtpd_relay_restrictions",
        ),
        # Some of the world is refused, and the rest is not.
        (
            {"smtpd_relay_restrictions": "check_recipient_access inline:{com=REJECT}, permit"},
            "smtpd_relay_restrictions",
        ),
        (
            {"smtpd_relay_restrictions": "check_client_access inline:{unknown=REJECT}, permit"},
            "smtpd_relay_restrictions",
        ),
        *(
            ({"smtpd_relay_restrictions": f"{some} permit"}, "smtpd_relay_restrictions")
            for some in (
                "check_client_access cidr:{{0.0.0.0/0 REJECT}},",
                "check_client_access cidr:{{::/0 REJECT}},",
                "check_sasl_access static:REJECT,",
                "check_ccert_access static:REJECT,",
                "warn_if_reject",
            )
        ),
        # Anybody may say the one name that is let in.
        *(
            ({name: "inline:{a.example=OK}, reject", **PERMITTED}, "smtpd_relay_restrictions")
            for name in ("smtpd_helo_restrictions", "smtpd_sender_restrictions")
        ),
        (
            {
                "relay_domains": "static:all",
                "smtpd_relay_restrictions": "permit_auth_destination, reject",
            },
            "relay_domains",
        ),
        ({"relay_domains": "xn--p1ai"}, "relay_domains"),
        ({"relay_domains": "static:all"}, "relay_domains"),
        ({"relay_domains": "$mydestination, com, net"}, "relay_domains"),
        ({"relay_domains": "regexp:{{/.*/ x}}"}, "relay_domains"),
        ({"smtpd_authorized_xclient_hosts": "0.0.0.0/0"}, "smtpd_authorized_xclient_hosts"),
        ({"smtpd_upstream_proxy_protocol": "haproxy"}, "smtpd_upstream_proxy_protocol"),
        (
            {
                "smtpd_upstream_proxy_protocol": "haproxy",
                "smtpd_relay_restrictions": "permit_inet_interfaces, reject",
            },
            "smtpd_upstream_proxy_protocol",
        ),
        # As the sample of main.cf that comes with Postfix has it.
        ({"mynetworks": "0.0.0.0/0", "inet_interfaces": "$myhostname, localhost"}, "mynetworks"),
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
        {"relay_domains": "!com, partner.example"},
        {"mynetworks": "0.0.0.0/0", "inet_interfaces": "loopback-only"},
        {"mynetworks": "0.0.0.0/0", "inet_interfaces": "$own", "own": "127.0.0.1, [::1]"},
        # Whoever is trusted has to log in all the same.
        {
            "mynetworks": "0.0.0.0/0",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        },
        {"smtpd_relay_restrictions": "permit_inet_interfaces, permit_auth_destination, reject"},
        {"smtpd_relay_restrictions": "check_sasl_access inline:{bob=OK}, reject"},
        {"smtpd_relay_restrictions": "check_client_access static:{550 no}, permit"},
        {"smtpd_relay_restrictions": "check_client_access randmap:{REJECT, {550 no}}, permit"},
        {
            "smtpd_relay_restrictions": "check_client_access "
            "pipemap:{static:OK, hash:/etc/postfix/a}, reject_unauth_destination"
        },
        {"smtpd_relay_restrictions": "warn_if_reject reject_unknown_client_hostname, reject"},
        {"smtpd_client_restrictions": "static:REJECT", **PERMITTED},
        {
            "smtpd_client_restrictions": "cidr:{{0.0.0.0/0 REJECT}, {::/0 REJECT}}",
            **PERMITTED,
        },
        # A class that comes back to itself says nothing.
        {
            "smtpd_restriction_classes": "mine",
            "mine": "mine, check_client_access static:mine",
            "smtpd_relay_restrictions": "mine, reject",
        },
        {"mynetworks_style": "class"},
    ],
)
def test_what_refuses_strangers_is_none(main: dict[str, str]) -> None:
    assert exposed(main) == []


@pytest.mark.parametrize(
    "word", ["warn_if_reject", "check_policy_service", "check_client_access", "mine"]
)
def test_a_list_that_ends_too_early_refuses_nobody(word: str) -> None:
    assert exposed({"smtpd_relay_restrictions": f"permit_sasl_authenticated, {word}"}) == [
        ("main.smtpd_relay_restrictions", "open-relay")
    ]


@pytest.mark.parametrize("where", ["main", "master"])
def test_the_key_that_is_told_is_the_one_that_opens(where: str) -> None:
    """Whoever removed the first key that was read would be told of the next."""
    options = {"mynetworks": "10.0.0.0/8", "smtpd_authorized_xclient_hosts": "static:all"}
    if where == "main":
        assert exposed(options) == [("main.smtpd_authorized_xclient_hosts", "open-relay")]
    else:
        got = exposed(master={"25/inet": options, "587": {"smtpd_banner": "x"}})
        assert got == [("master.25/inet.smtpd_authorized_xclient_hosts", "open-relay")]


def test_of_keys_that_each_open_alone_the_first_that_postfix_reads_is_told() -> None:
    both = {"mynetworks": "0.0.0.0/0", "smtpd_relay_restrictions": "permit"}
    assert exposed(both) == [("main.smtpd_relay_restrictions", "open-relay")]


@pytest.mark.parametrize(
    ("hatch", "want"),
    [
        (
            {"main": {"mynetworks": "0.0.0.0/0"}},
            (("main", "mynetworks"), '"0.0.0.0/0", in force for service 25'),
        ),
        (
            {"main": {"mynetworks": "$world", "world": "0.0.0.0/0"}},
            (("main", "mynetworks"), '"0.0.0.0/0", from "$world", in force for service 25'),
        ),
        (
            {
                "main": {"smtpd_relay_restrictions": "permit"},
                "master": {"25": {"command": "discard"}, "26/inet": {"command": "smtpd"}},
            },
            (("main", "smtpd_relay_restrictions"), '"permit", in force for service 26'),
        ),
        (
            {"master": {"26/inet": {"command": "smtpd -o mynetworks=0.0.0.0/0"}}},
            (("master", "26/inet", "command"), '"smtpd -o mynetworks=0.0.0.0/0"'),
        ),
        # A command is told as it is written: Postfix expands none.
        (
            {
                "master": {"25": {"command": "smtpd -o mynetworks=$world"}},
                "main": {"world": "::/0"},
            },
            (("master", "25", "command"), '"smtpd -o mynetworks=$world"'),
        ),
    ],
)
def test_what_is_told_says_the_value_where_it_is_from_and_what_it_is_in_force_for(
    hatch: dict[str, Any], want: tuple[tuple[str, ...], str]
) -> None:
    (told,) = reading_of(postfix=hatch).exposures
    assert (told.path, told.got) == (("postfix", *want[0]), want[1])


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
        ("25", {"command": "smtpd -o mynetworks=0.0.0.0/0"}, "command"),
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
    both = {"127.0.0.1:10025/inet": options, "10026/inet": options}
    assert exposed(master=both) == [("master.10026/inet.mynetworks", "open-relay")]


@pytest.mark.parametrize(
    ("main", "master", "want"),
    [
        (
            {},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "may"}},
            [("master.587.smtpd_tls_auth_only", "cleartext-login")],
        ),
        ({}, {"587": {"smtpd_tls_auth_only": "no"}}, []),
        # Mechanisms that send no password do without TLS.
        (
            {"smtpd_sasl_security_options": "noanonymous, noplaintext"},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "may"}},
            [],
        ),
        # On the wrapped port TLS comes before everything, unless there is none.
        (
            {},
            {"465": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "may"}},
            [],
        ),
        (
            {},
            {"465": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "none"}},
            [
                ("master.465.smtpd_tls_auth_only", "cleartext-login"),
                ("master.465.smtpd_tls_security_level", "no-tls"),
            ],
        ),
        # The words of older guides say as much where there is no level.
        (
            {"smtpd_enforce_tls": "yes"},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": ""}},
            [],
        ),
        (
            {"smtpd_use_tls": "yes"},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": ""}},
            [("master.587.smtpd_tls_auth_only", "cleartext-login")],
        ),
        (
            {"smtpd_enforce_tls": "yes"},
            {"587": {"smtpd_tls_auth_only": "no", "smtpd_tls_security_level": "may"}},
            [("master.587.smtpd_tls_auth_only", "cleartext-login")],
        ),
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
        *(
            (
                {},
                {"587": {"smtpd_tls_loglevel": level}},
                [("master.587.smtpd_tls_loglevel", "logged-passwords")] if logged else [],
            )
            for level, logged in (("2", False), ("3", True), ("4", True))
        ),
        # Nobody logs in there.
        (
            {"smtpd_tls_loglevel": "4"},
            {"10025/inet": {"command": "smtpd", "smtpd_sasl_auth_enable": "no"}},
            [],
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
    assert exposed({"mynetworks": "0.0.0.0/0"}, **more) == []


@pytest.mark.parametrize(
    ("main", "key", "allowance"),
    [
        ({"smtpd_tls_security_level": "none"}, "smtpd_tls_security_level", "no-tls"),
        (
            {"smtpd_tls_auth_only": "no", "smtpd_sasl_auth_enable": "yes"},
            "smtpd_tls_auth_only",
            "cleartext-login",
        ),
    ],
)
def test_a_reason_alone_opens_nothing_so_the_hatch_is_what_does(
    main: dict[str, str], key: str, allowance: str
) -> None:
    got = exposed(main, allow_insecure={allowance: "a lab"})
    assert got == [(f"main.{key}", allowance)]


def test_what_a_sites_own_key_opens_on_one_port_it_opens_on_no_other() -> None:
    got = exposed(
        master={"25": {"smtpd_sasl_auth_enable": "yes"}},
        submission={"cleartext_login": "true"},
        allow_insecure={"cleartext-login": "a lab"},
    )
    assert got == [("master.25.smtpd_sasl_auth_enable", "cleartext-login")]


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

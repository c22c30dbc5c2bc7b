"""The rules between the keys of a site file: each broken one is told at its place."""

import re
from collections.abc import Callable

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.names import MailAddress
from provisioner.model.reading import ROLE_ADDRESSES
from provisioner.model.targets import LONGEST_CHAIN, MOST_ADDRESSES
from provisioner.site.load import LoadedSite, parse_site

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]

USERS = "users: {alice: {password: {env: A}}, bob: {password: {env: B}}}\n"


def _site(hosts: str, rest: str = "") -> str:
    return f"domain: example.org\nhosts:\n{hosts}{USERS}{rest}"


TWO = (
    "  ns: {address: 192.0.2.1, roles: [dns]}\n"
    "  mail: {address: 192.0.2.2, roles: [mx, submission, store]}\n"
)


@pytest.mark.parametrize(
    ("hosts", "want"),
    [
        (
            "  a: {address: 192.0.2.1}\n  b: {address: 192.0.2.2, roles: dns}\n",
            ["3:3: hosts.a: a host without roles in a site of several hosts"],
        ),
        (
            "  a: {address: 192.0.2.1, roles: []}\n",
            ["3:34: hosts.a.roles: a host that does nothing"],
        ),
        (
            "  a: {address: 192.0.2.1, roles: [mx, store]}\n",
            [
                "2:1: hosts: no host with the role dns",
                "2:1: hosts: no host with the role submission",
            ],
        ),
        (
            (
                "  a: {address: 192.0.2.1, roles: [dns]}\n"
                "  b: {address: [2001:db8::1, 192.0.2.1], roles: [mx, submission, store]}\n"
            ),
            ["4:30: hosts.b.address.1: an address used twice"],
        ),
        (
            "  a: {address: [192.0.2.1, 192.0.2.1]}\n",
            ["3:28: hosts.a.address.1: an address used twice"],
        ),
        ("  a: {address: []}\n", ["3:16: hosts.a.address: a host without an address"]),
        (
            "  a: {address: 10.0.0.5, public_address: []}\n",
            ["3:42: hosts.a.public_address: no public address"],
        ),
        (
            "  a: {address: 10.0.0.5, public_address: [192.0.2.1, 192.0.2.1]}\n",
            ["3:54: hosts.a.public_address.1: an address named twice"],
        ),
        (
            (
                "  a: {address: 192.0.2.1, roles: dns, fqdn: b.example.org}\n"
                "  b: {address: 192.0.2.2, roles: [mx, submission, store]}\n"
            ),
            ["4:3: hosts.b: two hosts of one name"],
        ),
        (
            (
                "  a: {address: 192.0.2.1, roles: dns, connection: local}\n"
                "  b: {address: 192.0.2.2, roles: [mx, submission, store], connection: local}\n"
            ),
            ["4:71: hosts.b.connection: two hosts that are this machine"],
        ),
        (
            "  a: {address: 192.0.2.1, roles: [dms]}\n",
            ["3:35: hosts.a.roles.0: not a word that hosts.a.roles knows"],
        ),
    ],
)
def test_hosts_that_do_not_fit_together_are_refused(
    refused: Refused, hosts: str, want: list[str]
) -> None:
    assert refused(_site(hosts)) == want


def test_a_site_without_hosts_or_users_is_refused(refused: Refused) -> None:
    assert refused("domain: example.org\nhosts: {}\nusers: {}\n") == [
        "2:8: hosts: a site without hosts",
        "3:8: users: a site without users: mail to postmaster could not be delivered",
    ]


def test_a_default_name_that_is_too_long_is_refused(refused: Refused) -> None:
    domain = ".".join(["a" * 63] * 3 + ["a" * 57])
    told = refused(f"domain: {domain}\nhosts: {{mail: {{address: 192.0.2.1}}}}\n{USERS}")
    assert told == ["2:15: hosts.mail: a name of 254 characters"]


@pytest.mark.parametrize(
    ("rest", "want"),
    [
        ("mx: [nowhere]\n", ["6:6: mx.0: a host that the site does not have"]),
        ("mx: nowhere\n", ["6:5: mx: a host that the site does not have"]),
        ("mx: {nowhere: 10}\n", ["6:6: mx.nowhere: a host that the site does not have"]),
        ("mx: [ns]\n", ["6:6: mx.0: a host that does not receive mail"]),
        ("mx: [mail, mail]\n", ["6:12: mx.1: a host named twice"]),
        ("mx: []\n", ["6:5: mx: a domain that nobody receives mail for"]),
        ("mx: {}\n", ["6:5: mx: a domain that nobody receives mail for"]),
        ("mx: {mail: 08}\n", ["6:12: mx.mail: a number with leading zeros"]),
        ("mx: {mail: 65536}\n", ["6:12: mx.mail: a number above what is allowed"]),
        (
            "domains: {example.net: {mx: [ns]}}\n",
            ['6:30: domains."example.net".mx.0: a host that does not receive mail'],
        ),
        (
            "domains: {example.org: {}}\n",
            ['6:11: domains."example.org": a domain given twice'],
        ),
        (
            "domains: {a.org: {}, A.org.: {}}\n",
            ['6:22: domains."A.org.": a domain given twice'],
        ),
        ("domains: {a: {}}\n", ["6:11: domains.a: a domain name of one label"]),
    ],
)
def test_who_receives_mail_must_be_there_to_do_so(
    refused: Refused, rest: str, want: list[str]
) -> None:
    assert refused(_site(TWO, rest)) == want


@pytest.mark.parametrize(
    ("users", "rest", "want"),
    [
        (
            "a@elsewhere.org: {password: {env: A}}",
            "",
            ['4:9: users."a@elsewhere.org": a user of a domain that is not the site\'s'],
        ),
        (
            "a: {password: {env: A}}, a@example.org: {password: {env: A}}",
            "",
            ['4:34: users."a@example.org": a user given twice'],
        ),
        (
            "mailprov-probe: {password: {env: A}}",
            "",
            ["4:9: users.mailprov-probe: a name that `mailprov verify` uses for its own account"],
        ),
        (
            "a@example.net: {password: {env: A}}",
            "domains: {example.net: {}}\naccounts: system\n",
            ['4:9: users."a@example.net": a system account of a further domain'],
        ),
        (
            "postfix: {password: {env: A}}, 0a: {password: {env: A}}",
            "accounts: {kind: system}\n",
            [
                "4:9: users.postfix: a name that the system itself uses",
                "4:40: users.0a: not a login name, which a system account needs",
            ],
        ),
        (
            f"{'a' * 33}: {{password: {{env: A}}}}",
            "accounts: system\n",
            [f"4:9: users.{'a' * 33}: not a login name, which a system account needs"],
        ),
        (
            "a: {password: '{PBKDF2}$1$salt$5000$" + "a" * 40 + "'}",
            "accounts: system\n",
            ["4:23: users.a.password: a password scheme that a system account cannot have"],
        ),
        (
            "a: {password: '{SHA}aaaa'}",
            "",
            [
                (
                    "4:23: users.a.password: a weak password scheme: a stolen hash soon reveals "
                    "the password"
                )
            ],
        ),
        (
            "a: {password: {env: A, file: b}}",
            "",
            ["4:23: users.a.password: not a reference to a secret"],
        ),
        (
            "a: {password: {command: []}}",
            "",
            ["4:23: users.a.password: not a command"],
        ),
        (
            "a: {password: {env: A}, aliases: [b], enabled: no}",
            "",
            ["4:56: users.a.enabled: neither true nor false"],
        ),
    ],
)
def test_users_must_fit_the_site(refused: Refused, users: str, rest: str, want: list[str]) -> None:
    head = "domain: example.org\nhosts:\n  mail: {address: 192.0.2.1}\n"
    assert refused(f"{head}users: {{{users}}}\n{rest}") == want


@pytest.mark.parametrize(
    "name", ["..", "a/b", "a b", "A", "a+b", "jürgen", "'a\"b'", "a%b", "'#a'"]
)
def test_a_name_that_is_no_user_is_refused(refused: Refused, name: str) -> None:
    told = refused(
        f"domain: example.org\nhosts:\n  mail: {{address: 192.0.2.1}}\n"
        f"users:\n  {name}: {{password: {{env: A}}}}\n"
    )
    assert len(told) == 1
    assert told[0].startswith("5:3: users.")


@pytest.mark.parametrize(
    ("rest", "want"),
    [
        ("aliases: {x: nobody}\n", ["6:14: aliases.x: an alias that leads nowhere"]),
        (
            "aliases: {x: [alice, nobody@example.org]}\n",
            ["6:22: aliases.x.1: an alias that leads nowhere"],
        ),
        ("aliases: {x: []}\n", ["6:14: aliases.x: an alias that leads nowhere"]),
        ("aliases: {alice: bob}\n", ["6:11: aliases.alice: an alias that is also a user"]),
        ("aliases: {x: x}\n", ["6:14: aliases.x: aliases that form a loop"]),
        (
            "aliases: {x: y, y: z, z: [alice, x]}\n",
            ["6:14: aliases.x: aliases that form a loop"],
        ),
        (
            "aliases: {w: x, x: y, y: x}\n",
            ["6:20: aliases.x: aliases that form a loop"],
        ),
        (
            "aliases: {x: alice, x@example.org: bob}\n",
            ['6:21: aliases."x@example.org": an alias given twice'],
        ),
        (
            "aliases: {x@elsewhere.org: bob}\n",
            ['6:11: aliases."x@elsewhere.org": an alias of a domain that is not the site\'s'],
        ),
        ("aliases: {x: '|/bin/cat'}\n", ["6:14: aliases.x: an alias to a program (a pipe)"]),
        ("aliases: {x: /var/mail/x}\n", ["6:14: aliases.x: an alias to a file"]),
        (
            "aliases: {x: [':include:/etc/x']}\n",
            ["6:15: aliases.x.0: an alias to an include file"],
        ),
        (
            "aliases: {'@example.org': alice}\n",
            [
                (
                    '6:11: aliases."@example.org": an address without a user: catch-all addresses '
                    "are not supported"
                )
            ],
        ),
        (
            "domains: {example.net: {aliases: {x: nobody}}}\n",
            ['6:38: domains."example.net".aliases.x: an alias that leads nowhere'],
        ),
    ],
)
def test_aliases_end_somewhere_and_do_not_loop(
    refused: Refused, rest: str, want: list[str]
) -> None:
    assert refused(_site(TWO, rest)) == want


def test_two_circles_are_told_once_each(refused: Refused) -> None:
    told = refused(_site(TWO, "aliases: {a: b, b: a, c: d, d: c, e: a}\n"))
    assert [line.rpartition(": ")[2] for line in told] == ["aliases that form a loop"] * 2


def _chain(length: int) -> str:
    links = "".join(f"  a{number}: a{number + 1}\n" for number in range(1, length))
    return _site(TWO, f"aliases:\n{links}  a{length}: alice\n")


def test_a_chain_of_aliases_may_be_as_long_as_postfix_follows_it(
    loaded: Loaded, refused: Refused
) -> None:
    site = loaded(_chain(LONGEST_CHAIN)).site
    assert len([alias for alias in site.aliases if not alias.implied]) == LONGEST_CHAIN
    (told,) = refused(_chain(20_000))
    assert told.endswith("an alias chain that is too long")


def test_an_alias_with_thousands_of_targets_is_taken(loaded: Loaded) -> None:
    """One with 1,200 was green everywhere, and every mail to it was put off for ever."""
    targets = ", ".join(f"a{number}@elsewhere.example" for number in range(MOST_ADDRESSES))
    site = loaded(_site(TWO, f"aliases: {{all: [{targets}]}}\n")).site
    assert len(site.aliases[0].targets) == MOST_ADDRESSES


@pytest.mark.parametrize("doublings", [17, 40])
def test_an_alias_that_leads_to_more_than_postfix_delivers_to_is_refused(
    refused: Refused, doublings: int
) -> None:
    rows = "".join(
        f"  a{number}: [a{number + 1}, b{number}]\n  b{number}: a{number + 1}\n"
        for number in range(doublings)
    )
    (told,) = refused(_site(TWO, f"aliases:\n{rows}  a{doublings}: alice\n"))
    first = doublings - 17
    assert f"aliases.a{first}: an alias that leads to more addresses" in told


@pytest.mark.parametrize("target", ["alice+sales", "alice+Sales@example.org", "x+y"])
def test_a_target_with_a_detail_leads_to_its_user_or_alias(loaded: Loaded, target: str) -> None:
    site = loaded(_site(TWO, f"aliases: {{x: bob, y: '{target}'}}\n")).site
    (alias,) = (alias for alias in site.aliases if alias.source == "y@example.org")
    assert alias.targets[0].base in {"alice@example.org", "x@example.org"}


@pytest.mark.parametrize(
    ("aliases", "want"),
    [
        ("{x: nobody+a}", "an alias that leads nowhere"),
        ("{x: x+a}", "aliases that form a loop"),
        ("{x: y+a, y: x+b@example.org}", "aliases that form a loop"),
    ],
)
def test_a_detail_hides_neither_nobody_nor_a_circle(
    refused: Refused, aliases: str, want: str
) -> None:
    (told,) = refused(_site(TWO, f"aliases: {aliases}\n"))
    assert told.endswith(want)


def test_role_addresses_go_to_the_first_user_that_may_log_in(loaded: Loaded) -> None:
    site = loaded(
        "domain: example.org\nhosts:\n  mail: {address: 192.0.2.1}\n"
        "users:\n  gone: {password: {env: A}, enabled: false}\n"
        "  alice: {password: {env: A}, aliases: abuse}\n"
        "domains: {example.net: {aliases: {root: alice}}}\naliases: {hostmaster: [x@example.com]}\n"
    ).site
    implied = {alias.source: alias.targets for alias in site.aliases if alias.implied}
    alice = (MailAddress("alice@example.org"),)
    assert implied == {
        f"{local}@{domain}": alice
        for local, domain in [
            ("postmaster", "example.org"),
            ("root", "example.org"),
            ("postmaster", "example.net"),
            ("abuse", "example.net"),
            ("hostmaster", "example.net"),
        ]
    } | {
        f"mailer-daemon@{domain}": (MailAddress(f"postmaster@{domain}"),)
        for domain in ("example.org", "example.net")
    }
    written = {alias.source: alias.targets for alias in site.aliases if not alias.implied}
    assert written == {
        "hostmaster@example.org": ("x@example.com",),
        "root@example.net": alice,
        "abuse@example.org": alice,
    }


def test_the_sender_of_bounces_follows_postmaster_unless_somebody_wrote_it(
    loaded: Loaded,
) -> None:
    site = loaded(_site(TWO, "aliases: {mailer-daemon: bob}\n")).site
    assert not [a for a in site.aliases if a.implied and a.source.local == "mailer-daemon"]


def test_postmaster_cannot_lead_to_what_follows_postmaster(refused: Refused) -> None:
    (told,) = refused(_site(TWO, "aliases: {postmaster: mailer-daemon}\n"))
    assert told.endswith("an alias that leads nowhere")


def test_a_bare_target_means_the_own_domain_first(loaded: Loaded) -> None:
    site = loaded(
        _site(
            TWO,
            "domains:\n  example.net:\n    aliases: {sales: [alice, bob], alice: bob}\n",
        )
    ).site
    targets = {alias.source: alias.targets for alias in site.aliases if not alias.implied}
    assert targets["sales@example.net"] == ("alice@example.net", "bob@example.org")


def test_the_own_domain_of_a_target_is_that_of_its_alias_wherever_either_is_written(
    loaded: Loaded,
) -> None:
    site = loaded(
        "domain: example.org\nhosts: {mail: {address: 192.0.2.1}}\n"
        "users:\n  alice: {password: {env: A}, aliases: [info]}\n"
        "  bob: {password: {env: B}}\n"
        "  bob@example.net: {password: {env: B}, aliases: [info]}\n"
        "domains: {example.net: {aliases: {sales: info}}}\n"
        "aliases: {orders@example.net: bob, help@example.net: alice}\n"
    ).site
    targets = {alias.source: alias.targets for alias in site.aliases if not alias.implied}
    assert targets["sales@example.net"] == ("info@example.net",)
    assert targets["orders@example.net"] == ("bob@example.net",)
    assert targets["help@example.net"] == ("alice@example.org",)


@pytest.mark.parametrize(
    ("rest", "want"),
    [
        ("networks: {trusted: [0.0.0.0/0], resolver: []}\n", ["6:21: networks.trusted"]),
        ("networks: {trusted: [0.0.0.0/1, 128.0.0.0/1], resolver: []}\n", ["6:21"]),
        ("networks: {trusted: '::/0'}\n", ["6:21: networks.trusted", "6:21: networks.trusted"]),
        ("networks: {resolver: [0.0.0.0/1, 128.0.0.0/1]}\n", ["6:22: networks.resolver"]),
        ("imap: {cleartext_login: true}\n", ["6:25: imap.cleartext_login"]),
        ("pop3: {cleartext_login: true}\n", ["6:25: pop3.cleartext_login"]),
        ("submission: {cleartext_login: true}\n", ["6:31: submission.cleartext_login"]),
        (
            (
                "tls: none\nsubmission: {cleartext_login: true}\nimap: {cleartext_login: true}\n"
                "pop3: {ports: []}\nallow_insecure: {cleartext-login: lab}\n"
            ),
            ["6:6: tls: no TLS"],
        ),
        (
            (
                "tls: none\nsubmission: {cleartext_login: true, ports: [587, 465]}\n"
                "imap: {ports: [143]}\npop3: {ports: []}\n"
                "allow_insecure: {cleartext-login: lab, no-tls: lab}\n"
            ),
            [
                "7:50: submission.ports.1: a port with TLS from the start",
                "8:7: imap: nobody could log in",
            ],
        ),
        ("submission: {ports: []}\n", ["6:21: submission.ports: nobody could send"]),
        ("imap: {ports: []}\npop3: {ports: []}\n", ["6:15: imap.ports: nobody could read"]),
        ("imap: {ports: [143, 143]}\n", ["6:21: imap.ports.1: a port listed twice"]),
        ("imap: {ports: [25]}\n", ["6:16: imap.ports.0: a port that this service does not have"]),
        ("allow_insecure: {no-tls: ''}\n", ["6:26: allow_insecure.no-tls: an empty text"]),
        ("allow_insecure: {open-rely: x}\n", ["6:18: allow_insecure.open-rely: an unknown name"]),
        ("allow_insecure: [no-tls]\n", ["6:17: allow_insecure: a list where a map is wanted"]),
    ],
)
def test_unsafe_wishes_need_a_reason(refused: Refused, rest: str, want: list[str]) -> None:
    told = refused(_site(TWO, rest))
    assert len(told) == len(want), told
    for got, beginning in zip(told, want, strict=True):
        assert got.startswith(beginning)


def test_unsafe_wishes_with_a_reason_are_granted(loaded: Loaded) -> None:
    got = loaded(
        _site(
            TWO,
            "networks: {trusted: [0.0.0.0/0], resolver: [0.0.0.0/0]}\ntls: none\n"
            "submission: {cleartext_login: true}\nimap: {cleartext_login: true}\n"
            "pop3: {cleartext_login: true}\n"
            "allow_insecure: {open-relay: lab, open-resolver: lab, no-tls: lab, "
            "cleartext-login: lab}\n",
        )
    )
    assert {one.summary.partition(": ")[0] for one in got.warnings} == {"warning", "note"}
    assert got.site.submission.ports == {587}
    assert got.site.imap.ports == {143}
    assert got.site.pop3.ports == {110}
    assert dict(got.site.allow_insecure) == dict.fromkeys(
        ["open-relay", "open-resolver", "no-tls", "cleartext-login"], "lab"
    )


@pytest.mark.parametrize(
    ("rest", "want"),
    [
        ("dns: {forward: {'.': []}}\n", '6:22: dns.forward.".": a zone without servers'),
        (
            "dns: {forward: {lan: 192.0.2.9, lan.: 192.0.2.9}}\n",
            '6:33: dns.forward."lan.": a zone given twice',
        ),
        (
            "dns: {forward: {'.': '192.0.2.1@853 #dns.example'}}\n",
            '6:22: dns.forward.".": a TLS name in the text of a server',
        ),
        (
            "dns: {forward: {'.': [192.0.2.1@x]}}\n",
            '6:23: dns.forward.".".0: not a number',
        ),
        (
            "dns: {forward: {'.': [{address: 192.0.2.1, tls: x}]}}\n",
            '6:44: dns.forward.".".0.tls: an unknown key',
        ),
        ("dns: {insecure: [a b]}\n", "6:18: dns.insecure.0: not a domain name"),
        (
            "dns: {records: {mail: {A: 192.0.2.9}}}\n",
            "6:24: dns.records.mail.A: a record that the site makes itself",
        ),
        (
            "dns: {records: {'@': {MX: 10 mail}}}\n",
            '6:23: dns.records."@".MX: a record that the site makes itself',
        ),
        (
            "dns: {records: {www: {A: [192.0.2.9, 192.0.2.9]}}}\n",
            "6:38: dns.records.www.A.1: a record given twice",
        ),
        (
            "dns: {records: {www: {A: www2}}}\n",
            "6:26: dns.records.www.A: not the data of a record of type A",
        ),
        (
            "dns: {records: {www: {CNAME: web}}}\n",
            (
                "6:23: dns.records.www.CNAME: a CNAME record: Unbound does not follow one in local "
                "data"
            ),
        ),
        (
            "dns: {zone_type: refuse}\n",
            "6:18: dns.zone_type: not a word that dns.zone_type knows",
        ),
        (
            "postfix: {main: {'a b': c}}\n",
            '6:18: postfix.main."a b": not a Postfix parameter',
        ),
        (
            'postfix: {main: {a: "b\\nc"}}\n',
            "6:21: postfix.main.a: a control or bidirectional character in a text",
        ),
        (
            "dovecot: {2.5: {a: b}}\n",
            '6:11: dovecot."2.5": an unknown name',
        ),
        ("unbound: {stub: {}}\n", "6:11: unbound.stub: an unknown key"),
        (
            "accounts: {kind: system, group: root}\n",
            "6:33: accounts.group: a group that the system itself uses",
        ),
        (
            "accounts: {kind: system, mailbox: 'maildir:~/../x'}\n",
            "6:35: accounts.mailbox: not a mailbox",
        ),
        ("accounts: imaginary\n", "6:11: accounts: not a word that accounts knows"),
        ("accounts: {}\n", "6:1: accounts: the key `kind` is missing"),
        ("directory: {kind: sql}\n", "6:19: directory.kind: not a word that directory.kind knows"),
        ("tls: acme\n", "6:6: tls: not a word that tls knows"),
        ("tls: {files: {key: a}}\n", "6:7: tls.files: the key `certificate` is missing"),
        (
            "postfix: {master: {a/unix: {chroot: n}}}\n",
            '6:20: postfix.master."a/unix": a new service of master.cf needs a type and a command',
        ),
        (
            "postfix: {master: {10025: {command: smtpd}}}\n",
            "6:20: postfix.master.10025: a new service of master.cf needs a type and a command",
        ),
        (
            "submission: {ports: 587}\npostfix: {master: {smtps: {chroot: n}}}\n",
            "7:20: postfix.master.smtps: a new service of master.cf needs a type and a command",
        ),
        (
            "postfix: {master: {465/inet: {chroot: n}, smtps: {command: smtpd}}}\n",
            "6:43: postfix.master.smtps: a service that was named before",
        ),
        (
            "postfix: {master: {lmtp: {chroot: n}, lmtp/unix: {chroot: y}}}\n",
            '6:39: postfix.master."lmtp/unix": a service that was named before',
        ),
        ("submission: {message_size: 50MB}\n", "6:28: submission.message_size: not a size"),
        ("pop3: {uidl: new}\n", "6:14: pop3.uidl: not a word that pop3.uidl knows"),
    ],
)
def test_other_sections_are_refused_at_their_place(refused: Refused, rest: str, want: str) -> None:
    told = refused(_site(TWO, rest))
    assert told == [want]


@pytest.mark.parametrize(
    ("rest", "want", "fix"),
    [
        (
            'networks: {trusted: "10.0.0.0/8 192.168.0.0/16"}\n',
            "6:21: networks.trusted: several networks in one text",
            "write [10.0.0.0/8, 192.168.0.0/16]",
        ),
        (
            "pop3: off\n",
            "6:7: pop3: a service is switched on or off by its ports",
            "write `pop3: {ports: []}`, which switches it off",
        ),
        (
            "imap: false\n",
            "6:7: imap: a service is switched on or off by its ports",
            "write `imap: {ports: []}`, which switches it off",
        ),
        (
            "submission: off\n",
            "6:13: submission: a service is switched on or off by its ports",
            "remove it: without it nobody could send mail",
        ),
        (
            "pop3: yes\n",
            "6:7: pop3: a service is switched on or off by its ports",
            "remove it: the service is on",
        ),
        (
            "mx: mx1.provider.example\n",
            "6:5: mx: a full name instead of the key of a host of this site",
            "remove a domain that another provider serves",
        ),
        (
            "mx: {mx1.provider.example: 10}\n",
            (
                '6:6: mx."mx1.provider.example": a full name instead of the key of a host of this '
                "site"
            ),
            "remove a domain that another provider serves",
        ),
        (
            'dns: {forward: {".": 127.0.0.1}}\n',
            (
                '6:22: dns.forward.".": a resolver of this site: it would query itself and never '
                "get an answer"
            ),
            "name the resolver to query",
        ),
        (
            'dns: {forward: {".": [9.9.9.9, 192.0.2.1]}}\n',
            (
                '6:32: dns.forward.".".1: a resolver of this site: it would query itself and never '
                "get an answer"
            ),
            "name the resolver to query",
        ),
    ],
)
def test_what_is_written_by_habit_is_told_with_what_it_means_here(
    loaded: Loaded, rest: str, want: str, fix: str
) -> None:
    with pytest.raises(MailprovError) as refusal:
        loaded(_site(TWO, rest))
    (told,) = refusal.value.diagnostics
    assert f"{told.where.removeprefix('site.yaml:')}: {told.summary}" == want
    assert fix in told.fix


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("gw:2222", "write ssh: {address: gw, port: 2222}"),
        ("admin@gw", "write ssh: {user: admin, address: gw}"),
        ('"admin@corp.example@[2001:db8::1]:22"', '{user: admin@corp.example, address: "2001'),
        ('"[2001:db8::1]"', 'write ssh: {address: "2001:db8::1"}'),
        ("-x", "write a name or an address"),
    ],
)
def test_what_belongs_to_another_key_of_ssh_is_told_with_it(
    loaded: Loaded, address: str, fix: str
) -> None:
    hosts = f"  a: {{address: 192.0.2.1, ssh: {{address: {address}}}}}\n"
    with pytest.raises(MailprovError) as refusal:
        loaded(_site(hosts))
    assert fix in refusal.value.diagnostics[0].fix


def test_a_login_may_be_a_whole_name_of_a_directory(loaded: Loaded) -> None:
    ssh = "{user: admin@corp.example, jump: 'me@corp.example@gate:22'}"
    (host,) = loaded(_site(f"  a: {{address: 192.0.2.1, ssh: {ssh}}}\n")).site.hosts
    assert host.ssh.user == "admin@corp.example"


def test_a_forward_to_another_port_of_the_host_is_no_loop(loaded: Loaded) -> None:
    rest = 'dns: {forward: {".": [127.0.0.1@5335, "::1@5335", 127.0.0.53, 192.0.2.2]}}\n'
    assert loaded(_site(TWO, rest)).site.dns.forward


def test_everything_that_may_be_written_arrives_in_the_site(loaded: Loaded) -> None:
    got = loaded(
        """\
domain: example.org
hosts:
  mail:
    address: [192.0.2.1, "2001:db8::1"]
    fqdn: mx.Example.org.
    platform: debian-12
    ssh:
      {user: admin, port: 2222, key: ~/.ssh/id, password: {file: pw}, become: sudo,
       become_password: {command: [pass, show, sudo]}, jump: "ops@gate:22,gate2",
       address: 10.0.0.1}
mx: mail
domains:
  example.net: {mx: {mail: 5}, aliases: {info: alice}}
users:
  alice: {password: {env: A}, name: Alice Liddell, enabled: true, aliases: [al]}
  bob@example.net: {password: {env: B}, aliases: bobby}
dns:
  forward:
    corp.example: [192.0.2.53@5353]
    safe.example: {address: 192.0.2.54, tls_name: dns.example.com}
  records: {www: {A: 192.0.2.80, TXT: [one, two]}}
submission: {ports: 587, message_size: 10M, logins_per_minute: 5, connections: 3}
imap: {ports: [993], connections: 9}
pop3: {ports: [995], uidl: guid}
tls: {files: {certificate: c.pem, key: k.pem}}
postfix: {main: {relayhost: "", x_y: $z}, master: {smtp/inet: {smtpd_x: y}}}
dovecot: {"2.3": {mail_debug: yes}, "2.4": {}}
unbound: {server: {cache-max-ttl: 60, tls-cert-bundle: "", do-not-query-address: [a, b]}}
"""
    )
    site = got.site
    assert got.warnings == ()
    (host,) = site.hosts
    assert host.fqdn == "mx.example.org"
    assert host.platform == "debian-12"
    assert (host.ssh.user, host.ssh.port, host.ssh.become) == ("admin", 2222, "sudo")
    assert host.ssh.become_password is not None
    assert host.ssh.become_password.value == ("pass", "show", "sudo")
    assert site.domains[1].mx[0].preference == 5
    assert [user.address for user in site.users] == ["alice@example.org", "bob@example.net"]
    sources = {alias.source for alias in site.aliases if not alias.implied}
    assert sources == {"info@example.net", "al@example.org", "bobby@example.net"}
    assert [
        (server.port, server.tls_name) for zone in site.dns.forward for server in zone.servers
    ] == [
        (5353, None),
        (853, "dns.example.com"),
    ]
    assert [(record.owner, record.type, record.data) for record in site.dns.records] == [
        ("www.example.org", "A", "192.0.2.80"),
        ("www.example.org", "TXT", '"one"'),
        ("www.example.org", "TXT", '"two"'),
    ]
    assert site.submission.model_dump() == {
        "ports": {587},
        "message_size": 10 * 1024 * 1024,
        "logins_per_minute": 5,
        "connections": 3,
        "cleartext_login": False,
    }
    assert (site.imap.ports, site.imap.connections) == ({993}, 9)
    assert (site.pop3.uidl, site.pop3.connections) == ("guid", 10)
    assert site.postfix.main == {"relayhost": "", "x_y": "$z"}
    assert site.postfix.master == {"smtp/inet": {"smtpd_x": "y"}}
    assert site.dovecot == {"2.3": {"mail_debug": "yes"}, "2.4": {}}
    assert site.unbound == {
        "server": {
            "cache-max-ttl": ("60",),
            "tls-cert-bundle": (),
            "do-not-query-address": ("a", "b"),
        }
    }


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("domain: \u0430pple.org\n", "1:9: warning: domain: a name of mixed scripts"),
        ("domain: example.local\n", "1:9: warning: domain: a name under .local"),
        ("domain: example.org\nallow_insecure: {no-tls: lab}\n", "2:18: warning: allow_insecure"),
        ("domain: example.org\nallow_insecure: {open-relay: lab}\n", "2:18: warning: allow_ins"),
        (
            "domain: example.org\ndns: {insecure: .}\n",
            "2:17: warning: dns.insecure: DNSSEC validation is off",
        ),
        (
            "domain: example.org\ndns: {zone_type: static, forward: {example.org: 192.0.2.9}}\n",
            '2:36: warning: dns.forward."example.org": a static domain of the site',
        ),
        (
            "domain: example.org\naccounts: {kind: virtual, shell: /bin/sh}\n",
            "2:34: warning: accounts.shell",
        ),
    ],
)
def test_doubtful_wishes_are_warned_of_and_granted(loaded: Loaded, text: str, want: str) -> None:
    (warning,) = loaded(f"{text}hosts: {{mail: {{address: 192.0.2.1}}}}\n{USERS}").warnings
    told = f"{warning.where.removeprefix('site.yaml:')}: {warning.summary}"
    assert told.startswith(want), told
    assert warning.got
    assert warning.want
    assert warning.fix


@pytest.mark.parametrize(
    "domain", ["bücher.example", "例え.jp", "xn--bcher-kva.example", "メール.jp", "佐々木.jp"]
)
def test_a_name_in_one_script_is_no_cause_for_a_warning(loaded: Loaded, domain: str) -> None:
    text = f"domain: {domain}\nhosts: {{mail: {{address: 192.0.2.1}}}}\n{USERS}"
    assert loaded(text).warnings == ()


def test_a_loopback_address_is_warned_of(loaded: Loaded) -> None:
    (warning,) = loaded(
        f"domain: example.org\nhosts: {{mail: {{address: 127.0.0.1}}}}\n{USERS}"
    ).warnings
    assert warning.where == "site.yaml:2:25"


def test_an_alias_cannot_take_the_probers_name(refused: Refused) -> None:
    got = refused(_site("  mail: {address: 192.0.2.2}\n", "aliases: {mailprov-probe: alice}\n"))
    assert got == [
        "5:11: aliases.mailprov-probe: a name that `mailprov verify` uses for its own account"
    ]


def test_a_zone_is_asked_over_tls_of_all_servers_or_of_none(refused: Refused) -> None:
    forward = 'dns: {forward: {".": [192.0.2.9, {address: 192.0.2.8, tls_name: dns.example}]}}\n'
    (got,) = refused(_site("  mail: {address: 192.0.2.2}\n", forward))
    assert got.endswith("a zone with some servers over TLS and some in cleartext")


@pytest.mark.parametrize(
    ("options", "want"),
    [
        (
            "access-control: [10.0.0.0/8 allow, 10.0.0.5/24 refuse]",
            "unbound.server.access-control.1: a network with host bits",
        ),
        ("domain-insecure: bücher.example", "unbound.server.domain-insecure: a name with letters"),
        ("domain-insecure: bü..example", "unbound.server.domain-insecure: a name with letters"),
        (
            "access-control: '\"10.0.0.5/24\"allow # one'",
            "unbound.server.access-control: a network with host bits",
        ),
        (
            "local-data: '\"mäil.example.org. A 192.0.2.1\"'",
            "unbound.server.local-data: a name with letters outside ASCII",
        ),
    ],
)
def test_what_unbounds_checker_lets_through_is_refused(
    refused: Refused, options: str, want: str
) -> None:
    hatch = f"unbound: {{server: {{{options}}}}}\n"
    (got,) = refused(_site("  mail: {address: 192.0.2.2}\n", hatch))
    assert re.match(r"5:\d+: ", got)
    assert want in got


def test_a_comment_behind_an_option_of_unbounds_is_no_second_option(loaded: Loaded) -> None:
    hatch = "unbound: {server: {local-zone: 'lan. static # note: not always-nxdomain:'}}\n"
    assert loaded(_site("  mail: {address: 192.0.2.2}\n", hatch)).site.unbound


def test_a_file_that_dovecot_2_4_would_read_and_tell_is_refused(
    refused: Refused, loaded: Loaded
) -> None:
    def site(dialect: str, setting: str) -> str:
        hatch = f"dovecot: {{'{dialect}': {{{setting}}}}}\n"
        return _site("  mail: {address: 192.0.2.2}\n", hatch)

    (got,) = refused(site("2.4", "ssl_server_key_file: '</etc/key.pem'"))
    assert '"2.4".ssl_server_key_file: a file in the syntax of Dovecot 2.3' in got
    assert loaded(site("2.4", "ssl_server_key_file: /etc/key.pem"))
    assert loaded(site("2.4", "login_greeting: '<hello>'"))
    assert loaded(site("2.3", "ssl_key: '</etc/key.pem'"))


@pytest.mark.parametrize(
    "name", ["service/imap-login", "service//vsz_limit", "plugin/quota", "service/a/b/c", "/x"]
)
def test_a_path_that_names_no_setting_of_a_service_is_refused(refused: Refused, name: str) -> None:
    hatch = f'dovecot: {{"2.3": {{{name}: "1"}}}}\n'
    (got,) = refused(_site("  mail: {address: 192.0.2.2}\n", hatch))
    assert "a Dovecot setting" in got


@pytest.mark.parametrize(
    "options",
    [
        "access-control: [10.0.0.0/24 allow, '2001:db8::/32 allow', 10.0.0.5 allow, nonsense]",
        "local-data: '\"example.org. TXT grüße\"'",
        "domain-insecure: xn--bcher-kva.example",
        "identity: größer",
    ],
)
def test_what_unbound_may_be_told_stays(loaded: Loaded, options: str) -> None:
    hatch = f"unbound: {{server: {{{options}}}}}\n"
    assert loaded(_site("  mail: {address: 192.0.2.2}\n", hatch)).site.unbound["server"]


def test_a_site_whose_postmaster_reads_nothing_is_warned_of(loaded: Loaded) -> None:
    off = "password: {env: A}, enabled: false"
    site = (
        f"domain: example.org\nhosts: {{mail: {{address: 192.0.2.1}}}}\nusers: {{a: {{{off}}}}}\n"
    )
    (warning,) = loaded(site).warnings
    assert (warning.where, "a@example.org" in warning.got) == ("site.yaml:3:1", True)
    everywhere = ", ".join(f"{name}: a@elsewhere.org" for name in ROLE_ADDRESSES)
    assert loaded(f"{site}aliases: {{{everywhere}, mailer-daemon: postmaster}}\n").warnings == ()
    # What nobody wrote of bounces follows postmaster.
    assert loaded(f"{site}aliases: {{{everywhere}}}\n").warnings == ()


@pytest.mark.parametrize(
    ("jump", "want"),
    [
        ("gate:99999", "a number above what is allowed"),
        ("gate:0", "a number below what is allowed"),
        ("a,[:::::]:1", "not an IP address"),
        ("gate:", "not a jump host"),
        ("-oProxyCommand=x", "not a jump host"),
    ],
)
def test_a_jump_host_that_ssh_would_misread_is_refused(
    refused: Refused, jump: str, want: str
) -> None:
    (told,) = refused(_site(f"  a: {{address: 192.0.2.1, ssh: {{jump: '{jump}'}}}}\n"))
    assert told.startswith("3:39: hosts.a.ssh.jump: ")
    assert want in told


def test_a_platform_that_nobody_knows_is_refused_at_its_place_with_all_else(
    refused: Refused,
) -> None:
    site = _site("  a: {address: 192.0.2.1, platform: debian-11}\n", "aliases: {x: nobody}\n")
    assert refused(site) == [
        '3:37: hosts.a.platform: no platform is named "debian-11"',
        "5:14: aliases.x: an alias that leads nowhere",
    ]
    # A section that cannot be read at all hides nothing of the others.
    told = refused(_site("  a: {address: 192.0.2.1, platform: debian-11}\n", "networks: 1\n"))
    assert told[0].startswith("3:37: hosts.a.platform:")


def test_where_all_else_is_well_an_unknown_platform_is_for_somebody_to_decide() -> None:
    site = _site("  a: {address: 192.0.2.1, platform: debian-11}\n")
    with pytest.raises(MailprovError) as refusal:
        parse_site(site.encode(), "site.yaml")
    assert refusal.value.exit_code is ExitCode.REFUSED
    (told,) = refusal.value.diagnostics
    assert (told.where, "debian-1" in told.fix) == ("site.yaml:3:37", True)


@pytest.mark.parametrize(
    ("section", "want"),
    [
        (
            "postfix:\n  main:\n    mynetworks: 0.0.0.0/0\n",
            (
                "8:17: postfix.main.mynetworks: an open relay: anybody could send mail "
                "through the site without a login"
            ),
        ),
        (
            "postfix:\n  main: {smtpd_relay_restrictions: permit}\n",
            (
                "7:36: postfix.main.smtpd_relay_restrictions: an open relay: anybody could "
                "send mail through the site without a login"
            ),
        ),
        (
            (
                "postfix:\n  master:\n    587: {smtpd_tls_auth_only: no, "
                "smtpd_tls_security_level: may}\n"
            ),
            (
                "8:32: postfix.master.587.smtpd_tls_auth_only: logins in cleartext: "
                "an attacker could read passwords"
            ),
        ),
        (
            "dovecot:\n  '2.3': {ssl: yes, disable_plaintext_auth: no}\n",
            (
                '7:45: dovecot."2.3".disable_plaintext_auth: logins in cleartext: an attacker '
                "could read passwords"
            ),
        ),
        (
            "unbound:\n  server: {access-control: [10.0.0.0/8 allow, 0.0.0.0/0 allow]}\n",
            (
                "7:47: unbound.server.access-control.1: an open resolver: anybody could use "
                "it for amplification attacks"
            ),
        ),
        (
            "dovecot:\n  '2.4': {auth_verbose_passwords: plain}\n",
            (
                '7:35: dovecot."2.4".auth_verbose_passwords: passwords in the log: every '
                "reader of the log or a copy sees them"
            ),
        ),
        (
            "dovecot:\n  '2.4': {auth_mechanisms: anonymous}\n",
            '7:28: dovecot."2.4".auth_mechanisms: logins without a password',
        ),
        (
            (
                "unbound:\n  server:\n    local-zone: 'lan. static access-control: 0.0.0.0/0 "
                "allow'\n"
            ),
            (
                "8:17: unbound.server.local-zone: a second option in the value of another: "
                "Unbound separates them at blanks and quotes"
            ),
        ),
        (
            ("unbound:\n  server:\n    prefetch: '\"yes\"access-control: 0.0.0.0/0 allow'\n"),
            (
                "8:15: unbound.server.prefetch: a second option in the value of another: Unbound "
                "separates them at blanks and quotes"
            ),
        ),
        (
            (
                "postfix:\n  master:\n    25:\n      smtpd_banner: x } -o "
                "mynetworks=0.0.0.0/0 -o { a = b\n"
            ),
            (
                "9:21: postfix.master.25.smtpd_banner: braces that do not match: they "
                "would change the text around them in master.cf"
            ),
        ),
        (
            ("postfix:\n  master:\n    25: {process_limit: '- smtpd -o mynetworks=0.0.0.0/0'}\n"),
            (
                "8:25: postfix.master.25.process_limit: more than one word, or none, for a "
                "column of master.cf: the next columns would move"
            ),
        ),
    ],
)
def test_a_hatch_opens_nothing_that_the_sites_own_keys_may_not(
    refused: Refused, beginner: str, section: str, want: str
) -> None:
    """Six of six such values were taken without a word, and one of them was applied and live."""
    assert refused(beginner + section) == [want]


@pytest.mark.parametrize(
    ("allowance", "section"),
    [
        ("open-relay", "postfix: {main: {mynetworks: 0.0.0.0/0}}\n"),
        ("cleartext-login", "dovecot: {'2.3': {login_trusted_networks: 10.0.0.0/8}}\n"),
        ("no-tls", "dovecot: {'2.3': {ssl: no}}\n"),
        ("weak-hash", "dovecot: {'2.4': {auth_allow_weak_schemes: yes}}\n"),
        ("open-resolver", "unbound: {server: {access-control: '::/0 allow'}}\n"),
        ("logged-passwords", "dovecot: {'2.3': {auth_debug_passwords: yes}}\n"),
    ],
)
def test_an_allowance_lets_a_hatch_through_and_is_told_at_its_key(
    loaded: Loaded, beginner: str, allowance: str, section: str
) -> None:
    got = loaded(f"{beginner}{section}allow_insecure: {{{allowance}: a lab}}\n")
    assert any(one.where.startswith("site.yaml:6:") for one in got.warnings)
    assert not any("unused allowance" in one.summary for one in got.warnings)

"""Site files that load, and hostile or broken ones that are refused at the right place."""

import contextlib
import os
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chance import examples

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.dns_encoding import encode_name
from provisioner.model.secrets import SecretReference
from provisioner.model.site import AccountKind, Role
from provisioner.site.load import LoadedSite, load_site, parse_site

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]

TUTORIAL = """\
domain: wangsheng.com
hosts:
  ns:   {address: 10.163.2.100, roles: [dns]}
  mail: {address: 10.163.2.106, roles: [mx, submission, store]}
mx: {mail: 0}                       # or a list, in order of preference
networks:
  trusted:  [10.163.2.0/24]         # may relay without logging in
  resolver: [10.163.2.0/24]         # may ask the resolver
dns:
  forward: {".": [114.114.114.114]}
  insecure: [com, net, org]         # domain-insecure
  zone_type: static
accounts: {kind: system, group: mailusers, shell: /sbin/nologin, mailbox: "maildir:~/Maildir"}
users:
  wangsheng:  {password: {env: WANGSHENG_PASSWORD}}
  xhyhuiying: {password: {env: XHYHUIYING_PASSWORD}}
pop3: {uidl: classic, workarounds: [outlook-no-nuls, oe-ns-eoh]}
"""


def test_the_beginners_file_is_a_whole_site(loaded: Loaded, beginner: str) -> None:
    got = loaded(beginner)
    site = got.site
    assert got.warnings == ()
    assert got.path == Path("site.yaml")
    assert site.domain == "example.org"
    (host,) = site.hosts
    assert host.fqdn == "mail.example.org"
    assert host.roles == frozenset(Role)
    assert site.domains[0].mx[0].preference == 10
    assert site.networks.trusted == ()
    assert site.networks.resolver == (ip_network("192.0.2.10/32"),)
    assert site.tls == "self-signed"
    assert site.accounts.kind is AccountKind.VIRTUAL
    assert {alias.source.local for alias in site.aliases} == {
        "postmaster",
        "abuse",
        "hostmaster",
        "root",
        "mailer-daemon",
    }
    assert all(alias.implied for alias in site.aliases)
    assert {alias.targets for alias in site.aliases if alias.source.local != "mailer-daemon"} == {
        ("alice@example.org",)
    }


def test_the_tutorials_file_loads_as_it_stands(loaded: Loaded) -> None:
    got = loaded(TUTORIAL)
    site = got.site
    assert got.warnings == ()
    assert [host.key for host in site.hosts] == ["ns", "mail"]
    assert site.host("ns").addresses == (ip_address("10.163.2.100"),)
    assert site.host("ns").roles == {Role.DNS}
    assert [(mx.fqdn, mx.preference) for mx in site.domains[0].mx] == [("mail.wangsheng.com", 0)]
    assert site.dns.forward[0].zone == "."
    assert site.dns.forward[0].servers[0].port == 53
    assert site.dns.insecure == ("com", "net", "org")
    assert site.dns.zone_type == "static"
    assert site.accounts.model_dump() == {
        "kind": AccountKind.SYSTEM,
        "group": "mailusers",
        "shell": "/sbin/nologin",
        "mailbox_format": "maildir",
        "mailbox": "Maildir",
    }
    assert [user.password for user in site.users] == [
        SecretReference(source="env", value="WANGSHENG_PASSWORD"),
        SecretReference(source="env", value="XHYHUIYING_PASSWORD"),
    ]
    assert site.pop3.workarounds == ("outlook-no-nuls", "oe-ns-eoh")


@pytest.mark.parametrize(
    ("octets", "want"),
    [
        (b"", "1:1: the file is empty"),
        (b"\n  \n", "1:1: the file is empty"),
        (b"# only a comment\n", "1:1: the file is empty"),
        (b"---\n", "2:1: the file is not a map"),
        (b"text", "1:1: the file is not a map"),
        (b"- a\n", "1:1: the file is a list"),
        (b"[" * 5000, "1:1: the file is a list"),
        (b"domain: " + b"[" * 5000, "1:40: domain.0"),
        (b"domain: " + b"{a: " * 5000, "1:133: domain.a.a.a.a.a.a.a.…: nesting too deep"),
        (b"a:\n\tb: 1\n", "2:1: a: a tab in the indentation"),
        (b"\tdomain: x\n", "1:1: a tab in the indentation"),
        (b"domain: example.org\n\xff", "2:1: the file is not UTF-8 text"),
        ("domain: ü".encode() + b"\x80", "1:10: the file is not UTF-8 text"),
        (b"\xef\xbb\xbfdomain: a.b\n", "1:1: the file starts with a byte order mark"),
        ("domain: a.b\n".encode("utf-16"), "1:1: the file starts with a byte order mark"),
        (b"domain: a\0b\n", "1:10: a control or bidirectional character"),
        (b"domain: a\x07b\n", "1:10: a control or bidirectional character"),
        ("# \u202e\n".encode(), "1:3: a control or bidirectional character"),
        ("domain: a\u2066b\n".encode(), "1:10: a control or bidirectional character"),
        ("domain: a\u200fb\n".encode(), "1:10: a control or bidirectional character"),
        (b"domain: a.b\n---\ndomain: c.d\n", "2:1: a second document"),
        (b"domain: 'open\n", "2:1: domain: not valid YAML"),
        (b"domain: a: b\n", "1:10: not valid YAML"),
        (b"domain: @x\n", "1:9: domain: not valid YAML"),
        (b"domain: a.b\n nonsense\n", "1:9: domain"),
    ],
)
def test_a_text_that_is_no_site_is_refused_at_its_place(
    refused: Refused, octets: bytes, want: str
) -> None:
    told = refused(octets)
    assert told[0].startswith(want) or told[-1].startswith(want), told


def test_deep_nesting_is_refused_by_its_depth(refused: Refused) -> None:
    assert refused("domain: " + "[" * 5000)[-1].endswith("nesting too deep")
    block = "".join(f"{' ' * level}a:\n" for level in range(5000))
    assert refused(block)[-1].endswith("nesting too deep")
    assert refused("? " * 5000)


@pytest.mark.parametrize(
    ("tail", "want"),
    [
        ("mx: &a [mail]\n", ["6:5: mx: an anchor"]),
        ("mx: *a\n", ["6:5: mx: an alias"]),
        ("mx: !!str mail\n", ["6:5: mx: a tag"]),
        ("mx: !python/object:os.system mail\n", ["6:5: mx: a tag"]),
        ('<<: {mx: "mail"}\n', ['6:1: "<<": a merge key']),
        ("domain: example.net\n", ["6:1: domain: a key given twice"]),
        ("  alice: {password: x}\n", ["6:3: users.alice: a key given twice"]),
        ("mx:\n", ["6:4: mx: a key without a value"]),
        ("mx: [mail, ]\n", []),
        ("? [a]\n: b\n", ["6:3: a key that is not a text"]),
        ("? {a: b}\n: c\n", ["6:3: a key that is not a text"]),
        ('"": x\n', ['6:1: "": an empty key']),
        ('mx: "ma\\nil"\n', ["6:5: mx: a control or bidirectional character in a text"]),
        ('mx: "ma\\0il"\n', ["6:5: mx: a control or bidirectional character in a text"]),
        ('mx: "\\u202email"\n', ["6:5: mx: a control or bidirectional character in a text"]),
        ("mx: |\n  mail\n", ["6:5: mx: a control or bidirectional character in a text"]),
        ("dmains: {}\n", ["6:1: dmains: an unknown key"]),
        ("Domain: a.b\n", ["6:1: Domain: an unknown key"]),
    ],
)
def test_what_makes_yaml_surprising_is_refused(
    refused: Refused, loaded: Loaded, beginner: str, tail: str, want: list[str]
) -> None:
    if want:
        assert refused(beginner + tail) == want
    else:
        assert loaded(beginner + tail).site.domains[0].mx[0].host == "mail"


def test_an_anchor_bomb_is_refused_quickly(refused: Refused) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    before = time.monotonic()
    told = refused("\n".join(lines))
    assert any("an anchor" in line for line in told)
    assert any("an alias" in line for line in told)
    assert time.monotonic() - before < 5


def test_a_near_miss_of_a_key_is_told_the_right_one(beginner: str) -> None:
    with pytest.raises(MailprovError) as refusal:
        parse_site((beginner + "networks: {trsted: [10.0.0.0/8]}\n").encode(), "site.yaml")
    (diagnostic,) = refusal.value.diagnostics
    assert diagnostic.fix == "write trusted"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    told = refused(
        """\
domain: no
hosts:
  mail: {address: 192.0.2.0/24, roles: dns}
  Two: {address: 192.0.2.1}
mx: [elsewhere]
users:
  alice: {password: secret, enabled: yes}
  a b: {}
imap: {ports: [08]}
tls: none
"""
    )
    assert told == [
        "1:9: domain: a domain name of one label",
        "3:19: hosts.mail.address: a network where an address is wanted",
        "4:3: hosts.Two: a host key with upper-case letters",
        "7:21: users.alice.password: a password in cleartext",
        "7:38: users.alice.enabled: neither true nor false",
        '8:3: users."a b": not a user name',
        '8:3: users."a b": the key `password` is missing',
        "9:16: imap.ports.0: a number with leading zeros",
    ]


def test_rules_are_judged_beside_mistakes_in_other_sections(
    refused: Refused, beginner: str
) -> None:
    told = refused(beginner + "mx: [elsewhere]\nimap: {ports: [25]}\n")
    assert told == [
        "6:6: mx.0: a host that the site does not have",
        "7:16: imap.ports.0: a port that this service does not have",
    ]


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("alice: hunter2", "5:10: users.alice: a text where a map is wanted"),
        ("alice: {password: hunter2}", "5:21: users.alice.password: a password in cleartext"),
        ("alice: {password: {hunter2}}", "5:21: users.alice.password: not a reference"),
        ("alice: {password: [hunter2]}", "5:21: users.alice.password: a secret in the file"),
        ("alice: {password: {env: 'hunter2!'}}", "5:21: users.alice.password: not the name"),
        ("alice: {password: *hunter2 }", "5:21: users.alice.password: an alias"),
        ("alice: {password: &hunter2 }", "5:21: users.alice.password: an anchor"),
        ("alice: {password: !hunter2 }", "5:21: users.alice.password: a tag"),
        ('alice: {password: "hunter2\\n"}', "5:21: users.alice.password: a control"),
        ("alice: {password: {hunter2: a, hunter2: b}}", "5:21: users.alice.password: not a"),
        ("alice: {password: {SHA}hunter2}", "5:26: users.alice: a hash without quotes"),
        ("alice: {password: '{hunter2}'}", "5:21: users.alice.password: an unknown password"),
        ("alice: {password: {command: hunter2}}", "5:21: users.alice.password: not a command"),
    ],
)
def test_a_password_in_the_wrong_place_is_never_shown(written: str, want: str) -> None:
    head = "domain: example.org\nhosts:\n  mail: {address: 192.0.2.10}\nusers:\n  "
    with pytest.raises(MailprovError) as refusal:
        parse_site(f"{head}{written}\n".encode(), "site.yaml")
    told = str(refusal.value)
    assert f"site.yaml:{want}" in told
    assert "hunter2" not in told
    assert "hunter2" not in repr(refusal.value.__context__)


@pytest.mark.parametrize(
    "name",
    [
        '"a\\nb"',
        '"a\\0b"',
        "a$b",
        "a%b",
        "'a#b'",
        "'a\"b'",
        '"a\'b"',
        "a:b",
        "a\\b",
        '"a\\u202eb"',
        "a" * 10_000,
        "a..b",
        "a/b",
        "a b",
        "'.'",
        "..",
    ],
)
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "domain: NAME\nhosts:\n  mail: {address: 192.0.2.10}\nusers:\n  a: {password: PW}\n",
            "1:9",
        ),
        (
            "domain: a.org\nhosts:\n  NAME: {address: 192.0.2.10}\nusers:\n  a: {password: PW}\n",
            "3:3",
        ),
        (
            "domain: a.org\nhosts:\n  m: {address: 192.0.2.10}\nusers:\n  NAME: {password: PW}\n",
            "5:3",
        ),
        ("domain: a.org\nhosts:\n  m: {fqdn: NAME, address: 192.0.2.10}\nusers: {}\n", "3:13"),
    ],
)
def test_what_no_name_may_hold_is_refused_where_it_stands(
    refused: Refused, password_hash: str, text: str, place: str, name: str
) -> None:
    told = refused(text.replace("NAME", name).replace("PW", f'"{password_hash}"'))
    line = place.partition(":")[0]
    assert told[0].startswith((f"{place}: ", f"{line}:")), told


def test_a_missing_file_is_an_invalid_site(tmp_path: Path) -> None:
    with pytest.raises(MailprovError) as refusal:
        load_site(tmp_path / "site.yaml")
    (diagnostic,) = refusal.value.diagnostics
    assert refusal.value.exit_code is ExitCode.INVALID_SITE
    assert diagnostic.where == str(tmp_path / "site.yaml")
    assert diagnostic.got == "No such file or directory"
    assert diagnostic.want
    assert diagnostic.fix


def test_a_folder_and_a_nul_are_no_site_files(tmp_path: Path) -> None:
    for path in (tmp_path, Path("a\0b")):
        with pytest.raises(MailprovError) as refusal:
            load_site(path)
        assert refusal.value.exit_code is ExitCode.INVALID_SITE


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file_is_an_invalid_site(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("domain: a.b\n")
    path.chmod(0)
    with pytest.raises(MailprovError, match="Permission denied"):
        load_site(path)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    with path.open("wb") as file:
        file.truncate(257 * 1024 * 1024)
    with pytest.raises(MailprovError, match="the file is too large"):
        load_site(path)


def test_a_domain_is_worked_out_once_however_many_users_it_has() -> None:
    users = "".join(f"  user{n}@other.example: {{password: {{env: P}}}}\n" for n in range(500))
    encode_name.cache_clear()
    loaded = parse_site(
        b"domain: example.org\nhosts: {mail: {address: 192.0.2.1}}\n"
        b"domains: {other.example: {}}\nusers:\n" + users.encode(),
        "site.yaml",
    )
    assert len(loaded.site.users) == 500
    assert encode_name.cache_info().misses < 10


def _outcome(octets: bytes) -> None:
    # Any other exception fails the test; which of the two it is, the text decides.
    with contextlib.suppress(MailprovError):
        parse_site(octets, "site.yaml")


@given(st.binary(max_size=400))
def test_random_bytes_are_a_site_or_a_clear_refusal(octets: bytes) -> None:
    _outcome(octets)


@given(st.text(st.sampled_from("ab:-{}[]\"'|>&*!%#@,? \n\t01"), max_size=120))
@examples(300)
def test_random_yaml_is_a_site_or_a_clear_refusal(text: str) -> None:
    _outcome(text.encode())


@given(st.data())
@examples(300)
def test_a_damaged_site_is_a_site_or_a_clear_refusal(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TUTORIAL) - 1))
    length = data.draw(st.integers(0, 12))
    patch = data.draw(st.sampled_from(["", ":", "[", "{}", "\n", " ", "0", '"', "&a ", "~", "-"]))
    _outcome((TUTORIAL[:start] + patch + TUTORIAL[start + length :]).encode())


def test_a_file_with_very_many_mistakes_is_told_in_part(beginner: str) -> None:
    users = "".join(f"  U{number}: {{}}\n" for number in range(2000))
    with pytest.raises(MailprovError) as refusal:
        parse_site((beginner + users).encode(), "site.yaml")
    assert len(refusal.value.diagnostics) == 1001
    assert refusal.value.diagnostics[-1].summary == "and 3000 more errors"

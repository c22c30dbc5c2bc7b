"""The observing program's answer, read back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.facts.host import Pending
from provisioner.facts.observation import (
    parse_credentials,
    parse_facts,
    parse_introduction,
)
from provisioner.model.names import MailAddress
from provisioner.render.artifact import Plane
from provisioner.render.nature import Firewall
from provisioner.resources.file_state import LeftFile
from provisioner.resources.unit import UnitState, read_units

INTRODUCTION = """\
@platform
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
ID=debian
VERSION_ID="12"
@daemons
postfix\t3.7.11
dovecot\t2.3.19.1
@parameters
smtpd_forbid_bare_newline
command_directory
@head
7\t0123456789abcdef
@managed
file\t/etc/postfix/main.cf\t0a1b\troot\tpostfix\t0640\t0
unit\tpostfix.service
@directory
file\t/etc/dovecot/mailprov/users\t4e5f\troot\tdovecot\t0640\t1
account\talice
@pending
serial\t8
generation\tfedcba9876543210
owner\tsomebody@elsewhere (process 1)
main\t/etc/postfix/main.cf
armed
@activating
file\t/etc/postfix/main.cf\t2c3d\troot\troot\t0644\t1
file\t/etc/postfix/main.cf\t6a7b\troot\troot\t0644\t1
unit\tpostfix.service
@credentials
# Managed by mailprov
alice@example.org\ttag\t{BLF-CRYPT}$2b$12$x
@firewall
firewalld public
@resolver
resolvconf
openresolv
something else
""".splitlines()

FACTS = """\
@packages
postfix\tinstalled
@files
/etc/postfix/main.cf\tregular file\troot\troot\t644
/srv/vmail\tdirectory\tvmail\tvmail\t700
@digests
1111111111111111111111111111111111111111111111111111111111111111  /etc/postfix/main.cf
@content /etc/postfix/main.cf
YSA9IDEKYiA9
IDIK
@accounts
alice:x:1001:1002:Alice:/home/alice:/sbin/nologin
bob:x:1002:1002::/home/bob:/sbin/nologin
@shadow
alice:$2b$12$x:20000:0:99999:7:::
bob:!$2b$12$y:20000:0:99999:7::1:
@groups
mailusers:x:1002:
@recipes
probe
@certificate
1795521600
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
@check postfix check 1
|@this is no section
|second line
@sockets tcp
  sl  local_address
@probe-secret
abc123
@probe-token
0f0f
@end
""".splitlines()


def test_the_introduction_tells_platform_versions_and_what_was_left() -> None:
    got = parse_introduction(INTRODUCTION)
    assert (got.os_release["ID"], got.os_release["VERSION_ID"]) == ("debian", "12")
    assert got.versions == {"postfix": "3.7.11", "dovecot": "2.3.19.1"}
    assert got.generation == "0123456789abcdef"
    main, users = "/etc/postfix/main.cf", "/etc/dovecot/mailprov/users"
    assert got.serial == "7"
    assert got.managed_files == {main, users}
    assert got.left == {
        main: LeftFile(Plane.CONFIGURATION, "0a1b", "root", "postfix", 0o640, secret=False),
        users: LeftFile(Plane.DIRECTORY, "4e5f", "root", "dovecot", 0o640, secret=True),
    }
    begun = LeftFile(Plane.DIRECTORY, "2c3d", "root", "root", 0o644, secret=True)
    assert got.activating == {main: (begun, replace(begun, sha256="6a7b"))}
    assert got.softened == main
    owner = "somebody@elsewhere (process 1)"
    assert got.pending == Pending("8", "fedcba9876543210", owner, armed=True)
    assert got.firewall == Firewall("firewalld", "public")
    assert got.parameters == {"smtpd_forbid_bare_newline"}
    assert got.resolver_managers == {"resolvconf", "openresolv"}
    assert got.managed_accounts == {"alice"}
    assert got.credentials[MailAddress("alice@example.org")].tag == "tag"


@pytest.mark.parametrize(
    ("said", "want"),
    [
        (["ufw"], Firewall("ufw")),
        (["nftables", "nftables"], Firewall("nftables")),
        (["firewalld a b"], None),
        (["iptables"], None),
        ([], None),
    ],
)
def test_what_keeps_strangers_out_is_one_that_is_known(
    said: list[str], want: Firewall | None
) -> None:
    assert parse_introduction(["@firewall", *said, "@ready"]).firewall == want


def test_a_host_that_mailprov_never_touched_introduces_itself_too() -> None:
    got = parse_introduction(["@platform", "ID=debian", "@daemons", "@credentials"])
    assert got.generation is None
    assert got.managed_files == frozenset()


def test_the_facts_hold_what_was_looked_at() -> None:
    got = parse_facts(parse_introduction(INTRODUCTION), FACTS)
    main = got.files["/etc/postfix/main.cf"]
    assert (main.mode, main.sha256, main.content) == (0o644, "1" * 64, b"a = 1\nb = 2\n")
    assert got.files["/srv/vmail"].kind == "directory"
    assert got.accounts["alice"].password == "$2b$12$x"
    assert got.accounts["alice"].comment == "Alice"
    assert got.accounts["alice"].expires == ""
    assert got.accounts["bob"].expires == "1"
    assert got.groups == {"mailusers": 1002}
    assert got.certificate is None  # what lies there is damaged
    assert (got.probe_secret, got.probe_token) == ("abc123", "0f0f")


def test_a_tools_own_words_cannot_start_a_section() -> None:
    (check,) = parse_facts(parse_introduction(INTRODUCTION), FACTS).checks
    assert (check.tool, check.exit_status) == ("postfix check", 1)
    assert check.output == "@this is no section\nsecond line"


def test_unit_blocks_may_have_their_keys_in_any_order() -> None:
    lines = ["NRestarts=2", "Id=a.service", "ActiveState=active", "", "", "Id=b.service"]
    got = read_units(lines)
    assert got["a.service"].restarts == 2
    assert got["b.service"] == UnitState("b.service", "", "", "", "", 0, "")


def test_secrets_stay_out_of_representations() -> None:
    got = repr(parse_facts(parse_introduction(INTRODUCTION), FACTS))
    assert "$2b$12$x" not in got
    assert "abc123" not in got


def test_a_damaged_line_is_no_known_password() -> None:
    lines = ["# Managed by mailprov.", "a@example.org\ttag\t{SHA512-CRYPT}x", "junk", "a\tb", ""]
    assert list(parse_credentials(lines)) == ["a@example.org"]

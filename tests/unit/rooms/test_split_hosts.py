"""What hosts get where the mail roles are on several of them, and what they must not get."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.render.sites import TWO_HOSTS, site_of

from provisioner.daemons.dovecot.users import elsewhere_rows
from provisioner.directory.inline import directory_of
from provisioner.model.secrets import SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.generation import Generation
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.platforms.records import platform_named
from provisioner.render.firewall_view import NFTABLES_PROGRAM
from provisioner.render.nature import Firewall, FirewallKind, Nature
from provisioner.render.tls_chain import CHAIN_PATH, PEERS_PATH
from provisioner.site.load import load_site

SITE = load_site(Path(__file__).parents[2] / "golden/split/site.yaml").site
MAIL_HOSTS = ("mx1", "mx2", "submission", "store1", "store2")


def generation_of(
    key: str,
    platform: str = "debian-12",
    firewall: FirewallKind | None = None,
    certificates: dict[str, bytes] | None = None,
) -> Generation:
    secrets = SiteSecrets(directory_of(SITE).hashes(), certificates=certificates or {})
    nature = Nature(platform_named(platform), Firewall(firewall, "public") if firewall else None)
    return compile_generation(SITE, SITE.host(key), nature, secrets, {})


def text_of(key: str, path: str, platform: str = "debian-12") -> str:
    artifacts = {one.path: one.content for one in generation_of(key, platform).artifacts}
    return artifacts[path].decode()


def daemons_of(key: str) -> list[str]:
    return [unit.daemon for unit in generation_of(key).units]


def test_a_host_carries_the_daemons_that_its_roles_need() -> None:
    assert {host.key: daemons_of(host.key) for host in SITE.hosts} == {
        "ns": ["unbound"],
        "mx1": ["postfix"],
        "mx2": ["unbound", "postfix"],
        "submission": ["dovecot", "postfix"],
        "store1": ["dovecot", "postfix"],
        "store2": ["dovecot", "postfix"],
    }


@pytest.mark.parametrize("platform", ["debian-12", "debian-13"])
def test_password_hashes_are_on_the_hosts_that_check_logins_and_nowhere_else(
    platform: str,
) -> None:
    having = {
        host.key
        for host in SITE.hosts
        for one in generation_of(host.key, platform).artifacts
        if b"$6$" in one.content
    }
    assert having == {"submission", "store1", "store2"}


@pytest.mark.parametrize("key", MAIL_HOSTS)
def test_every_host_that_names_a_certificate_makes_its_own(key: str) -> None:
    generation = generation_of(key)
    (made,) = (one for one in generation.recipes if one.path == CHAIN_PATH)
    assert (made.subject, generation.certificate_path) == (f"{key}.example.org", CHAIN_PATH)


def test_a_resolver_alone_has_no_certificate() -> None:
    generation = generation_of("ns")
    assert generation.certificate_path is None
    assert not [one for one in generation.recipes if one.kind == "self-signed"]


def test_the_probers_password_is_where_logins_are_checked_and_its_table_where_smtp_is() -> None:
    kinds = {key: {one.kind for one in generation_of(key).recipes} for key in MAIL_HOSTS}
    assert [key for key in MAIL_HOSTS if "probe" in kinds[key]] == [
        "submission",
        "store1",
        "store2",
    ]
    assert [key for key in MAIL_HOSTS if "probe-address" in kinds[key]] == [
        "mx1",
        "mx2",
        "submission",
    ]


def test_every_file_that_main_cf_names_is_rendered_or_made() -> None:
    for key in MAIL_HOSTS:
        generation = generation_of(key)
        there = {one.path for one in (*generation.artifacts, *generation.recipes)}
        main = text_of(key, "/etc/postfix/main.cf")
        named = {
            word.removeprefix("texthash:").rstrip(",")
            for line in main.splitlines()
            if not line.startswith("#")
            for word in line.split()
            if "/etc/" in word and "mailprov/" in word
        }
        assert named, key
        assert named <= there, key


def test_a_lone_mx_takes_no_login() -> None:
    assert "smtpd_sasl" not in text_of("mx1", "/etc/postfix/main.cf")
    assert "smtpd_sasl_path = private/auth" in text_of("submission", "/etc/postfix/main.cf")


def test_mail_goes_to_the_first_store_unless_a_row_says_otherwise() -> None:
    default = "virtual_transport = remote-lmtp:inet:store1.example.org:24"
    for key in ("mx1", "submission", "store2"):
        assert default in text_of(key, "/etc/postfix/main.cf")
    there = "virtual_transport = lmtp:unix:private/dovecot-lmtp"
    assert there in text_of("store1", "/etc/postfix/main.cf")
    rows = text_of("mx1", "/etc/postfix/mailprov/transports").splitlines()[2:]
    way = "remote-lmtp:inet:store2.example.org:24"
    assert rows == [f"bob@example.com {way}", f"carol@example.org {way}"]


def test_deliveries_to_other_hosts_demand_tls_and_those_to_a_socket_do_not() -> None:
    master = text_of("store2", "/etc/postfix/master.cf")
    remote = master.split("\nremote-lmtp ")[1].split("\nanvil")[0]
    assert "lmtp_tls_security_level=secure" in remote
    assert master.count("lmtp_tls_security_level") == 1
    assert "lmtp_tls_security_level" not in text_of("store2", "/etc/postfix/main.cf")


def test_a_store_has_the_mailboxes_of_its_own_users_and_passes_on_all_others() -> None:
    def names(name: str) -> list[str]:
        rows = text_of("store2", f"/etc/dovecot/mailprov/{name}").splitlines()
        return [row.partition(":")[0] for row in rows if not row.startswith("#")]

    assert names("mailboxes") == ["bob@example.com", "carol@example.org"]
    assert names("elsewhere") == ["alice@example.org"]
    assert names("users") == ["alice@example.org", "bob@example.com"]


def test_logins_are_passed_on_over_tls_unless_the_site_has_none() -> None:
    assert " starttls=yes " in text_of("store2", "/etc/dovecot/mailprov/elsewhere")
    bare = SITE.model_copy(update={"tls": "none"})
    assert [row.tls for row in elsewhere_rows(bare, bare.host("store2"))] == [False]


def test_a_submission_host_serves_no_mailbox() -> None:
    generation = generation_of("submission")
    assert generation.mail_root is None
    assert (generation.accounts, generation.folders) == ((), ())
    assert {one.port for one in generation.listeners} == {465, 587}
    assert text_of("submission", "/etc/dovecot/dovecot.conf").splitlines().count("protocols =") == 1


def test_certificates_are_trusted_of_those_stores_alone_that_a_host_connects_to() -> None:
    known = {"store1": b"ONE\n", "mx1": b"MX\n"}
    for key, want in (
        ("mx1", b"ONE\n(the certificate of store2 "),
        ("store1", b"(the certificate"),
    ):
        generation = generation_of(key, certificates=known)
        (peers,) = (one for one in generation.artifacts if one.path == PEERS_PATH)
        assert peers.content.partition(b"\n")[2].startswith(want)
        assert not peers.secret


def test_one_mail_host_trusts_nobody_and_has_no_port_for_other_hosts() -> None:
    site = site_of(TWO_HOSTS)
    nature = Nature(platform_named("debian-12"), Firewall("nftables"))
    generation = compile_generation(site, site.host("mail"), nature, SiteSecrets(), {})
    files = {one.path: one.content for one in generation.artifacts}
    assert PEERS_PATH not in files
    assert 24 not in {one.port for one in generation.listeners}
    assert b"saddr" not in files[NFTABLES_PROGRAM]


def test_the_sockets_that_are_looked_at_are_those_that_a_host_has() -> None:
    found = {
        key: [one.path.rpartition("/")[2] for one in unix_sockets_of(generation_of(key))]
        for key in MAIL_HOSTS
    }
    assert found == {
        "mx1": [],
        "mx2": ["unbound.ctl"],
        "submission": ["auth"],
        "store1": ["dovecot-lmtp"],
        "store2": ["dovecot-lmtp"],
    }


@pytest.mark.parametrize("kind", ["nftables", "firewalld"])
def test_a_firewall_lets_in_lmtp_from_the_sites_own_hosts_alone(kind: FirewallKind) -> None:
    files = {
        one.path: one.content.decode() for one in generation_of("store1", firewall=kind).artifacts
    }
    (text,) = (text for path, text in files.items() if "open-ports" in path or "firewalld" in path)
    for address in ("10.89.0.11", "fd00:89::12", "10.89.0.13", "10.89.0.15"):
        assert address in text
    assert "10.89.0.2 " not in text
    assert '<port port="24"' not in text.partition("<rule")[0]


def test_what_ufw_cannot_be_told_the_operator_is() -> None:
    notices = generation_of("store1", firewall="ufw").notices
    (told,) = (one for one in notices if "ufw" in one)
    assert "port 24" in told
    assert "10.89.0.11" in told
    assert not [one for one in generation_of("mx1", firewall="ufw").notices if "ufw" in one]

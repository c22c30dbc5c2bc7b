"""The whole tree of a host: what is there, whose it is, in which order it becomes live."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, artifacts_of, lines_of, site_of

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Role
from provisioner.platforms.records import known_platforms, platform_named
from provisioner.render.artifact import Plane
from provisioner.render.nature import Nature
from provisioner.rooms.host_tree import render_host

_FILES = "tls: {files: {certificate: c.pem, key: k.pem}}\n"


def test_a_resolver_gets_no_mail_daemons_and_a_mail_host_no_resolver() -> None:
    site = site_of(TWO_HOSTS)
    resolver, mail = artifacts_of(site, "ns"), artifacts_of(site, "mail")
    assert not any("postfix" in path or "dovecot" in path for path in resolver)
    assert not any("unbound" in path for path in mail)
    assert "/etc/postfix/main.cf" in mail
    assert "/etc/dovecot/dovecot.conf" in mail


@pytest.mark.parametrize("platform", [platform.name for platform in known_platforms()])
def test_every_file_names_the_program_first(platform: str) -> None:
    for path, artifact in artifacts_of(site_of(ONE_HOST, _FILES), "mail", platform).items():
        head = artifact.content.decode().splitlines()[:3]
        assert any("mailprov" in line for line in head), path


def test_nothing_is_writable_by_others_and_secrets_are_readable_by_few() -> None:
    for artifact in artifacts_of(site_of(ONE_HOST, _FILES), "mail").values():
        assert artifact.owner == "root"
        assert not artifact.mode & 0o022
        assert not (artifact.secret and artifact.mode & 0o007)


def test_what_main_cf_names_becomes_live_before_it() -> None:
    paths = list(artifacts_of(site_of(ONE_HOST, _FILES), "mail"))
    main = paths.index("/etc/postfix/main.cf")
    before = {"/etc/mailprov/tls/site.pem", "/etc/postfix/master.cf"}
    before |= {f"/etc/postfix/mailprov/{name}" for name in ("recipients", "aliases", "senders")}
    assert before <= set(paths[:main])
    assert paths[-1] == "/etc/resolv.conf"


def test_people_and_passwords_are_in_the_plane_that_does_not_roll_back() -> None:
    files = artifacts_of(site_of(ONE_HOST), "mail").values()
    got = {artifact.path for artifact in files if artifact.plane is Plane.DIRECTORY}
    assert got == {
        "/etc/dovecot/mailprov/passwords",
        "/etc/dovecot/mailprov/users",
        "/etc/dovecot/mailprov/mailboxes",
        "/etc/postfix/mailprov/recipients",
        "/etc/postfix/mailprov/aliases",
        "/etc/postfix/mailprov/senders",
    }


def test_rendering_twice_gives_the_same() -> None:
    site = site_of(ONE_HOST)
    assert artifacts_of(site, "mail") == artifacts_of(site, "mail")


def test_the_operators_key_is_in_a_file_that_root_alone_reads() -> None:
    site = site_of(ONE_HOST, _FILES)
    secrets = SiteSecrets(tls_chain=b"-----BEGIN PRIVATE KEY-----\n")
    files = render_host(site, site.host("mail"), Nature(platform_named("debian-12")), secrets)
    (got,) = [file for file in files if file.path == "/etc/mailprov/tls/site.pem"]
    assert got.content.endswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert (got.mode, got.secret, got.daemons) == (0o600, True, ("dovecot", "postfix"))
    assert "PRIVATE KEY" not in repr(got)


def test_a_certificate_that_the_host_makes_is_not_rendered() -> None:
    assert "/etc/mailprov/tls/site.pem" not in artifacts_of(site_of(ONE_HOST), "mail")


def test_hosts_ask_the_sites_resolvers_and_nobody_else() -> None:
    site = site_of(TWO_HOSTS)
    got = lines_of(site, "mail", "/etc/resolv.conf")
    assert got == ["nameserver 10.0.0.2", "options edns0 trust-ad"]
    assert lines_of(site, "ns", "/etc/resolv.conf")[0] == "nameserver 127.0.0.1"
    assert artifacts_of(site, "mail")["/etc/resolv.conf"].restart
    assert not artifacts_of(site, "ns")["/etc/resolv.conf"].daemons


def test_at_most_three_resolvers_are_named() -> None:
    addresses = '["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"]'
    site = site_of(TWO_HOSTS.replace("10.0.0.2", addresses))
    lines = lines_of(site, "mail", "/etc/resolv.conf")
    assert sum(line.startswith("nameserver") for line in lines) == 3


def test_a_site_without_a_resolver_leaves_the_hosts_own_alone() -> None:
    # No site file says so today: there, every role has a host.
    whole = site_of(ONE_HOST)
    mail = whole.host("mail").model_copy(update={"roles": frozenset(Role) - {Role.DNS}})
    site = whole.model_copy(update={"hosts": (mail,)})
    assert "/etc/resolv.conf" not in artifacts_of(site, "mail")
    assert "smtp_tls_security_level = may" in lines_of(site, "mail", "/etc/postfix/main.cf")


def test_a_resolv_conf_that_is_kept_is_no_file_of_mailprovs_nor_is_what_guards_it() -> None:
    kept = TWO_HOSTS.replace("{address", "{resolv_conf: keep, address")
    for platform in ("debian-12", "el-9"):
        for host in ("ns", "mail"):
            paths = artifacts_of(site_of(kept), host, platform)
            assert not [path for path in paths if "resolv" in path or "NetworkManager" in path]


def test_the_sites_resolver_answers_where_a_host_is_and_not_what_the_world_reaches_it_at() -> None:
    # Several hosts may be behind one router.
    behind = TWO_HOSTS.replace(", roles", ", public_address: 192.0.2.10, roles")
    zones = artifacts_of(site_of(behind), "ns")["/etc/unbound/unbound.conf.d/mailprov-zones.conf"]
    assert b"mail.example.org. 3600 IN A 10.0.0.3" in zones.content
    assert b"192.0.2.10" not in zones.content

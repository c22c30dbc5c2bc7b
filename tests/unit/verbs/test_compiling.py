"""What a host says of itself decides what its files are written for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, site_of

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Introduction
from provisioner.plan.generation import Generation
from provisioner.render.firewall_view import FIREWALLD_POLICY, UFW_APPLICATION
from provisioner.render.nature import Firewall, ResolverManager
from provisioner.verbs.compiling import Compiler

DEBIAN_12 = {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
DEBIAN_13 = {"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian GNU/Linux 13 (trixie)"}
BOOKWORM = {"dovecot": "2.3.19.1", "postfix": "3.7.11"}


def compiled(
    system: Mapping[str, str], versions: Mapping[str, str], *, ahead: str = "", pinned: str = ""
) -> Generation:
    more = f", platform: {pinned}" if pinned else ""
    site = site_of(ONE_HOST.replace("address: 192.0.2.10", f"address: 192.0.2.10{more}"))
    compiler = Compiler(site, settle=dict, ahead=ahead)
    return compiler.generation_for(site.host("mail"), Introduction(system, versions))


def dovecot_conf(generation: Generation) -> str:
    return next(
        one.content.decode() for one in generation.artifacts if one.path.endswith("/dovecot.conf")
    )


@pytest.mark.parametrize(
    ("system", "version", "new"),
    [
        (DEBIAN_12, "2.3.19.1", False),
        (DEBIAN_13, "2.4.1-4", True),
        # From Dovecot's own package source, or kept back by an upgrade.
        (DEBIAN_12, "2.4.2", True),
        (DEBIAN_13, "2.3.21", False),
    ],
)
def test_the_language_of_dovecot_follows_its_version(
    system: Mapping[str, str], version: str, *, new: bool
) -> None:
    generation = compiled(system, {"dovecot": version})
    assert generation.platform.daemons["dovecot"].dialect == ("2.4" if new else "2.3")
    assert ("dovecot_config_version" in dovecot_conf(generation)) is new


def test_a_host_without_dovecot_gets_what_its_release_has() -> None:
    assert "dovecot_config_version" not in dovecot_conf(compiled(DEBIAN_12, {}))
    assert "dovecot_config_version" in dovecot_conf(compiled(DEBIAN_13, {}))


@pytest.mark.parametrize("version", ["2.2.36", "2.5.0", "3.1.0", "nonsense"])
def test_a_language_that_no_release_speaks_is_refused(version: str) -> None:
    with pytest.raises(MailprovError) as caught:
        compiled(DEBIAN_12, {"dovecot": version})
    assert caught.value.exit_code is ExitCode.REFUSED
    got = caught.value.diagnostics[0]
    assert got.got == f"Dovecot {version}"
    assert got.want == "Dovecot 2.3 or Dovecot 2.4; Debian 12 itself has 2.3.19.1"


def test_a_plan_ahead_is_made_for_the_release_to_come_and_names_both() -> None:
    generation = compiled(DEBIAN_12, BOOKWORM, ahead="debian-13")
    assert generation.platform.name == "debian-13"
    assert "dovecot_config_version" in dovecot_conf(generation)
    told = generation.notices[0]
    assert told.startswith("mail: planned as if it ran Debian 13 (")
    for part in ("Dovecot 2.4.1", "Debian GNU/Linux 12 (bookworm)", "Dovecot 2.3.19.1"):
        assert part in told
    # A host without any of the daemons runs no version of them.
    assert "()" not in compiled(DEBIAN_12, {}, ahead="debian-13").notices[0]


def test_a_platform_in_the_site_file_that_an_upgrade_has_overtaken_is_told() -> None:
    told = compiled(DEBIAN_13, {}, pinned="debian-12").notices[0]
    assert "`platform: debian-12`" in told
    assert "Debian 13" in told
    for system, pinned in (
        (DEBIAN_13, ""),
        (DEBIAN_13, "debian-13"),
        ({"ID": "ubuntu"}, "debian-12"),
    ):
        assert not any("platform:" in one for one in compiled(system, {}, pinned=pinned).notices)


JAMMY = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "22.04"}
ROCKY_8 = {"ID": "rocky", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "8.10"}
CURE = "smtpd_forbid_bare_newline"


@pytest.mark.parametrize(
    ("system", "version", "parameters", "cured"),
    [
        (ROCKY_8, "", (), False),
        (ROCKY_8, "3.5.8", (), False),
        (ROCKY_8, "3.5.8", (CURE,), True),
        # By the record until the host is asked: it may have been installed long ago.
        (JAMMY, "", (), True),
        (JAMMY, "3.6.4", (CURE,), True),
        (JAMMY, "3.6.4", (), False),
        (DEBIAN_12, "3.7.11", (), True),
    ],
)
def test_the_cure_for_smuggling_is_what_the_host_itself_has_and_its_lack_is_told(
    system: Mapping[str, str], version: str, parameters: tuple[str, ...], *, cured: bool
) -> None:
    versions = {"postfix": version} if version else {}
    site = site_of(ONE_HOST)
    introduction = Introduction(system, versions, parameters=frozenset(parameters))
    got = Compiler(site, settle=dict).generation_for(site.host("mail"), introduction)
    main = next(one.content for one in got.artifacts if one.path == "/etc/postfix/main.cf")
    assert (f"\n{CURE} = ".encode() in main) is cured
    told = [one for one in got.notices if "SMTP smuggling" in one]
    assert bool(told) is not cured
    assert all(one.startswith("mail: Postfix 3.") for one in told)


def test_a_host_without_postfix_is_not_told_of_it() -> None:
    site = site_of(TWO_HOSTS)
    compiler = Compiler(site, settle=dict)
    told = {
        key: any(
            "SMTP smuggling" in one
            for one in compiler.generation_for(site.host(key), Introduction(ROCKY_8)).notices
        )
        for key in ("ns", "mail")
    }
    assert told == {"ns": False, "mail": True}


CENTOS = {"ID": "centos", "ID_LIKE": "rhel fedora", "VERSION_ID": "9"}


def generation_on(os_release: dict[str, str], firewall: Firewall | None = None) -> Generation:
    site = site_of(ONE_HOST)
    introduction = Introduction(os_release, firewall=firewall)
    return Compiler(site, settle=dict).generation_for(site.host("mail"), introduction)


def paths(generation: Generation) -> set[str]:
    return {artifact.path for artifact in generation.artifacts}


@pytest.mark.parametrize("os_release", [DEBIAN_12, CENTOS])
def test_ports_are_opened_in_the_firewall_that_runs_and_only_there(
    os_release: dict[str, str],
) -> None:
    without = generation_on(os_release)
    having = generation_on(os_release, Firewall("firewalld", "internal"))
    assert paths(having) - paths(without) == {FIREWALLD_POLICY}
    policy = having.artifacts[-1]
    assert b'<ingress-zone name="internal"/>' in policy.content
    assert having.id != without.id
    assert paths(generation_on(os_release, Firewall("ufw"))) - paths(without) == {UFW_APPLICATION}


GUARDS = {
    "NetworkManager": "/etc/NetworkManager/conf.d/mailprov.conf",
    "openresolv": "/etc/resolvconf.conf",
    "resolvconf": "/etc/default/unbound",
}


def with_managers(
    system: Mapping[str, str], *managers: ResolverManager, text: str = ONE_HOST
) -> Generation:
    site = site_of(text)
    introduction = Introduction(system, resolver_managers=frozenset(managers))
    return Compiler(site, settle=dict).generation_for(site.host("mail"), introduction)


@pytest.mark.parametrize("manager", get_args(ResolverManager))
def test_who_else_writes_resolv_conf_on_a_host_is_kept_from_it(manager: ResolverManager) -> None:
    without, having = with_managers(DEBIAN_12), with_managers(DEBIAN_12, manager)
    assert paths(having) - paths(without) == {GUARDS[manager]}
    assert having.id != without.id


def test_what_a_release_always_keeps_away_is_kept_away_once() -> None:
    got = [one.path for one in with_managers(CENTOS, "NetworkManager").artifacts]
    assert got.count(GUARDS["NetworkManager"]) == 1
    # It has no scripts that would tell resolvconf(8) of Unbound.
    assert paths(with_managers(CENTOS, "resolvconf")) == paths(with_managers(CENTOS))


def test_unbound_is_kept_from_it_before_it_starts_and_only_where_it_runs() -> None:
    having = with_managers(DEBIAN_12, "resolvconf")
    (guard,) = (one for one in having.artifacts if one.path == GUARDS["resolvconf"])
    assert guard.daemons == ("unbound",)
    elsewhere = with_managers(DEBIAN_12, "resolvconf", "openresolv", text=TWO_HOSTS)
    assert GUARDS["openresolv"] in paths(elsewhere)
    assert GUARDS["resolvconf"] not in paths(elsewhere)


def test_mail_folders_have_the_label_that_the_release_knows() -> None:
    got = {entry.path: entry.label for entry in generation_on(CENTOS).folders}
    assert set(got) == {"/srv/vmail", "/var/lib/mailprov-probe"}
    assert set(got.values()) == {"mail_spool_t"}
    assert {entry.label for entry in generation_on(DEBIAN_12).folders} == {""}

"""What is the same for every host is rendered once."""

from __future__ import annotations

from unit.render.sites import ONE_HOST, TWO_HOSTS, artifacts_of, site_of

from provisioner.model.site import Site
from provisioner.platforms.record import Platform
from provisioner.platforms.records import platform_named
from provisioner.render.once_per_site import once_per_site

DEBIAN, CENTOS = platform_named("debian-12"), platform_named("el-9")


def test_a_site_is_asked_for_once_and_each_site_and_platform_gets_its_own_answer() -> None:
    asked = []

    @once_per_site
    def answer(site: Site, platform: Platform) -> int:
        asked.append((site, platform))
        return len(asked)

    one, other = site_of(ONE_HOST), site_of(ONE_HOST)
    got = [answer(site, DEBIAN) for site in (one, one, other, other)]
    assert got == [1, 1, 2, 2]
    assert [answer(other, CENTOS), answer(other, CENTOS), answer(one, DEBIAN)] == [3, 3, 4]


def test_resolvers_share_their_zones_and_listen_on_their_own_addresses() -> None:
    text = TWO_HOSTS.replace("[mx,", "[dns, mx,")
    site = site_of(text)
    zones = "/etc/unbound/unbound.conf.d/mailprov-zones.conf"
    ns, mail = (artifacts_of(site, host) for host in ("ns", "mail"))
    assert ns[zones].content is mail[zones].content
    assert b'interface: "10.0.0.2"' in ns["/etc/unbound/unbound.conf"].content
    assert b'interface: "10.0.0.2"' not in mail["/etc/unbound/unbound.conf"].content

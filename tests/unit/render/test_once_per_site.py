"""What is the same for every host is rendered once, however many hosts there are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, artifacts_of, site_of

from provisioner.facts.host import Facts, Introduction
from provisioner.model.once import once_per_site
from provisioner.model.site import Site
from provisioner.plan.diff import diff_generation
from provisioner.plan.manifest import observation_rows
from provisioner.platforms.record import Platform
from provisioner.platforms.records import platform_named
from provisioner.verbs.compiling import Compiler

DEBIAN, CENTOS = platform_named("debian-12"), platform_named("el-9")
# What hosts say of themselves: the same of every host, and no two of them the same object.
BOOKWORM = ({"ID": "debian", "VERSION_ID": "12"}, {"unbound": "1.17.1"})
TRIXIE = ({"ID": "debian", "VERSION_ID": "13"}, {"unbound": "1.26.2"})
RELEASES = {"one release": (BOOKWORM,), "two releases by turns": (BOOKWORM, TRIXIE)}


def test_a_site_is_asked_for_once_and_each_site_and_platform_gets_its_own_answer() -> None:
    asked = []

    @once_per_site
    def answer(site: Site, platform: Platform) -> int:
        asked.append((site, platform))
        return len(asked)

    one, other = site_of(ONE_HOST), site_of(ONE_HOST)
    got = [answer(site, DEBIAN) for site in (one, one, other, other)]
    assert got == [1, 1, 2, 2]
    assert [answer(other, CENTOS), answer(other, DEBIAN), answer(other, CENTOS)] == [3, 2, 3]
    assert answer(other, CENTOS.model_copy()) == 3
    assert answer(one, DEBIAN) == 1


def test_sites_that_one_command_takes_keep_their_answers_and_no_more_than_these_are_kept() -> None:
    asked = []

    @once_per_site
    def answer(site: Site) -> int:
        asked.append(site)
        return len(asked)

    sites = [site_of(ONE_HOST) for _ in range(8)]
    assert [answer(site) for site in (*sites, *sites)] == [*range(1, 9)] * 2
    for _ in range(16):
        answer(site_of(ONE_HOST))
    assert answer(sites[0]) == len(asked)


def test_resolvers_share_their_zones_and_listen_on_their_own_addresses() -> None:
    text = TWO_HOSTS.replace("[mx,", "[dns, mx,")
    site = site_of(text)
    zones = "/etc/unbound/unbound.conf.d/mailprov-zones.conf"
    ns, mail = (artifacts_of(site, host) for host in ("ns", "mail"))
    assert ns[zones].content is mail[zones].content
    assert b'interface: "10.0.0.2"' in ns["/etc/unbound/unbound.conf"].content
    assert b'interface: "10.0.0.2"' not in mail["/etc/unbound/unbound.conf"].content


def many(hosts: int, records: int) -> Site:
    """Return a site of so many resolvers and records."""
    more = "".join(
        f"  d{one}: {{address: 10.1.{one // 250}.{one % 250 + 1}, roles: [dns]}}\n"
        for one in range(hosts)
    )
    data = "".join(f"    r{one}: {{A: 192.0.2.{one % 250 + 1}}}\n" for one in range(records))
    return site_of(TWO_HOSTS.replace("users:", f"{more}dns:\n  records:\n{data}users:"))


def planned(site: Site, releases: tuple[tuple[dict[str, str], dict[str, str]], ...]) -> None:
    """Do what a plan does for each host that says of itself which release it runs."""
    compiler = Compiler(site, settle=dict)
    for number, host in enumerate(site.hosts):
        system, versions = releases[number % len(releases)]
        introduction = Introduction(dict(system), dict(versions))
        generation = compiler.generation_for(host, introduction)
        observation_rows(generation, introduction)
        diff_generation(generation, Facts(introduction))


def lines_run(work: Callable[[], None]) -> int:
    """Return how many lines of Python some work runs; a loop's count each time."""
    count = 0

    def local(_frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 as sys.settrace has it
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(local)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("releases", RELEASES.values(), ids=RELEASES)
def test_twice_the_hosts_are_twice_the_work(
    releases: tuple[tuple[dict[str, str], dict[str, str]], ...],
) -> None:
    planned(many(2, 1), releases)  # templates are compiled once a process
    few, twice = (lines_run(partial(planned, many(n, 5), releases)) for n in (60, 120))
    assert twice < 2.2 * few


def test_twice_the_records_are_twice_the_work() -> None:
    planned(many(2, 1), (BOOKWORM,))
    few, twice = (lines_run(partial(planned, many(4, n), (BOOKWORM,))) for n in (300, 600))
    assert twice < 2.2 * few

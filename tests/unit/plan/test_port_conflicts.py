"""Which sockets keep a daemon from its ports, and how that is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

import pytest
from support.generations import GENERATION, fulfilled

from provisioner.diagnostics import Diagnostic
from provisioner.facts.host import Facts
from provisioner.facts.listening import HeldSocket, Holder
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.manifest import observation_rows
from provisioner.plan.port_conflicts import conflict_diagnostic, find_conflicts
from provisioner.platforms.records import platform_named
from provisioner.probes.sockets import ListeningSocket
from provisioner.resources.unit import Listener, Unit

CTL = "/usr/bin/systemctl"
ANY = ip_address("0.0.0.0")  # noqa: S104 what Postfix opens
RESOLVER = (ip_address("127.0.0.1"), ip_address("192.0.2.1"))
WANTED = replace(
    GENERATION,
    units=(*GENERATION.units, Unit("unbound", "unbound.service", "unbound.service")),
    listeners=(
        Listener("postfix", "tcp", 25, (ANY,)),
        Listener("unbound", "tcp", 53, RESOLVER),
        Listener("unbound", "udp", 53, RESOLVER),
    ),
)
EXIM = Holder(512, "exim4", "exim4.service", "active", "enabled", own_unit=True)
NAMED = Holder(77, "named", "named.service", "active", "enabled", own_unit=True)


def held(place: str, holder: Holder | None, *, own: bool = False) -> HeldSocket:
    """Return a socket at `ADDRESS PORT/TRANSPORT`."""
    address, _, rest = place.partition(" ")
    port, _, transport = rest.partition("/")
    return HeldSocket(ListeningSocket(transport, ip_address(address), int(port)), own, holder)


def bare(*listening: HeldSocket) -> Facts:
    """Return a host without any of it, on which these sockets listen."""
    return replace(fulfilled(), units={}, files={}, packages=frozenset(), listening=listening)


def planned(facts: Facts) -> Plan:
    return diff_generation(WANTED, facts)


def taken(facts: Facts) -> set[tuple[str, int]]:
    conflicts = find_conflicts(planned(facts), facts)
    return {(one.listener.transport, one.listener.port) for one in conflicts}


def told(*listening: HeldSocket) -> Diagnostic:
    facts = bare(*listening)
    plan = planned(facts)
    return conflict_diagnostic(plan, find_conflicts(plan, facts))


def test_every_conflict_is_told_at_once_with_its_owner_and_the_command() -> None:
    got = told(
        held("0.0.0.0 25/tcp", EXIM), held("0.0.0.0 53/tcp", NAMED), held("0.0.0.0 53/udp", NAMED)
    )
    assert got.where == "mail"
    assert got.got.splitlines() == [
        "25/tcp on 0.0.0.0, wanted by Postfix: exim4 (process 512, exim4.service)",
        "53/tcp on 0.0.0.0, wanted by Unbound: named (process 77, named.service)",
        "53/udp on 0.0.0.0, wanted by Unbound: named (process 77, named.service)",
    ]
    assert f"`{CTL} disable --now exim4 && {CTL} disable --now named`" in got.fix
    assert "/etc/resolv.conf" in got.fix


def test_a_resolver_of_the_system_gives_up_its_stub_and_stays() -> None:
    resolved = Holder(
        61, "systemd-resolve", "systemd-resolved.service", "active", "enabled", own_unit=True
    )
    wildcard = (Listener("unbound", "udp", 53, (ANY,)),)
    wanted = replace(WANTED, listeners=wildcard)
    facts = bare(held("127.0.0.53 53/udp", resolved))
    plan = diff_generation(wanted, facts)
    fix = conflict_diagnostic(plan, find_conflicts(plan, facts)).fix
    assert "DNSStubListener=no" in fix
    assert f"{CTL} restart systemd-resolved`" in fix
    assert "mkdir -p /etc/systemd/resolved.conf.d && " in fix
    assert "disable" not in fix


@pytest.mark.parametrize(
    ("place", "want"),
    [
        ("127.0.0.53 53/udp", False),  # systemd-resolved
        ("0.0.0.0 53/udp", True),
        ("192.0.2.1 53/tcp", True),
        ("192.0.2.2 53/tcp", False),
        ("127.0.0.1 25/tcp", True),
        ("::ffff:192.0.2.1 53/tcp", True),
        ("::ffff:192.0.2.2 53/tcp", False),
        ("::1 25/tcp", False),
        ("0.0.0.0 25/udp", False),
        ("0.0.0.0 2525/tcp", False),
    ],
)
def test_only_addresses_that_overlap_collide(place: str, *, want: bool) -> None:
    assert bool(taken(bare(held(place, NAMED)))) is want


def test_an_ipv6_wildcard_takes_ipv4_too_unless_something_has_that_for_itself() -> None:
    everything = held(":: 25/tcp", EXIM)
    assert taken(bare(everything)) == {("tcp", 25)}
    postfix = held("0.0.0.0 25/tcp", None, own=True)
    assert taken(bare(everything, postfix)) == set()


@pytest.mark.parametrize(
    "owner",
    [
        Holder(9, "master", "postfix@-.service"),
        Holder(1, "systemd", "postfix.socket", triggers=("postfix.service",)),
    ],
)
def test_the_daemon_that_is_managed_is_in_nobodys_way(owner: Holder) -> None:
    assert taken(bare(held("0.0.0.0 25/tcp", owner))) == set()


def test_a_daemon_that_the_release_before_had_in_another_unit_is_in_nobodys_way() -> None:
    # After an upgrade of the system it may still run; the new unit ends it when it starts.
    unit = Unit("postfix", "postfix.service", "postfix.service")
    wanted = replace(WANTED, platform=platform_named("debian-13"), units=(unit,))
    for name, want in (("postfix@-.service", 0), ("postfix@other.service", 1)):
        facts = bare(held("0.0.0.0 25/tcp", Holder(9, "master", name)))
        assert len(find_conflicts(diff_generation(wanted, facts), facts)) == want


def test_a_daemon_that_somebody_started_by_hand_is_in_its_units_way_while_that_is_down() -> None:
    by_hand = held("0.0.0.0 25/tcp", Holder(9, "master", "session-1.scope"))
    assert taken(bare(by_hand)) == {("tcp", 25)}
    up = {**bare().units, "postfix@-.service": fulfilled().units["postfix@-.service"]}
    assert taken(replace(bare(by_hand), units=up)) == set()


def test_a_daemon_that_stays_as_it_is_keeps_its_ports() -> None:
    everything = fulfilled(WANTED)
    listening = (held("127.0.0.1 25/tcp", EXIM),)
    assert taken(replace(everything, listening=listening)) == set()


def test_a_reload_opens_what_is_new() -> None:
    name = "/etc/postfix/main.cf"
    everything = fulfilled(WANTED)
    files = {**everything.files, name: replace(everything.files[name], sha256="0" * 64)}
    facts = replace(everything, files=files, listening=(held("127.0.0.1 25/tcp", EXIM),))
    assert taken(facts) == {("tcp", 25)}


@pytest.mark.parametrize(
    ("owner", "want"),
    [
        (EXIM, f"{CTL} disable --now exim4"),
        (replace(EXIM, enabled="generated"), f"{CTL} stop exim4 && {CTL} disable exim4"),
        (
            replace(EXIM, enabled="generated", displaced=("exim4-daemon-light", "exim4-base")),
            (
                f"{CTL} stop exim4 && {CTL} disable exim4 && "
                "/usr/bin/apt-get remove exim4-daemon-light exim4-base"
            ),
        ),
        (replace(EXIM, enabled="transient"), f"{CTL} stop exim4"),
        (replace(EXIM, active="inactive"), "kill 512"),
        (Holder(7, "nc"), "kill 7"),
        (Holder(7, "nc", "session-3.scope"), "kill 7"),
        (Holder(7, "nc", "session-3.scope", "active", own_unit=True), "kill 7"),
        (Holder(7, "nc", "user@1000.service", "active"), "kill 7"),
        # A user's program that runs in a unit of the system's, by whatever name.
        (Holder(7, "nc", "ssh.service", "active", "enabled", user="alice"), "kill 7"),
        (Holder(7, "docker-proxy", "cron.service", "active", user="alice"), "kill 7"),
        (
            replace(EXIM, unit="a\\x2db.service", triggers=("$(id).service",)),
            f"{CTL} disable --now '$(id)' 'a\\x2db'",
        ),
        (
            Holder(
                *(1, "systemd", "smtp.socket", "active", "enabled", ("smtp.service",)),
                own_unit=True,
            ),
            f"{CTL} disable --now smtp smtp.socket",
        ),
        # systemd listens, and nobody knows for which unit: nothing ends process 1.
        (Holder(1, "systemd", "init.scope"), f"{CTL} list-sockets"),
        (
            Holder(7, "docker-proxy", "docker.service", "active", "enabled", is_root=True),
            "/usr/bin/docker stop $(/usr/bin/docker ps -q --filter publish=25)",
        ),
        (None, "/usr/bin/ss -lnp 'sport = :25'"),
    ],
)
def test_the_fix_is_the_command_that_sets_the_port_free(owner: Holder | None, want: str) -> None:
    assert (
        told(held("0.0.0.0 25/tcp", owner)).fix == f"on mail: `{want}`; then run the command again"
    )


@pytest.mark.parametrize(
    "owner",
    [
        Holder(7, "sshd", "ssh.service", "active", "enabled", own_unit=True, is_root=True),
        Holder(1, "systemd", "ssh.socket", "active", "enabled", ("ssh.service",), own_unit=True),
        Holder(7, "sshd", "sshd.service", "active", "enabled", own_unit=True, is_root=True),
        replace(EXIM, carries_us=True),
        Holder(7, "nc", "session-3.scope", carries_us=True),
    ],
)
def test_nothing_is_advised_that_would_end_sshd_or_our_own_connection(owner: Holder) -> None:
    """`apply` advised to disable ssh, because a user's process held 4190 from its unit."""
    fix = told(held("0.0.0.0 25/tcp", owner), held("0.0.0.0 53/tcp", NAMED)).fix
    assert "Port 25 belongs to sshd or to a program that your connection needs" in fix
    assert f"`{CTL} disable --now named`" in fix
    assert not re.search(r"disable[^`]*ssh|kill|stop[^`]*ssh|exim4`", fix)


def test_who_holds_a_port_is_told_with_the_user() -> None:
    got = told(held("0.0.0.0 25/tcp", Holder(578, "nc", "ssh.service", "active", user="alice")))
    assert got.got.endswith("wanted by Postfix: nc (process 578 of alice, in ssh.service)")


def test_a_process_cannot_write_to_the_terminal_by_its_name() -> None:
    got = told(held("0.0.0.0 25/tcp", Holder(7, "\x1b[2Jnc")))
    assert "\x1b" not in got.got


def rows(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.startswith("port")]


def test_the_host_is_asked_for_each_port_once_as_the_kernel_writes_it() -> None:
    text = observation_rows(WANTED, fulfilled().introduction).decode()
    assert rows(text.splitlines()) == ["port\ttcp\t0019", "port\ttcp\t0035", "port\tudp\t0035"]

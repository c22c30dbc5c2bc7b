"""A port that somebody else holds: found before anything is changed, told with its owner.

A daemon that cannot open one of its ports does not start, and Dovecot and Unbound then
serve none of the others either. Judged is what the plan is about to start, restart or
reload; a daemon that stays as it is keeps its ports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, as_root, printable
from provisioner.facts.host import Facts
from provisioner.facts.listening import HeldSocket, Holder
from provisioner.model.services import DNS_PORT
from provisioner.model.site import IPAddress
from provisioner.plan.change import Plan
from provisioner.plan.generation import Generation
from provisioner.platforms.record import Daemon
from provisioner.resources.change import Action
from provisioner.resources.unit import Listener, Unit
from provisioner.rooms.registry import room

_OPENS_PORTS = frozenset({Action.START, Action.RESTART, Action.RELOAD})
_OURS = (
    "Port {} belongs to sshd or to a program that your connection needs: remove the "
    "port from its configuration (sshd_config(5): Port, ListenAddress), and do not "
    "stop it"
)
_RESOLVER = "If it is the resolver in /etc/resolv.conf, name another one there first"
_SSH_UNIT = re.compile(r"sshd?(?:[@.-].*)?\.(?:service|socket)")
_RESOLVED = "systemd-resolved.service"


@dataclass(frozen=True)
class PortConflict:
    """A socket that keeps a daemon from opening a port."""

    listener: Listener
    held: HeldSocket


def find_conflicts(plan: Plan, facts: Facts) -> tuple[PortConflict, ...]:
    """Return what keeps the daemons that the plan starts, restarts or reloads from their ports."""
    generation = plan.generation
    opening = {
        unit.daemon: unit
        for unit in generation.units
        if any(
            change.kind == "unit" and change.name == unit.name and change.action in _OPENS_PORTS
            for change in plan.changes
        )
    }
    own = _own_units(generation, facts)
    return tuple(
        PortConflict(listener, held)
        for listener in generation.listeners
        if listener.daemon in opening
        for held in _on_port(listener, facts.listening)
        if not _is_own(held, opening[listener.daemon], own, facts)
        and _collide(listener, held, facts.listening)
    )


def _own_units(generation: Generation, facts: Facts) -> frozenset[str]:
    names = {name for unit in generation.units for name in (unit.name, unit.running)}
    for unit in generation.units:
        names |= set(generation.platform.daemons[unit.daemon].replaces)
    return frozenset(names | facts.introduction.managed_units)


def _on_port(listener: Listener, listening: Iterable[HeldSocket]) -> Iterator[HeldSocket]:
    for held in listening:
        if (held.socket.transport, held.socket.port) == (listener.transport, listener.port):
            yield held


def _is_own(held: HeldSocket, unit: Unit, own: frozenset[str], facts: Facts) -> bool:
    """Tell whether a managed daemon has the socket, or systemd has it for one."""
    holder = held.holder
    if held.own or holder is None:
        return held.own
    if holder.unit in own or own.intersection(holder.triggers):
        return True
    # Started by hand it is in the unit's place, as long as systemd thinks that the unit is up.
    running = facts.units.get(unit.running)
    by_hand = not holder.unit.endswith((".service", ".socket"))
    up = running is not None and running.active == "active"
    return by_hand and up and holder.name == (room(unit.daemon).process or unit.daemon)


def _collide(listener: Listener, held: HeldSocket, listening: Iterable[HeldSocket]) -> bool:
    address = held.socket.address
    if address.version == 6 and address.ipv4_mapped:  # noqa: PLR2004 IP version
        address = address.ipv4_mapped
    # The tables do not tell whether an IPv6 socket takes IPv4 too (ipv6(7), IPV6_V6ONLY).
    # It does by default, and cannot where anything has the port in IPv4 for itself.
    both = not any(one.socket.address.version == 4 for one in _on_port(listener, listening))  # noqa: PLR2004 IP version
    return any(_overlap(wanted, address, both=both) for wanted in listener.addresses)


def _overlap(wanted: IPAddress, held: IPAddress, *, both: bool) -> bool:
    if wanted.version != held.version:
        return both and held.is_unspecified and held.version > wanted.version
    return wanted == held or wanted.is_unspecified or held.is_unspecified


def conflict_diagnostic(plan: Plan, conflicts: Iterable[PortConflict]) -> Diagnostic:
    """Return the one diagnostic that names a host's conflicts, each with its owner."""
    found = tuple(conflicts)
    ports: dict[tuple[str, Daemon, Holder | None], dict[str, None]] = {}
    for one in found:
        held = one.held
        port = f"{one.listener.port}/{one.listener.transport}"
        key = (port, one.listener.daemon, held.holder)
        ports.setdefault(key, {})[str(held.socket.address)] = None
    lines = [
        f"{port} on {', '.join(addresses)}, wanted by {room(daemon).title}: {_in_words(holder)}"
        for (port, daemon, holder), addresses in ports.items()
    ]
    return Diagnostic(
        summary="other programs hold ports that the site needs on this host; nothing was changed",
        where=str(plan.generation.host),
        got="\n".join(lines),
        want="free ports, or ports of the daemons that mailprov runs",
        fix=_fix(plan, found),
    )


def _in_words(holder: Holder | None) -> str:
    if holder is None:
        return "the kernel, or a process of another container"
    who = f" of {holder.user}" if holder.user else ""
    within = "" if holder.own_unit else "in "
    where = f", {within}{holder.unit}" if holder.unit else ""
    package = f", package {holder.package}" if holder.package else ""
    return printable(f"{holder.name} (process {holder.pid}{who}{where}{package})")


def _fix(plan: Plan, conflicts: Iterable[PortConflict]) -> str:
    commands: dict[str, None] = {}
    packages: dict[str, None] = {}
    words: dict[str, None] = {}
    for one in conflicts:
        holder, port = one.held.holder, one.listener.port
        if holder is None:
            commands[_look(plan, port)] = None
        elif holder.is_systemd and not holder.own_unit:
            commands[as_root("systemctl", "list-sockets")] = None
        elif holder.carries_us or _is_sshd(holder):
            words[_OURS.format(port)] = None
        else:
            commands[_command(holder, port)] = None
            # Stopped they would still be in the way of Postfix's package.
            packages |= dict.fromkeys(holder.displaced)
        if port == DNS_PORT:
            words[_RESOLVER] = None
    if packages:
        commands[as_root("apt-get", "remove", *packages)] = None
    ways = [f"`{' && '.join(commands)}`; then run the command again"] if commands else []
    return f"on {plan.generation.host}: {'. '.join([*ways, *words])}"


def _look(plan: Plan, port: int) -> str:
    """Return what shows who has a port; ss(8) has a place of its own on each family of systems."""
    folder = "/usr/bin" if plan.generation.platform.package_manager == "apt" else "/usr/sbin"
    return as_root(f"{folder}/ss", "-lnp", f"sport = :{port}")


def _is_sshd(holder: Holder) -> bool:
    """Tell whether it is the SSH server itself, by its unit; a user's part is not."""
    return bool(_SSH_UNIT.fullmatch(holder.unit)) and holder.own_unit


def _command(holder: Holder, port: int) -> str:
    """Return what sets the port free; run as root."""
    if holder.unit == _RESOLVED and holder.own_unit:
        # Its stub alone is in the way (resolved.conf(5)); others on the host need the rest.
        part = "/etc/systemd/resolved.conf.d/no-stub.conf"
        return (
            f"{as_root('mkdir', '-p', part.rpartition('/')[0])} && "
            f"printf '[Resolve]\\nDNSStubListener=no\\n' >{part} && "
            f"{as_root('systemctl', 'restart', _RESOLVED.removesuffix('.service'))}"
        )
    if holder.name == "docker-proxy" and holder.is_root:
        docker = as_root("docker")
        return f"{docker} stop $({docker} ps -q --filter publish={port})"
    if not _is_stoppable(holder):
        return f"kill {holder.pid}"
    # A socket unit would start its service again, and the service outlives its socket unit.
    # In this order: systemd forgets a transient service together with its socket unit.
    names = [one.removesuffix(".service") for one in (*holder.triggers, holder.unit)]
    stop = as_root("systemctl", "stop", *names)
    if holder.enabled == "transient":
        return stop
    if holder.enabled == "generated":
        # Of an init script, which --now does not stop.
        return f"{stop} && {as_root('systemctl', 'disable', *names)}"
    return as_root("systemctl", "disable", "--now", *names)


def _is_stoppable(holder: Holder) -> bool:
    """Tell whether stopping its unit ends this process, and nothing but what belongs to it.

    A user's process may be in a unit of the system's: sshd's, cron's. A login's unit is more
    than the process, a dead one is nothing.
    """
    service = holder.unit.endswith((".service", ".socket")) and not holder.unit.startswith("user@")
    return service and holder.own_unit and holder.active not in {"inactive", "failed"}

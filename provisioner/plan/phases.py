"""In which order a run changes hosts, and which of them stand or fall together.

A run is a sequence of phases. In a phase of transactions groups of hosts are changed side by
side. A group is confirmed as a whole, in the order in which its hosts depend on one another.
The others ask the resolvers, so these come first. Then the stores, which take what the rest
hands on, and whose sockets and accounts that rest depends on; mail comes in last.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.model.names import HostKey
from provisioner.model.site import Host, Role, Site
from provisioner.model.topology import mail_hosts

Group = tuple[Host, ...]
"""Hosts that are confirmed together, those first that others depend on."""

_ORDER: tuple[frozenset[Role], ...] = (
    frozenset({Role.DNS}),
    frozenset({Role.STORE}),
    frozenset({Role.SUBMISSION, Role.MX}),
)


def groups_of(site: Site) -> tuple[Group, ...]:
    """Return the hosts of a site group by group: those whose proof by mail needs each other.

    Each host that mail goes through hands it to the stores, so these hosts are one group. A
    resolver needs none of them: it is alone.
    """
    mail = mail_hosts(site)
    groups: dict[HostKey, Group] = {host.key: (host,) for host in site.hosts}
    groups |= {host.key: mail for host in mail[:1]}
    return tuple(groups[host.key] for host in site.hosts if host not in mail[1:])


def transaction_phases(groups: Iterable[Group]) -> tuple[tuple[Group, ...], ...]:
    """Return the groups phase after phase, each in the order given; no phase is empty.

    A host with several roles goes by the earliest of them, one without any comes last, and a
    group goes by the earliest of its hosts.
    """
    phases: list[list[Group]] = [[] for _ in _ORDER]
    for group in groups:
        if group:
            ordered = tuple(sorted(group, key=_place))
            phases[_place(ordered[0])].append(ordered)
    return tuple(tuple(phase) for phase in phases if phase)


def _place(host: Host) -> int:
    places = (place for place, roles in enumerate(_ORDER) if roles & host.roles)
    return min(places, default=len(_ORDER) - 1)

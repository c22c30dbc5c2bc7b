"""Which hosts are changed side by side, and in which order.

The others ask the resolvers, so these come first. Then the stores, which take what the rest
hands on, and whose sockets and accounts that rest depends on; mail comes in last.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.model.site import Host, Role

_ORDER: tuple[frozenset[Role], ...] = (
    frozenset({Role.DNS}),
    frozenset({Role.STORE}),
    frozenset({Role.SUBMISSION, Role.MX}),
)


def waves_of(hosts: Sequence[Host]) -> tuple[tuple[Host, ...], ...]:
    """Return the hosts wave after wave, each in the order given; no wave is empty.

    A host with several roles goes by the earliest of them; one without any comes last.
    """
    waves: list[list[Host]] = [[] for _ in _ORDER]
    for host in hosts:
        places = [place for place, roles in enumerate(_ORDER) if roles & host.roles]
        waves[min(places, default=len(_ORDER) - 1)].append(host)
    return tuple(tuple(wave) for wave in waves if wave)

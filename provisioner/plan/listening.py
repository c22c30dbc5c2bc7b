"""Who holds the ports that a host's generation wants: what listening.sh found, parsed.

Rows of the kernel's tables say what listens where (proc_pid_net(5)); the process behind a
socket is only looked up where it is none of the host's own daemons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provisioner.plan.answer import each, fields
from provisioner.probes.sockets import ListeningSocket, parse_socket

_PID_OF_SYSTEMD = 1


@dataclass(frozen=True)
class Holder:
    """A process that listens.

    unit: the unit it runs in, empty outside of any; where systemd itself listens, the socket
    unit. active, enabled: the unit's ActiveState and UnitFileState. triggers: the services
    that a socket unit starts. package: of its program, empty where nobody said. displaced:
    the packages that have to go before Postfix's can come.
    """

    pid: int
    name: str
    unit: str = ""
    active: str = ""
    enabled: str = ""
    triggers: tuple[str, ...] = ()
    package: str = ""
    displaced: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeldSocket:
    """A socket on a port that the generation wants.

    own: a process of a unit that the generation has listens there. holder: who else does,
    None where /proc shows nobody.
    """

    socket: ListeningSocket
    own: bool
    holder: Holder | None = None


@dataclass(frozen=True)
class _Unit:
    """What systemctl(1) `show` says of a unit. listens: `[::]:25 (Stream)` and the like."""

    name: str
    active: str = ""
    enabled: str = ""
    triggers: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()


def parse_listening(sections: Mapping[str, list[str]]) -> tuple[HeldSocket, ...]:
    """Return what listens, from the answer's sections by name.

    listening: rows of the kernel's tables, each headed by the table's name. own: inodes of
    the host's own daemons. holders: inode, process, unit, name and package, tabbed.
    displaced: a package and one that has to go with it. owners: blocks of `systemctl show`.
    """
    own = set(sections.get("own", []))
    units = {unit.name: unit for unit in _units(sections.get("owners", []))}
    holders = dict(each("holders", filter(None, sections.get("holders", [])), _holding))
    displaced = list(each("displaced", sections.get("displaced", []), lambda row: fields(row, 2)))
    found = []
    for socket, inode in each("listening", sections.get("listening", []), _listening):
        if socket is None:
            continue
        row = holders.get(inode)
        holder = _holder(row, socket, units, displaced) if row else None
        found.append(HeldSocket(socket, inode in own, holder))
    return tuple(found)


def _listening(line: str) -> tuple[ListeningSocket | None, str]:
    table, row = fields(line, 2)
    columns = row.split()
    return parse_socket(table.removesuffix("6"), columns), columns[9]


def _holding(line: str) -> tuple[str, list[str]]:
    inode, process, *rest = fields(line, 5)
    int(process)
    return inode, [process, *rest]


def _holder(
    row: list[str],
    socket: ListeningSocket,
    units: Mapping[str, _Unit],
    displaced: Iterable[list[str]],
) -> Holder:
    process, runs_in, name = int(row[0]), row[1], row[2]
    unit = units.get(runs_in, _Unit(runs_in))
    if process == _PID_OF_SYSTEMD:
        unit = next((one for one in units.values() if _listens(one, socket)), unit)
    package = row[3]
    return Holder(
        pid=process,
        name=name,
        unit=unit.name,
        active=unit.active,
        enabled=unit.enabled,
        triggers=unit.triggers,
        package=package,
        displaced=tuple(other for one, other in displaced if one == package),
    )


def _listens(unit: _Unit, socket: ListeningSocket) -> bool:
    kind = "Stream" if socket.transport == "tcp" else "Datagram"
    address = f"[{socket.address}]" if socket.address.version == 6 else str(socket.address)  # noqa: PLR2004 IP version
    return f"{address}:{socket.port} ({kind})" in unit.listens


def _units(lines: Iterable[str]) -> Iterator[_Unit]:
    block: dict[str, list[str]] = {}
    for line in [*lines, ""]:
        if line:
            key, _, text = line.partition("=")
            block.setdefault(key, []).append(text)
        elif block:
            yield _Unit(
                name="".join(block.get("Id", [])),
                active="".join(block.get("ActiveState", [])),
                enabled="".join(block.get("UnitFileState", [])),
                triggers=tuple(word for text in block.get("Triggers", []) for word in text.split()),
                listens=tuple(block.get("Listen", [])),
            )
            block = {}

"""Who holds the ports that a host's generation wants: what listening.sh found, parsed.

Rows of the kernel's tables say what listens where (proc_pid_net(5)); the process behind a
socket is only looked up where it is none of the host's own daemons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioner.probes.sockets import ListeningSocket, parse_socket
from provisioner.remote.protocol import Section, each, fields

_PID_OF_SYSTEMD = 1
# Units in which programs of others run.
_RUNS_OTHERS = re.compile(r"(?:ssh|cron|atd|anacron|x?inetd|getty|user@)")
_FIRST_PERSON = 1000  # accounts below it are daemons' (login.defs(5), UID_MIN)


@dataclass(frozen=True)
class Holder:
    """A process that listens.

    unit: the unit it runs in, empty outside of any; where systemd itself listens, the socket
    unit. active, enabled: the unit's ActiveState and UnitFileState. triggers: the services
    that a socket unit starts. own_unit: it is that unit's main process, or systemd listening
    for it; what else runs there, like a user's program in sshd's unit, is not the unit's.
    package: of its program, empty where nobody said. displaced: the packages that have to go
    before Postfix's can come. user: a name, or a number that has none. carries_us: our own
    connection hangs on it.
    """

    pid: int
    name: str
    unit: str = ""
    active: str = ""
    enabled: str = ""
    triggers: tuple[str, ...] = ()
    package: str = ""
    displaced: tuple[str, ...] = ()
    user: str = ""
    is_root: bool = False
    own_unit: bool = False
    carries_us: bool = False

    @property
    def is_systemd(self) -> bool:
        """Whether it is the first process, which listens for its socket units."""
        return self.pid == _PID_OF_SYSTEMD


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
    main: str = ""


def parse_listening(sections: Mapping[str, list[str]]) -> tuple[HeldSocket, ...]:
    """Return what listens, from the answer's sections by name.

    listening: rows of the kernel's tables, each headed by the table's name. own: inodes of
    the host's own daemons. holders: inode, process, unit, name, package, and the user's number
    and name, tabbed. connection: process and unit of what our own hangs on.
    displaced: a package and one that has to go with it. owners: blocks of `systemctl show`.
    """

    def lines(section: Section) -> list[str]:
        return sections.get(section, [])

    def pairs(section: Section) -> list[list[str]]:
        return list(each(section, lines(section), lambda row: fields(row, 2)))

    own = set(lines(Section.OWN))
    units = {unit.name: unit for unit in _units(lines(Section.OWNERS))}
    holders = dict(each(Section.HOLDERS, filter(None, lines(Section.HOLDERS)), _holding))
    ours, displaced = pairs(Section.CONNECTION), pairs(Section.DISPLACED)
    found = []
    for socket, inode in each(Section.LISTENING, lines(Section.LISTENING), _listening):
        if socket is None:
            continue
        row = holders.get(inode)
        holder = _holder(row, socket, units, displaced) if row else None
        if holder and _carries(holder, ours):
            holder = replace(holder, carries_us=True)
        found.append(HeldSocket(socket, inode in own, holder))
    return tuple(found)


def _listening(line: str) -> tuple[ListeningSocket | None, str]:
    table, row = fields(line, 2)
    columns = row.split()
    return parse_socket(table.removesuffix("6"), columns), columns[9]


def _holding(line: str) -> tuple[str, list[str]]:
    inode, *rest = fields(line, 7)
    int(rest[0]), int(rest[4])
    return inode, rest


def _holder(
    row: list[str],
    socket: ListeningSocket,
    units: Mapping[str, _Unit],
    displaced: Iterable[list[str]],
) -> Holder:
    process, (runs_in, name, package, number, user) = int(row[0]), row[1:]
    unit = units.get(runs_in, _Unit(runs_in))
    own = unit.main == str(process)
    if process == _PID_OF_SYSTEMD:
        unit = next((one for one in units.values() if _listens(one, socket)), unit)
        own = _listens(unit, socket)
    # Of a daemon that an init script started systemd knows no main process.
    script = unit.enabled == "generated" and unit.main in {"", "0"}
    script = script and not _RUNS_OTHERS.match(unit.name)
    own = own or (script and int(number) < _FIRST_PERSON)
    return Holder(
        pid=process,
        name=name,
        unit=unit.name,
        active=unit.active,
        enabled=unit.enabled,
        triggers=unit.triggers,
        package=package,
        displaced=tuple(other for one, other in displaced if one == package),
        user=user or number,
        is_root=int(number) == 0,
        own_unit=own,
    )


def _carries(holder: Holder, connection: Iterable[list[str]]) -> bool:
    units = {holder.unit, *holder.triggers} - {""}
    return any(
        int(process) == holder.pid or (holder.own_unit and unit in units)
        for process, unit in connection
    )


def _listens(unit: _Unit, socket: ListeningSocket) -> bool:
    kind = {"tcp": "Stream", "udp": "Datagram"}[socket.transport]
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
                main="".join(block.get("MainPID", [])),
            )
            block = {}

"""The observing program's answer, parsed into facts.

The program (provisioner/remote/core/observe.sh) answers in two flights on one connection.
The first introduces the host: its operating system, the daemons' versions, what the last
apply left. The controller compiles the generation for that platform and sends the list of
things to look at; the second flight reports on them.

Both are text in sections (remote/protocol.py); a tool's free text is prefixed with `|`. What has
another form than it should raises MalformedError.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from provisioner.facts.addresses import parse_addresses
from provisioner.facts.certificate import parse_certificate
from provisioner.facts.host import HOLDS, CheckRun, Facts, FixedFile, Hold, Introduction, Pending
from provisioner.facts.listening import parse_listening
from provisioner.facts.mail_server import parse_mail_server
from provisioner.facts.status_facts import parse_status
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.probes.store import parse_store
from provisioner.probes.unix_sockets import parse_unix_sockets
from provisioner.remote.protocol import (
    Answer,
    Section,
    each,
    fields,
    free_text,
    read_line,
    whole,
)
from provisioner.render.artifact import Plane
from provisioner.render.nature import RESOLVER_MANAGERS, Firewall, FirewallKind
from provisioner.resources.account import read_accounts
from provisioner.resources.file import read_files, read_left_files
from provisioner.resources.file_state import LeftFile
from provisioner.resources.group import read_groups
from provisioner.resources.one_line import read_left_lines, read_lines
from provisioner.resources.package import read_packages
from provisioner.resources.recipe import read_recipes
from provisioner.resources.table import read_tables
from provisioner.resources.unit import read_units
from provisioner.rooms.registry import rooms

_CREDENTIAL_FIELDS = 3
# 3.7.11, 2.3.19.1, 2.4.1-4, 3.10-20240510; nothing where the program would not say.
_VERSION = re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,6})+(?:[-+~][!-~]{0,60})?)?")
# The kernel's boot, and the namespace of processes.
_MACHINE = re.compile(r"[0-9a-f-]{36} [0-9]{1,20}")
_FIREWALL = re.compile(r"(firewalld) ([A-Za-z0-9_-]+)|(ufw|nftables)")


def parse_introduction(lines: Iterable[str]) -> Introduction:
    """Return the first flight's facts from its lines (without line ends)."""
    told = Answer.read(lines)
    managed, directory = told.lines(Section.MANAGED), told.lines(Section.DIRECTORY)
    serial, _, generation = next(iter(told.lines(Section.HEAD)), "").partition("\t")
    ported = {option for one in rooms() for option in one.ported_back}
    return Introduction(
        os_release=parse_os_release(told.lines(Section.PLATFORM)),
        versions=dict(each(Section.DAEMONS, told.lines(Section.DAEMONS), _version)),
        generation=generation or None,
        left={
            **read_left_files(Section.MANAGED, managed, Plane.CONFIGURATION),
            **read_left_files(Section.DIRECTORY, directory, Plane.DIRECTORY),
        },
        managed_accounts=_named(Section.DIRECTORY, directory, "account"),
        managed_units=_named(Section.MANAGED, managed, "unit"),
        lines=read_left_lines(Section.MANAGED, managed),
        passed=_named(Section.MANAGED, managed, "passed"),
        serial=serial,
        machine=next(each(Section.MACHINE, told.lines(Section.MACHINE), _machine), ""),
        pending=_pending(told.lines(Section.PENDING)),
        unfinished=frozenset(told.lines(Section.UNFINISHED)),
        activating=_begun_files(told.lines(Section.ACTIVATING)),
        softened=dict(_pairs(told.lines(Section.PENDING))).get("main", ""),
        credentials=parse_credentials(told.lines(Section.CREDENTIALS)),
        firewall=_firewall(told.lines(Section.FIREWALL)),
        parameters=frozenset(told.lines(Section.PARAMETERS)).intersection(ported),
        carriers=frozenset(told.lines(Section.CARRIERS)),
        resolver_managers=RESOLVER_MANAGERS.intersection(told.lines(Section.RESOLVER)),
    )


def parse_facts(introduction: Introduction, lines: Iterable[str]) -> Facts:
    """Return the second flight's facts from its lines (without line ends)."""
    told = Answer.read(lines)
    return Facts(
        introduction=introduction,
        packages=read_packages(told),
        files={**read_files(told, _contents(told, Section.CONTENT)), **read_tables(told)},
        left_contents=_contents(told, Section.LEFT),
        accounts=read_accounts(told),
        groups=read_groups(told),
        spools=dict(_pairs(told.lines(Section.SPOOLS))),
        units=read_units(told.lines(Section.UNITS)),
        listening=parse_listening(told.plain),
        recipes=read_recipes(told),
        lines=read_lines(told),
        certificate=parse_certificate(told.lines(Section.CERTIFICATE)),
        checks=tuple(
            CheckRun(*read_line(name, argument, _check), output=_text(body))
            for name, argument, body in told.every(Section.CHECK)
        ),
        sockets={
            read_line(name, argument, _socket_table): "\n".join(body)
            for name, argument, body in told.every(Section.SOCKETS)
        },
        unix_sockets=parse_unix_sockets(told.lines(Section.LINKS)),
        store=parse_store(told.lines(Section.STORE)),
        probe_secret=next(iter(told.lines(Section.PROBE_SECRET)), None),
        probe_token=next(iter(told.lines(Section.PROBE_TOKEN)), ""),
        status=parse_status(told.plain),
        addresses=parse_addresses(told.lines(Section.ADDRESSES)),
        fixed=tuple(each(Section.FIXED, told.lines(Section.FIXED), _fixed_file)),
        mail_server=parse_mail_server(told.lines(Section.MAIL_SERVER)),
    )


def parse_os_release(lines: Iterable[str]) -> Mapping[str, str]:
    """Return the assignments of os-release(5), unquoted."""
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key: text.strip().strip("\"'") for key, text in pairs}


def parse_credentials(lines: Iterable[str]) -> Mapping[MailAddress, KnownCredential]:
    """Return the passwords that were settled before: address, tag and hash a line, tabbed.

    A line that somebody damaged is no known password; the file shows as edited anyway.
    """
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {
        MailAddress(row[0]): KnownCredential(tag=row[1], hash=PasswordHash(row[2]))
        for row in rows
        if len(row) == _CREDENTIAL_FIELDS
    }


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, text = line.partition("\t")
        yield key, text


def _version(row: str) -> tuple[str, str]:
    name, version = fields(row, 2)
    if not _VERSION.fullmatch(version):
        raise ValueError(version)
    return name, version


def _machine(row: str) -> str:
    if not _MACHINE.fullmatch(row):
        raise ValueError(row)
    return row


def _check(argument: str) -> tuple[str, int]:
    tool, _, status = argument.rpartition(" ")
    return tool, int(status)


def _socket_table(name: str) -> str:
    if name not in {"tcp", "tcp6", "udp", "udp6"}:
        raise ValueError(name)
    return name


def _contents(told: Answer, kind: Section) -> Mapping[str, bytes]:
    return {
        argument: whole(f"{kind} {argument}", body, decoded)
        for _, argument, body in told.every(kind)
    }


def decoded(lines: Iterable[str]) -> bytes:
    """Return what lines of base64(1) stand for; ValueError if they stand for nothing."""
    return base64.b64decode("".join(lines), validate=True)


def _pending(rows: list[str]) -> Pending | None:
    if not rows:
        return None
    about = dict(_pairs(rows))
    serial, generation, owner = (about.get(key, "") for key in ("serial", "generation", "owner"))
    return Pending(serial, generation, owner, armed="armed" in about)


def _begun_files(lines: Iterable[str]) -> Mapping[str, tuple[LeftFile, ...]]:
    """Return every state in which one of several transactions wanted a file, by path."""
    begun: dict[str, tuple[LeftFile, ...]] = {}
    for line in lines:
        for path, file in read_left_files(Section.ACTIVATING, [line], Plane.DIRECTORY).items():
            begun[path] = (*begun.get(path, ()), file)
    return begun


def _named(section: str, lines: Iterable[str], kind: str) -> frozenset[str]:
    """Return the names of the accounts, units or passed gates that a transaction left."""
    return frozenset(each(section, _rows_of(kind, lines), lambda line: line.split("\t")[1]))


def _rows_of(kind: str, lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line.partition("\t")[0] == kind)


def _fixed_file(row: str) -> FixedFile:
    path, hold, held = fields(row, 3)
    if hold not in HOLDS:
        raise ValueError(hold)
    return FixedFile(path, cast("Hold", hold), held)


def _firewall(lines: Iterable[str]) -> Firewall | None:
    for match in filter(None, map(_FIREWALL.fullmatch, lines)):
        kind = cast("FirewallKind", match[1] or match[3])
        return Firewall(kind, match[2] or "")
    return None


def _text(lines: Iterable[str]) -> str:
    return "\n".join(free_text(line) for line in lines)

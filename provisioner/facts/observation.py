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
from provisioner.facts.host import (
    HOLDS,
    AccountState,
    CheckRun,
    Facts,
    FileState,
    FixedFile,
    Hold,
    Introduction,
    LeftFile,
    Pending,
    TableFlaw,
    TableState,
    UnitState,
)
from provisioner.facts.listening import parse_listening
from provisioner.facts.mail_server import parse_mail_server
from provisioner.facts.status_facts import parse_status
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.probes.links import parse_links
from provisioner.probes.store import parse_store
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
from provisioner.render.daemon_secrets import is_secret_path
from provisioner.render.nature import RESOLVER_MANAGERS, Firewall, FirewallKind
from provisioner.rooms.registry import rooms

_CREDENTIAL_FIELDS = 3
_DIGEST = re.compile(r"([0-9a-f]{64})  (/.*)", re.DOTALL)
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
            **_left_files(Section.MANAGED, managed, Plane.CONFIGURATION),
            **_left_files(Section.DIRECTORY, directory, Plane.DIRECTORY),
        },
        managed_accounts=_named(Section.DIRECTORY, directory, "account"),
        managed_units=_named(Section.MANAGED, managed, "unit"),
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
        packages=_installed(told.lines(Section.PACKAGES)),
        files={
            **_file_states(
                told.lines(Section.FILES),
                told.lines(Section.DIGESTS),
                _contents(told, Section.CONTENT),
            ),
            **{
                path: whole(f"{name} {path}", body, _table_state)
                for name, path, body in told.every(Section.TABLE)
            },
        },
        left_contents=_contents(told, Section.LEFT),
        accounts=_account_states(told.lines(Section.ACCOUNTS), told.lines(Section.SHADOW)),
        groups=dict(each(Section.GROUPS, told.lines(Section.GROUPS), _group)),
        spools=dict(_pairs(told.lines(Section.SPOOLS))),
        units=parse_units(told.lines(Section.UNITS)),
        listening=parse_listening(told.plain),
        recipes=frozenset(told.lines(Section.RECIPES)),
        certificate=parse_certificate(told.lines(Section.CERTIFICATE)),
        checks=tuple(
            CheckRun(*read_line(name, argument, _check), output=_text(body))
            for name, argument, body in told.every(Section.CHECK)
        ),
        sockets={
            read_line(name, argument, _socket_table): "\n".join(body)
            for name, argument, body in told.every(Section.SOCKETS)
        },
        links=parse_links(told.lines(Section.LINKS)),
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


def parse_units(lines: Iterable[str]) -> Mapping[str, UnitState]:
    """Return unit states by unit name from `systemctl show`, whose units are blocks."""
    states: dict[str, UnitState] = {}
    block: list[str] = []
    for line in [*lines, ""]:
        if line:
            block.append(line)
        elif block:
            state = whole(Section.UNITS, block, _unit)
            states[state.name] = state
            block = []
    return states


def _unit(block: list[str]) -> UnitState:
    told = dict(line.split("=", 1) for line in block)
    return UnitState(
        name=told["Id"],
        load=told.get("LoadState", ""),
        active=told.get("ActiveState", ""),
        sub=told.get("SubState", ""),
        enabled=told.get("UnitFileState", ""),
        restarts=int(told.get("NRestarts", "0") or 0),
        result=told.get("Result", ""),
    )


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


def _installed(rows: Iterable[str]) -> frozenset[str]:
    told = each(Section.PACKAGES, filter(None, rows), lambda row: fields(row, 2))
    return frozenset(name for name, status in told if status == "installed")


def _group(row: str) -> tuple[str, int]:
    name, _, number, _ = fields(row, 4, ":")
    return name, int(number)


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
        for path, file in _left_files(Section.ACTIVATING, [line], Plane.DIRECTORY).items():
            begun[path] = (*begun.get(path, ()), file)
    return begun


def _left_files(section: str, lines: Iterable[str], plane: Plane) -> Mapping[str, LeftFile]:
    """Return the files among what a transaction left."""

    def read(line: str) -> tuple[str, LeftFile]:
        _, path, sha256, owner, group, mode, flag = fields(line, 7)
        of = Plane.SECRETS if is_secret_path(path) else plane
        return path, LeftFile(of, sha256, owner, group, int(mode, 8), flag == "1")

    return dict(each(section, _rows_of("file", lines), read))


def _named(section: str, lines: Iterable[str], kind: str) -> frozenset[str]:
    """Return the names of the accounts or units among what a transaction left."""
    return frozenset(each(section, _rows_of(kind, lines), lambda line: line.split("\t")[1]))


def _rows_of(kind: str, lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line.partition("\t")[0] == kind)


def _file_states(
    stats: Iterable[str], digests: Iterable[str], contents: Mapping[str, bytes]
) -> Mapping[str, FileState]:
    by_path = dict(each(Section.DIGESTS, digests, _digest))

    def read(line: str) -> tuple[str, FileState]:
        path, kind, owner, group, mode = fields(line, 5)
        digest = by_path.get(path)
        return path, FileState(kind, owner, group, int(mode, 8), digest, contents.get(path))

    return dict(each(Section.FILES, stats, read))


def _digest(line: str) -> tuple[str, str]:
    found = _DIGEST.fullmatch(line)
    if found is None:
        raise ValueError(line)
    return found[2], found[1]


def _table_state(rows: Iterable[str]) -> FileState:
    rows = list(rows)
    facts = dict(_pairs(row for row in rows if "\t" in row))
    owner, group, mode = fields(facts["access"], 3)
    flaw = TableFlaw(facts["flaw"]) if "flaw" in facts else None
    digests = dict(row.split(" ") for row in rows if "\t" not in row)
    table = TableState(digests, tuple(facts.get("edited", "").split()), flaw)
    return FileState("table", owner, group, int(mode, 8), facts["root"], table=table)


def _account_states(passwd: Iterable[str], shadow: Iterable[str]) -> Mapping[str, AccountState]:
    secrets = dict(each(Section.SHADOW, shadow, _shadow_row))

    def read(line: str) -> tuple[str, AccountState]:
        name, _, uid, gid, comment, home, shell = fields(line, 7, ":")
        password, expires = secrets.get(name, (None, ""))
        return name, AccountState(name, int(uid), int(gid), home, shell, password, expires, comment)

    return dict(each(Section.ACCOUNTS, passwd, read))


def _shadow_row(line: str) -> tuple[str, tuple[str, str]]:
    name, password, *_, expires, _ = fields(line, 9, ":")
    return name, (password, expires)


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

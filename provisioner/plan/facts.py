"""What was observed on a host, parsed from the remote program's answer.

The observing program (provisioner/ssh/remote/observe.sh) answers in two flights on
one connection. The first introduces the host: its operating system, the daemons'
versions, what the last apply left. The controller compiles the generation for that
platform and sends the list of things to look at; the second flight reports on them.

Both are text in sections, each headed by a line `@name argument`; lines inside a
section are the named tool's own output, and a tool's free text is prefixed with `|`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.plan.status_facts import StatusFacts, parse_status
from provisioner.render.artifact import Plane


@dataclass(frozen=True)
class LeftFile:
    """A managed file as the last transaction left it; mode: permission bits."""

    plane: Plane
    sha256: str
    owner: str
    group: str
    mode: int
    secret: bool


@dataclass(frozen=True)
class Pending:
    """A transaction that is in force and not confirmed.

    armed: the host will return by itself, so somebody may still confirm it.
    """

    serial: str
    generation: str
    owner: str
    armed: bool


@dataclass(frozen=True)
class Introduction:
    """The first flight.

    generation: None on a host that mailprov never changed. left: the managed files as
    the last transaction left them. serial: counts the host's transactions. unfinished:
    units that a transaction which broke off owed a restart. activating: what such a
    transaction was about to leave.
    """

    os_release: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    generation: str | None = None
    left: Mapping[str, LeftFile] = field(default_factory=dict)
    managed_accounts: frozenset[str] = frozenset()
    managed_units: frozenset[str] = frozenset()
    serial: str = ""
    pending: Pending | None = None
    unfinished: frozenset[str] = frozenset()
    activating: Mapping[str, LeftFile] = field(default_factory=dict)
    credentials: Mapping[MailAddress, KnownCredential] = field(default_factory=dict, repr=False)

    @property
    def managed_files(self) -> frozenset[str]:
        """The paths that the last transaction left."""
        return frozenset(self.left)


@dataclass(frozen=True)
class FileState:
    """A file or directory as it is.

    mode: permission bits. content: only where it differs from what was asked for, is
    not secret, and is small enough to show.
    """

    kind: str
    owner: str
    group: str
    mode: int
    sha256: str | None = None
    content: bytes | None = field(default=None, repr=False)

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, not a directory, a link or a device."""
        return self.kind in {"regular file", "regular empty file"}


@dataclass(frozen=True)
class AccountState:
    """An account as passwd(5) and shadow(5) have it; password is crypt(3) text."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class UnitState:
    """A systemd unit's state, the words of systemctl(1) `show`."""

    name: str
    load: str
    active: str
    sub: str
    enabled: str
    restarts: int
    result: str


@dataclass(frozen=True)
class CheckRun:
    """One run of a daemon's own checker."""

    tool: str
    exit_status: int
    output: str


@dataclass(frozen=True)
class Facts:
    """The second flight.

    left_contents: what the last transaction wrote, for files that are something else now;
    where it is known, no secret, and not what the site wants again.
    """

    introduction: Introduction
    packages: frozenset[str] = frozenset()
    files: Mapping[str, FileState] = field(default_factory=dict)
    left_contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, UnitState] = field(default_factory=dict)
    recipes: frozenset[str] = frozenset()
    fingerprint: str | None = None
    checks: tuple[CheckRun, ...] = ()
    sockets: Mapping[str, str] = field(default_factory=dict)
    probe_secret: str | None = field(default=None, repr=False)
    status: StatusFacts | None = None


Section = tuple[str, str, list[str]]


def parse_introduction(lines: Iterable[str]) -> Introduction:
    """Return the first flight's facts from its lines (without line ends)."""
    sections = {name: body for name, _, body in _sections(lines)}
    managed = [row.split("\t") for row in sections.get("managed", [])]
    directory = [row.split("\t") for row in sections.get("directory", [])]
    activating = [row.split("\t") for row in sections.get("activating", [])]
    serial, _, generation = next(iter(sections.get("head", [])), "").partition("\t")
    return Introduction(
        os_release=parse_os_release(sections.get("platform", [])),
        versions=dict(_pairs(sections.get("daemons", []))),
        generation=generation or None,
        left={
            **_left_files(managed, Plane.CONFIGURATION),
            **_left_files(directory, Plane.DIRECTORY),
        },
        managed_accounts=frozenset(row[1] for row in directory if row[0] == "account"),
        managed_units=frozenset(row[1] for row in managed if row[0] == "unit"),
        serial=serial,
        pending=_pending(sections.get("pending", [])),
        unfinished=frozenset(sections.get("unfinished", [])),
        activating=_left_files(activating, Plane.DIRECTORY),
        credentials=parse_credentials(sections.get("credentials", [])),
    )


def parse_facts(introduction: Introduction, lines: Iterable[str]) -> Facts:
    """Return the second flight's facts from its lines (without line ends)."""
    sections = list(_sections(lines))
    single = {name: body for name, argument, body in sections if not argument}
    return Facts(
        introduction=introduction,
        packages=frozenset(row.split("\t")[0] for row in single.get("packages", [])),
        files=_file_states(
            single.get("files", []), single.get("digests", []), _contents(sections, "content")
        ),
        left_contents=_contents(sections, "left"),
        accounts=_account_states(single.get("accounts", []), single.get("shadow", [])),
        groups={row.split(":")[0]: int(row.split(":")[2]) for row in single.get("groups", [])},
        units=parse_units(single.get("units", [])),
        recipes=frozenset(single.get("recipes", [])),
        fingerprint=_fingerprint(single.get("certificate", [])),
        checks=tuple(
            CheckRun(
                tool=argument.rpartition(" ")[0],
                exit_status=int(argument.rpartition(" ")[2]),
                output=_text(body),
            )
            for name, argument, body in sections
            if name == "check"
        ),
        sockets={
            argument: "\n".join(body) for name, argument, body in sections if name == "sockets"
        },
        probe_secret=next(iter(single.get("probe-secret", [])), None),
        status=parse_status(single),
    )


def parse_os_release(lines: Iterable[str]) -> Mapping[str, str]:
    """Return the assignments of os-release(5), unquoted."""
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key: text.strip().strip("\"'") for key, text in pairs}


def parse_credentials(lines: Iterable[str]) -> Mapping[MailAddress, KnownCredential]:
    """Return the passwords that were settled before: address, tag and hash a line, tabbed."""
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {
        MailAddress(address): KnownCredential(tag=tag, hash=PasswordHash(text))
        for address, tag, text in rows
    }


def parse_units(lines: Iterable[str]) -> Mapping[str, UnitState]:
    """Return unit states by unit name from `systemctl show`, whose units are blocks."""
    states: dict[str, UnitState] = {}
    block: dict[str, str] = {}
    for line in [*lines, ""]:
        if line:
            key, _, text = line.partition("=")
            block[key] = text
        elif block:
            states[block["Id"]] = UnitState(
                name=block["Id"],
                load=block.get("LoadState", ""),
                active=block.get("ActiveState", ""),
                sub=block.get("SubState", ""),
                enabled=block.get("UnitFileState", ""),
                restarts=int(block.get("NRestarts", "0") or 0),
                result=block.get("Result", ""),
            )
            block = {}
    return states


def _sections(lines: Iterable[str]) -> Iterator[Section]:
    current: Section | None = None
    for line in lines:
        if line.startswith("@"):
            if current is not None:
                yield current
            name, _, argument = line[1:].partition(" ")
            current = (name, argument, [])
        elif current is not None:
            current[2].append(line)
    if current is not None:
        yield current


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, text = line.partition("\t")
        yield key, text


def _contents(sections: Iterable[Section], kind: str) -> Mapping[str, bytes]:
    return {
        argument: base64.b64decode("".join(body))
        for name, argument, body in sections
        if name == kind
    }


def _pending(rows: list[str]) -> Pending | None:
    if not rows:
        return None
    about = dict(_pairs(rows))
    serial, generation, owner = (about.get(key, "") for key in ("serial", "generation", "owner"))
    return Pending(serial, generation, owner, armed="armed" in about)


def _left_files(rows: Iterable[list[str]], plane: Plane) -> Mapping[str, LeftFile]:
    files = (row for row in rows if row[0] == "file")
    return {
        path: LeftFile(plane, sha256, owner, group, int(mode, 8), flag == "1")
        for _, path, sha256, owner, group, mode, flag in files
    }


def _file_states(
    stats: Iterable[str], digests: Iterable[str], contents: Mapping[str, bytes]
) -> Mapping[str, FileState]:
    by_path = {line[66:]: line[:64] for line in digests}
    rows = (line.split("\t") for line in stats)
    return {
        path: FileState(kind, owner, group, int(mode, 8), by_path.get(path), contents.get(path))
        for path, kind, owner, group, mode in rows
    }


def _account_states(passwd: Iterable[str], shadow: Iterable[str]) -> Mapping[str, AccountState]:
    passwords = dict(line.split(":")[:2] for line in shadow)
    rows = (line.split(":") for line in passwd)
    return {
        name: AccountState(name, int(uid), int(gid), home, shell, passwords.get(name))
        for name, _, uid, gid, _, home, shell in rows
    }


def _fingerprint(lines: Iterable[str]) -> str | None:
    for line in lines:
        _, found, text = line.partition("ingerprint=")
        if found:
            return text.replace(":", "").lower()
    return None


def _text(lines: Iterable[str]) -> str:
    return "\n".join(line.removeprefix("|") for line in lines)

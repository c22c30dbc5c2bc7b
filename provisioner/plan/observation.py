"""The observing program's answer, parsed into facts.

The program (provisioner/ssh/remote/observe.sh) answers in two flights on one connection.
The first introduces the host: its operating system, the daemons' versions, what the last
apply left. The controller compiles the generation for that platform and sends the list of
things to look at; the second flight reports on them.

Both are text in sections, each headed by a line `@name argument`; lines inside a
section are the named tool's own output, and a tool's free text is prefixed with `|`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.plan.certificate import parse_certificate
from provisioner.plan.facts import (
    AccountState,
    CheckRun,
    Facts,
    FileState,
    Introduction,
    LeftFile,
    Pending,
    TableFlaw,
    TableState,
    UnitState,
)
from provisioner.plan.links import parse_links
from provisioner.plan.listening import parse_listening
from provisioner.plan.status_facts import parse_status
from provisioner.plan.store import parse_store
from provisioner.render.artifact import Plane
from provisioner.render.firewall_view import Firewall, FirewallKind
from provisioner.render.postfix_features import PORTED_BACK
from provisioner.render.resolver_view import RESOLVER_MANAGERS

Section = tuple[str, str, list[str]]

_CREDENTIAL_FIELDS = 3
_FIREWALL = re.compile(r"(firewalld) ([A-Za-z0-9_-]+)|(ufw|nftables)")


def parse_introduction(lines: Iterable[str]) -> Introduction:
    """Return the first flight's facts from its lines (without line ends)."""
    sections = {name: body for name, _, body in split_sections(lines)}
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
        activating=_begun_files(activating),
        softened=dict(_pairs(sections.get("pending", []))).get("main", ""),
        credentials=parse_credentials(sections.get("credentials", [])),
        firewall=_firewall(sections.get("firewall", [])),
        parameters=frozenset(sections.get("parameters", [])).intersection(PORTED_BACK),
        resolver_managers=RESOLVER_MANAGERS.intersection(sections.get("resolver", [])),
    )


def parse_facts(introduction: Introduction, lines: Iterable[str]) -> Facts:
    """Return the second flight's facts from its lines (without line ends)."""
    sections = list(split_sections(lines))
    single = {name: body for name, argument, body in sections if not argument}
    return Facts(
        introduction=introduction,
        packages=_installed(single.get("packages", [])),
        files={
            **_file_states(
                single.get("files", []), single.get("digests", []), _contents(sections, "content")
            ),
            **{path: _table_state(body) for name, path, body in sections if name == "table"},
        },
        left_contents=_contents(sections, "left"),
        accounts=_account_states(single.get("accounts", []), single.get("shadow", [])),
        groups={row.split(":")[0]: int(row.split(":")[2]) for row in single.get("groups", [])},
        units=parse_units(single.get("units", [])),
        listening=parse_listening(single),
        recipes=frozenset(single.get("recipes", [])),
        certificate=parse_certificate(single.get("certificate", [])),
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
        links=parse_links(single.get("links", [])),
        store=parse_store(single.get("store", [])),
        probe_secret=next(iter(single.get("probe-secret", [])), None),
        status=parse_status(single),
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


def split_sections(lines: Iterable[str]) -> Iterator[Section]:
    """Yield each section's name, argument and lines."""
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


def _installed(rows: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name, status in _pairs(rows) if status == "installed")


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


def _begun_files(rows: Iterable[list[str]]) -> Mapping[str, tuple[LeftFile, ...]]:
    """Return every state in which one of several transactions wanted a file, by path."""
    begun: dict[str, tuple[LeftFile, ...]] = {}
    for row in rows:
        for path, file in _left_files([row], Plane.DIRECTORY).items():
            begun[path] = (*begun.get(path, ()), file)
    return begun


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


def _table_state(rows: Iterable[str]) -> FileState:
    facts = dict(_pairs(row for row in rows if "\t" in row))
    owner, group, mode = facts["access"].split("\t")
    flaw = TableFlaw(facts["flaw"]) if "flaw" in facts else None
    digests = dict(row.split(" ") for row in rows if "\t" not in row)
    table = TableState(digests, tuple(facts.get("edited", "").split()), flaw)
    return FileState("table", owner, group, int(mode, 8), facts["root"], table=table)


def _account_states(passwd: Iterable[str], shadow: Iterable[str]) -> Mapping[str, AccountState]:
    passwords = dict(line.split(":")[:2] for line in shadow)
    rows = (line.split(":") for line in passwd)
    return {
        name: AccountState(name, int(uid), int(gid), home, shell, passwords.get(name), comment)
        for name, _, uid, gid, comment, home, shell in rows
    }


def _firewall(lines: Iterable[str]) -> Firewall | None:
    for match in filter(None, map(_FIREWALL.fullmatch, lines)):
        kind = cast("FirewallKind", match[1] or match[3])
        return Firewall(kind, match[2] or "")
    return None


def _text(lines: Iterable[str]) -> str:
    return "\n".join(line.removeprefix("|") for line in lines)

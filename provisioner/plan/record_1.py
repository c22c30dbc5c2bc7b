"""Records of format 1, which mailprov 0.1 wrote: read, and never written again.

The first line is `mailprov generation 1 DIGEST`, with the SHA-256 of the rest, which is
JSON. The name stands in it. It was the digest of a list of some of the fields, so that no
later version can make it of its own fields. A record is whole if its first line
has the digest of the rest and the name in it is that of its folder; nothing is computed anew.

What stands here is that version's, whatever becomes of the rest.
"""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from provisioner.plan.record import (
    NAME_DIGITS,
    RecordedAccount,
    RecordedFile,
    RecordedGeneration,
    RecordError,
    Strict,
    parsed,
)
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener, Unit

_HEAD = b"mailprov generation 1"


class Group1(Strict):
    """A group, as format 1 has it."""

    name: str
    system: bool


class Folder1(Strict):
    """A folder, as format 1 has it."""

    path: str
    owner: str
    group: str
    mode: int
    label: str


class Recipe1(Strict):
    """What the host makes itself, as format 1 has it."""

    kind: Literal["self-signed", "probe", "probe-address", "trust-anchor"]
    path: str
    subject: str
    owner: str
    group: str
    mode: int


class File1(Strict):
    """A file, as format 1 has it."""

    path: str
    sha256: str
    owner: str
    group: str
    mode: int
    secret: bool
    daemons: tuple[str, ...]
    restart: bool
    rank: int


class Unit1(Strict):
    """A service, as format 1 has it."""

    daemon: str
    name: str
    running: str


class Listener1(Strict):
    """An open port, as format 1 has it."""

    daemon: str
    transport: str
    port: int
    addresses: tuple[IPv4Address | IPv6Address, ...]


class Generation1(Strict):
    """The configuration plane of a generation, as format 1 has it."""

    id: str
    platform: str
    packages: tuple[str, ...]
    groups: tuple[Group1, ...]
    accounts: tuple[RecordedAccount, ...]
    directories: tuple[Folder1, ...]
    recipes: tuple[Recipe1, ...]
    files: tuple[File1, ...]
    units: tuple[Unit1, ...]
    certificate_path: str | None
    ports: tuple[int, ...]
    listeners: tuple[Listener1, ...]
    user_files: tuple[str, ...]
    kind: Literal["configuration"]


# The order in which that version listed what a host makes itself.
_RECIPES = ("trust-anchor", "self-signed", "probe", "probe-address")


def is_record_1(stored: bytes) -> bool:
    """Tell whether a record is of format 1, by how it begins."""
    return stored.startswith(_HEAD + b" ")


def read_record_1(stored: bytes, name: str) -> RecordedGeneration:
    """Return the record of format 1 that was stored under this name, as format 2 has it.

    Raises RecordError where it is not as it was written, or is another generation's.
    """
    head, _, body = stored.partition(b"\n")
    if head != _HEAD + b" " + hashlib.sha256(body).hexdigest().encode():
        raise RecordError("a record that is not as it was written")
    old = parsed(Generation1, body)
    if old.id != name:
        raise RecordError(f"the content of generation {old.id}")
    return RecordedGeneration(
        platform=old.platform,
        packages=old.packages,
        groups=tuple(Group(**dict(one)) for one in old.groups),
        accounts=old.accounts,
        folders=tuple(Folder(**dict(one)) for one in old.directories),
        recipes=tuple(Recipe(**dict(one)) for one in old.recipes),
        files=tuple(RecordedFile(**dict(one)) for one in old.files),
        units=tuple(Unit(**dict(one)) for one in old.units),
        certificate_path=old.certificate_path,
        ports=old.ports,
        listeners=tuple(Listener(**dict(one)) for one in old.listeners),
        user_files=old.user_files,
    )


def name_1(record: RecordedGeneration) -> str:
    """Return the name that format 1 gave to a generation with this record.

    By it a host is known that has this very configuration from mailprov 0.1: its name
    alone is no reason for a change. No record is checked by it. record: with its files in the
    order of rendering, in which that version listed them.
    """
    made = [one for kind in _RECIPES for one in record.recipes if one.kind == kind]
    made += [one for one in record.recipes if one.kind not in _RECIPES]
    content = [
        record.platform,
        record.packages,
        [(group.name, group.system) for group in record.groups],
        [(account.name, account.home) for account in record.accounts],
        [(folder.path, folder.owner, folder.group, folder.mode) for folder in record.folders],
        [(recipe.kind, recipe.path, recipe.subject) for recipe in made],
        [(file.path, file.owner, file.group, file.mode, file.sha256) for file in record.files],
        [(unit.name, unit.running) for unit in record.units],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:NAME_DIGITS]

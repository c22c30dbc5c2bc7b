"""A generation as the host remembers it, to be brought back some day.

The record has all of the configuration plane but the files' contents, which lie beside it:
resources, and of each file the digest. Users, their passwords and their files are no part
of it, so that no rollback can revive them.

A record is bytes, and its name is their digest. It is never made anew to be compared: what a
host has is checked as it stands, and is read by the reader of its format. This module
writes and reads format 2; plan/record_1.py reads format 1.

Format 2 is JSON (RFC 8259) with sorted keys. Lists are sorted too, but for services, whose
order is that of their start. What has its default is left out. So neither another order in the
code nor a field that comes later, with a default, changes the name of a generation. A field
that is renamed, or another default, makes another format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from provisioner.platforms.record import Daemon
from provisioner.render.artifact import Artifact
from provisioner.resources.account import Account
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.one_line import OneLineKind, Resource
from provisioner.resources.recipe import Recipe
from provisioner.resources.registry import kinds
from provisioner.resources.unit import Listener, Unit

FORMAT: Final = 2
"""The format of the records that this version writes."""

NAME_DIGITS = 16
"""How many hexadecimal digits of its record's SHA-256 name a generation."""

_IN_ORDER = frozenset({"units"})

Parsed = TypeVar("Parsed", bound=BaseModel)


class RecordError(ValueError):
    """What is remembered is no record, or is not what was written; the text says which."""


class Strict(BaseModel):
    """A part of a record: nothing is converted, nothing unknown is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RecordedAccount(Strict):
    """A daemon's account."""

    name: str
    group: str
    home: str
    shell: str


class RecordedFile(Strict):
    """A configuration file without its content."""

    path: str
    sha256: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    daemons: tuple[Daemon, ...] = ()
    restart: bool = False
    rank: int = 50


class RecordedOther(Strict):
    """A resource of a kind that has no field of its own. fields: those of its class, by name."""

    kind: str
    name: str
    fields: Mapping[str, str | int | bool] = {}


class RecordedGeneration(Strict):
    """The configuration plane of a generation."""

    format: Literal[2] = FORMAT
    platform: str
    packages: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    accounts: tuple[RecordedAccount, ...] = ()
    folders: tuple[Folder, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    files: tuple[RecordedFile, ...] = ()
    units: tuple[Unit, ...] = ()
    certificate_path: str | None = None
    ports: tuple[int, ...] = ()
    listeners: tuple[Listener, ...] = ()
    user_files: tuple[str, ...] = ()
    others: tuple[RecordedOther, ...] = ()
    passed: tuple[str, ...] = ()


def name_of(stored: bytes) -> str:
    """Return the name of the generation with this record, as its format 2 has it."""
    return hashlib.sha256(stored).hexdigest()[:NAME_DIGITS]


def write_record(record: RecordedGeneration) -> bytes:
    """Return the bytes of a record, the same for the same record on every controller."""
    fields = record.model_dump(mode="json", exclude_defaults=True) | {"format": FORMAT}
    for name, value in fields.items():
        if isinstance(value, list) and name not in _IN_ORDER:
            value.sort(key=_sorting)
    return json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n"


def _sorting(item: object) -> tuple[str, str]:
    """Return by what an item of a list is sorted: its path or name, then all of it."""
    fields = item if isinstance(item, dict) else {}
    return str(fields.get("path") or fields.get("name")), json.dumps(item, sort_keys=True)


def read_record(stored: bytes, name: str) -> RecordedGeneration:
    """Return the record of format 2 that was stored under this name.

    Raises RecordError where the bytes are not those that have the name, or where this
    version cannot read them.
    """
    if name_of(stored) != name:
        raise RecordError("a record that is not as it was written")
    try:
        fields = json.loads(stored)
        written = fields["format"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise RecordError("a record without a format") from error
    if written != FORMAT:
        raise RecordError(f"a record of format {written!r}, which this version cannot read")
    return parsed(RecordedGeneration, stored)


def parsed(kind: type[Parsed], text: bytes) -> Parsed:
    """Return what a record's JSON says; RecordError where this version cannot read it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise RecordError(
            f"a record that this version cannot read ({error.error_count()} fields)"
        ) from error


def recorded_account(account: Account) -> RecordedAccount:
    """Return what a record has of a daemon's account."""
    return RecordedAccount(
        name=account.name, group=account.group, home=account.home, shell=account.shell
    )


def recorded_file(artifact: Artifact) -> RecordedFile:
    """Return what a record has of a file."""
    return RecordedFile(
        path=artifact.path,
        sha256=artifact.sha256,
        owner=artifact.owner,
        group=artifact.group,
        mode=artifact.mode,
        secret=artifact.secret,
        daemons=artifact.daemons,
        restart=artifact.restart,
        rank=artifact.rank,
    )


def recorded_artifact(file: RecordedFile, content: bytes) -> Artifact:
    """Return a recorded file with its content."""
    return Artifact(
        path=file.path,
        content=content,
        owner=file.owner,
        group=file.group,
        mode=file.mode,
        daemons=file.daemons,
        restart=file.restart,
        rank=file.rank,
    )


def recorded_accounts(record: RecordedGeneration) -> tuple[Account, ...]:
    """Return the recorded accounts, all of them daemons'."""
    return tuple(
        Account(one.name, one.group, one.home, one.shell, system=True) for one in record.accounts
    )


def recorded_other(resource: Resource) -> RecordedOther:
    """Return what a record has of a resource whose kind has no field of its own."""
    own = asdict(resource)
    return RecordedOther(kind=resource.kind, name=own.pop("name"), fields=own)


def recorded_resource(other: RecordedOther) -> Resource:
    """Return a recorded resource; RecordError where this version does not know its like."""
    kind = next((one for one in kinds() if one.name == other.kind), None)
    if not isinstance(kind, OneLineKind):
        raise RecordError(f"a record with a {other.kind}, which this version does not know")
    try:
        return kind.resource(other.name, **other.fields)
    except TypeError as error:
        raise RecordError(f"a record with a {other.kind} that this version cannot read") from error

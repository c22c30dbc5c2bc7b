"""A generation as the host remembers it, to be brought back some day.

The record has all of the configuration plane but the files' contents, which lie beside it:
resources, and of each file the digest. Users, their passwords and their files are no part
of it, so that no rollback can revive them. The record's first line has the digest of the
rest: whoever reads it back can tell whether it is still what was written.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict

from provisioner.plan.generation import Account, Directory, Generation, Group, Unit
from provisioner.platforms.record import Daemon
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.declared import Listener, Recipe

FORMAT = "mailprov generation 1"
"""How a record's first line begins; the number grows when old readers could not read it."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RecordedAccount(_Strict):
    """A daemon's account."""

    name: str
    group: str
    home: str
    shell: str


class RecordedFile(_Strict):
    """A configuration file without its content."""

    path: str
    sha256: str
    owner: str
    group: str
    mode: int
    secret: bool
    daemons: tuple[Daemon, ...]
    restart: bool
    rank: int


class RecordedGeneration(_Strict):
    """The configuration plane of a generation."""

    id: str
    platform: str
    packages: tuple[str, ...]
    groups: tuple[Group, ...]
    accounts: tuple[RecordedAccount, ...]
    directories: tuple[Directory, ...]
    recipes: tuple[Recipe, ...]
    files: tuple[RecordedFile, ...]
    units: tuple[Unit, ...]
    certificate_path: str | None
    ports: tuple[int, ...]
    listeners: tuple[Listener, ...]
    user_files: tuple[str, ...]
    kind: Literal["configuration"] = "configuration"


def render_record(generation: Generation) -> bytes:
    """Return the record of a generation's configuration plane."""
    record = RecordedGeneration(
        id=generation.id,
        platform=generation.platform.name,
        packages=generation.packages,
        groups=generation.groups,
        accounts=tuple(_account(one) for one in generation.accounts if one.system),
        directories=generation.directories,
        recipes=generation.recipes,
        files=tuple(_file(artifact) for artifact in generation.in_plane(Plane.CONFIGURATION)),
        units=generation.units,
        certificate_path=generation.certificate_path,
        ports=generation.ports,
        listeners=generation.listeners,
        user_files=generation.user_files,
    )
    body = record.model_dump_json(indent=1).encode() + b"\n"
    return f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode() + body


def _account(account: Account) -> RecordedAccount:
    return RecordedAccount(
        name=account.name, group=account.group, home=account.home, shell=account.shell
    )


def _file(artifact: Artifact) -> RecordedFile:
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

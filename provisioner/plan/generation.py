"""All that a host should be.

A generation is compiled from the site for one host and one platform, compared with
the facts observed there, and carried out as a transaction. It is named by its stored
record: the same site gives the same generation on every controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from provisioner.model.names import HostKey
from provisioner.plan.record import (
    RecordedGeneration,
    name_of,
    recorded_account,
    recorded_file,
    recorded_other,
    write_record,
)
from provisioner.plan.record_1 import name_1
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.account import Account
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.one_line import Resource
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener, Unit
from provisioner.rooms.phase import Phases
from provisioner.rooms.registry import room
from provisioner.rooms.room import Room

STATE_FOLDER = "/var/lib/mailprov/"
"""Where a host keeps what mailprov remembers of it."""

PASSWORDS_COPY = "/mailprov/passwords"
"""How the path of the hashes ends that Dovecot 2.3 reads beside `users`."""

AS_FOUND = "0"
"""The id of the generation that is the host as mailprov found it."""


@dataclass(frozen=True)
class Stored:
    """A record as a host has it: the name that it is stored under, and its bytes."""

    name: str
    record: bytes


@dataclass(frozen=True)
class Generation:
    """Packages, accounts, files, host-made secrets and services of one host.

    mail_root: the folder below which mailboxes lie, None where there are none.
    ports: where the host's services are to be reached. listeners: what its daemons open, as
    far as that is known. user_files: the directory's
    files that daemons read, which have to be of the kind that the configuration names.
    others: resources of kinds that have no field of their own.
    people: names of virtual users who may log in, and who may have had an account of the
    host before.
    passed: keys of the actions and gates that are behind it. ahead: those that are still to come.
    as_found: nothing of mailprov's; what was there before is put back.
    recalled: the record that it was read from, None for one that was compiled. Whoever makes
    another generation of it takes that away.
    """

    host: HostKey
    platform: Platform
    packages: tuple[str, ...]
    groups: tuple[Group, ...]
    accounts: tuple[Account, ...]
    folders: tuple[Folder, ...]
    recipes: tuple[Recipe, ...]
    artifacts: tuple[Artifact, ...]
    units: tuple[Unit, ...]
    certificate_path: str | None = None
    mail_root: str | None = None
    notices: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    listeners: tuple[Listener, ...] = ()
    user_files: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()
    others: tuple[Resource, ...] = ()
    passed: tuple[str, ...] = ()
    ahead: Phases = ()
    as_found: bool = False
    recalled: Stored | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Its name: sixteen hexadecimal digits of its record's SHA-256, or as it was recalled.

        The directory plane is left out, because it does not go back with a rollback.
        """
        if self.as_found:
            return AS_FOUND
        return self.recalled.name if self.recalled else self._own_name

    @property
    def record(self) -> bytes:
        """The record that the host keeps: as it was recalled, else as this version writes it."""
        return self.recalled.record if self.recalled else self.stored

    @cached_property
    def stored(self) -> bytes:
        """The record as this version writes it."""
        return write_record(self.recorded)

    def name_on(self, in_force: str | None) -> str:
        """Return the name by which a host has the generation, or is to get it.

        in_force: the name of the host's own, None where it has none. A host that has this
        very configuration under a name of format 1 keeps that name; it knew no gates.
        """
        if self.as_found or in_force in {None, AS_FOUND, self.id}:
            return self.id
        # Format 1 knew no others, and no gates.
        is_old = not (self.others or self.passed) and in_force == name_1(self.recorded)
        return in_force if is_old else self.id

    @cached_property
    def _own_name(self) -> str:
        return name_of(self.stored)

    @cached_property
    def recorded(self) -> RecordedGeneration:
        """What a record has of the generation: its configuration plane."""
        return RecordedGeneration(
            platform=self.platform.name,
            packages=self.packages,
            groups=self.groups,
            accounts=tuple(recorded_account(one) for one in self.accounts if one.system),
            folders=self.folders,
            recipes=self.recipes,
            files=tuple(map(recorded_file, self.in_plane(Plane.CONFIGURATION))),
            units=self.units,
            certificate_path=self.certificate_path,
            ports=self.ports,
            listeners=self.listeners,
            user_files=self.user_files,
            others=tuple(map(recorded_other, self.others)),
            passed=self.passed,
        )

    @cached_property
    def accounts_by_name(self) -> Mapping[str, Account]:
        """The accounts by name: of system users there may be thousands."""
        return {account.name: account for account in self.accounts}

    def habits(self, daemon: Daemon) -> Room:
        """Return what is known of one of the host's daemons."""
        return room(daemon)

    def in_plane(self, plane: Plane) -> tuple[Artifact, ...]:
        """Return the files of one plane, in the order they were rendered."""
        return tuple(artifact for artifact in self.artifacts if artifact.plane is plane)


def user_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of the directory's files by which a configuration is known to fit its users.

    What a host remembers for itself, below its own state folder, no daemon reads. Dovecot 2.3's
    `passwords` is a copy of `users`: who has one has the other, and older generations fit too.
    """
    return tuple(
        sorted(
            path
            for path in paths
            if not path.startswith(STATE_FOLDER) and not path.endswith(PASSWORDS_COPY)
        )
    )

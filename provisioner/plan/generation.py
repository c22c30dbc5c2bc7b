"""All that a host should be.

A generation is compiled from the site for one host and one platform, compared with
the facts observed there, and carried out as a transaction. It is named by its
content: the same site gives the same generation on every controller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from provisioner.model.names import HostKey
from provisioner.model.secrets import PasswordHash
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.declared import Listener, Recipe


@dataclass(frozen=True)
class Group:
    """A Unix group that has to exist. system: below the platform's first user id."""

    name: str
    system: bool = True


@dataclass(frozen=True)
class Account:
    """A Unix account that has to exist.

    password: the hash for shadow(5) in crypt(3) form, None where no password is
    managed. locked: it receives mail and cannot log in. system: a daemon's account,
    not a person's. comment: the person's name for passwd(5); empty where the host's
    own is left alone.
    """

    name: str
    group: str
    home: str
    shell: str
    system: bool
    password: PasswordHash | None = field(default=None, repr=False)
    locked: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Directory:
    """A directory that has to exist, with its owner and mode. Its content is not managed.

    label: the SELinux type that it gets when it is made, empty for the one of its place.
    """

    path: str
    owner: str
    group: str
    mode: int
    label: str = ""


@dataclass(frozen=True)
class Unit:
    """A service that has to be enabled and up.

    running: the unit whose state says whether the daemon runs, which is not always
    the one to enable (Debian 12's postfix.service only runs /bin/true).
    """

    daemon: Daemon
    name: str
    running: str


STATE_FOLDER = "/var/lib/mailprov/"
"""Where a host keeps what mailprov remembers of it."""

PASSWORDS_COPY = "/mailprov/passwords"
"""How the path of the hashes ends that Dovecot 2.3 reads beside `users`."""

AS_FOUND = "0"
"""The id of the generation that is the host as mailprov found it."""


@dataclass(frozen=True)
class Generation:
    """Packages, accounts, files, host-made secrets and services of one host.

    mail_root: the folder below which mailboxes lie, None where there are none.
    ports: where the host's services are to be reached. listeners: what its daemons open, as
    far as that is known. user_files: the directory's
    files that daemons read, which have to be of the kind that the configuration names.
    people: names of virtual users who may log in, and who may have had an account of the
    host before.
    as_found: nothing of mailprov's; what was there before is put back.
    """

    host: HostKey
    platform: Platform
    packages: tuple[str, ...]
    groups: tuple[Group, ...]
    accounts: tuple[Account, ...]
    directories: tuple[Directory, ...]
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
    as_found: bool = False

    @cached_property
    def id(self) -> str:
        """The configuration's name: sixteen hexadecimal digits of its content's SHA-256.

        The directory plane is left out, because it does not go back with a rollback.
        """
        if self.as_found:
            return AS_FOUND
        content = [
            self.platform.name,
            self.packages,
            [(group.name, group.system) for group in self.groups],
            [(account.name, account.home) for account in self.accounts if account.system],
            [(entry.path, entry.owner, entry.group, entry.mode) for entry in self.directories],
            [(recipe.kind, recipe.path, recipe.subject) for recipe in self.recipes],
            [_identity(artifact) for artifact in self.in_plane(Plane.CONFIGURATION)],
            [(unit.name, unit.running) for unit in self.units],
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @cached_property
    def accounts_by_name(self) -> Mapping[str, Account]:
        """The accounts by name: of system users there may be thousands."""
        return {account.name: account for account in self.accounts}

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


def _identity(artifact: Artifact) -> tuple[str, str, str, int, str]:
    return (artifact.path, artifact.owner, artifact.group, artifact.mode, artifact.sha256)

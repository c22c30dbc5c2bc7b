"""What a host has beside files: groups, accounts, folders, what it makes itself, services, ports.

A record on a host holds these field by field, and leaves a field out that has its default
(plan/record.py). So a new field comes with a default, and a default that stands here stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.model.secrets import PasswordHash
from provisioner.model.site import IPAddress
from provisioner.platforms.record import Daemon


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
class Folder:
    """A folder that has to exist, with its owner and mode. Its content is not managed.

    label: the SELinux type that it gets when it is made, empty for the one of its place.
    """

    path: str
    owner: str
    group: str
    mode: int
    label: str = ""


@dataclass(frozen=True)
class Recipe:
    """Something that the host makes itself: a secret that never leaves it, or a living key.

    kind: how it is made, by `recipe_KIND` of a room's shell or of the core. path: where it lies.
    subject: what the maker has to know, and for whom it holds: a name for a certificate, a login,
    a mail address, a command. owner, group, mode: as the file has to stay.
    """

    kind: str
    path: str
    subject: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600


@dataclass(frozen=True)
class Unit:
    """A service that has to be enabled and up.

    running: the unit whose state says whether the daemon runs, which is not always
    the one to enable (Debian 12's postfix.service only runs /bin/true).
    """

    daemon: Daemon
    name: str
    running: str


@dataclass(frozen=True)
class Listener:
    """A port that a daemon opens, on these addresses; an unspecified one stands for all.

    transport: `tcp` or `udp`.
    """

    daemon: Daemon
    transport: str
    port: int
    addresses: tuple[IPAddress, ...]

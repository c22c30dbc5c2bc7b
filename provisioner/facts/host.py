"""What was observed on a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, get_args

from provisioner.facts.addresses import HostAddresses
from provisioner.facts.certificate import HostCertificate
from provisioner.facts.listening import HeldSocket
from provisioner.facts.status_facts import StatusFacts
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential
from provisioner.probes.links import LinkState
from provisioner.probes.store import StoreState
from provisioner.render.artifact import Plane
from provisioner.render.nature import Firewall, ResolverManager
from provisioner.rooms.found_server import FoundServer

EXPIRED = "1"
"""The expiry that a lock gives an account (accounts.sh): the second day of 1970, which no clock is
before; the first would be read as none (shadow(5))."""

Hold = Literal["immutable", "mount", "read-only"]
HOLDS = frozenset[str](get_args(Hold))


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
    units that a transaction which broke off owed a restart. activating: what such
    transactions, one or several, were about to leave; and what a pending one has left.
    softened: main.cf while a configuration is pending, in which Postfix is told to wait.
    firewall: what keeps strangers out, None where nothing does. parameters: those of Postfix's
    that not every version has and this one has; of PORTED_BACK only. resolver_managers: who
    else writes /etc/resolv.conf there. carriers: accounts that the connection, or its sudo,
    hangs on. machine: what tells this running system from every other, empty where it could not
    tell.
    """

    os_release: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    generation: str | None = None
    left: Mapping[str, LeftFile] = field(default_factory=dict)
    managed_accounts: frozenset[str] = frozenset()
    managed_units: frozenset[str] = frozenset()
    serial: str = ""
    machine: str = ""
    pending: Pending | None = None
    unfinished: frozenset[str] = frozenset()
    activating: Mapping[str, tuple[LeftFile, ...]] = field(default_factory=dict)
    softened: str = ""
    firewall: Firewall | None = None
    parameters: frozenset[str] = frozenset()
    resolver_managers: frozenset[ResolverManager] = frozenset()
    carriers: frozenset[str] = frozenset()
    credentials: Mapping[MailAddress, KnownCredential] = field(default_factory=dict, repr=False)

    @property
    def managed_files(self) -> frozenset[str]:
        """The paths that the last transaction left."""
        return frozenset(self.left)


class TableFlaw(StrEnum):
    """What is wrong with a table in shards, whatever its rows are.

    Unfinished: a change broke off, and goes on with the next. Derived: what the daemons read
    is not what the shards say, or can be read by others. Foreign: Postfix's part of that is of a
    type that another release has.
    """

    UNFINISHED = "unfinished"
    DERIVED = "derived"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class TableState:
    """What a table in shards has beyond a file.

    digests: how each shard's digest begins; only where the table differs from what was asked
    for. edited: shards that are not as they were left, some of them.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    flaw: TableFlaw | None = None


@dataclass(frozen=True)
class FileState:
    """A file or directory as it is, or a table in shards (its folder, and the root of digests).

    mode: permission bits. content: only where it differs from what was asked for, is
    not secret, and is small enough to show.
    """

    kind: str
    owner: str
    group: str
    mode: int
    sha256: str | None = None
    content: bytes | None = field(default=None, repr=False)
    table: TableState | None = None

    @property
    def is_regular(self) -> bool:
        """Whether it is a file or a table, not a directory, a link or a device."""
        return self.table is not None or self.kind in {"regular file", "regular empty file"}


@dataclass(frozen=True)
class FixedFile:
    """A file that nothing can take the place of.

    hold: why. held: what has to be changed first: the file, a folder above it, or a mount point.
    """

    path: str
    hold: Hold
    held: str


@dataclass(frozen=True)
class AccountState:
    """An account as passwd(5) and shadow(5) have it; password is crypt(3) text.

    expires: the day as which it is no longer valid, in days since 1970; empty for none.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str | None = field(default=None, repr=False)
    expires: str = ""
    comment: str = ""

    @property
    def is_shut(self) -> bool:
        """Whether nobody gets in, by a key neither: it is locked, and has expired."""
        return (self.password or "").startswith("!") and self.expires == EXPIRED


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
    where it is known, no secret, and not what the site wants again. listening: who holds
    the ports that the generation wants. spools: files of mail in /var/mail by path, with how
    many messages there are (mbox(5)). addresses: None where the host could not tell. fixed:
    files that cannot be replaced; of those that differ, and of accounts. mail_server: what was
    set up before mailprov came, None where mailprov's own configuration is in force.
    """

    introduction: Introduction
    packages: frozenset[str] = frozenset()
    files: Mapping[str, FileState] = field(default_factory=dict)
    left_contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    spools: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, UnitState] = field(default_factory=dict)
    listening: tuple[HeldSocket, ...] = ()
    recipes: frozenset[str] = frozenset()
    certificate: HostCertificate | None = None
    checks: tuple[CheckRun, ...] = ()
    sockets: Mapping[str, str] = field(default_factory=dict)
    probe_secret: str | None = field(default=None, repr=False)
    probe_token: str = field(default="", repr=False)
    links: Mapping[str, LinkState] = field(default_factory=dict)
    store: StoreState | None = None
    status: StatusFacts | None = None
    addresses: HostAddresses | None = None
    fixed: tuple[FixedFile, ...] = ()
    mail_server: FoundServer | None = None

"""What was observed on a host: all kinds of resources, and what is no resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from provisioner.facts.addresses import HostAddresses
from provisioner.facts.certificate import HostCertificate
from provisioner.facts.listening import HeldSocket
from provisioner.facts.status_facts import StatusFacts
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential
from provisioner.probes.store import StoreState
from provisioner.probes.unix_sockets import UnixSocketState
from provisioner.render.nature import Firewall, ResolverManager
from provisioner.resources.account import AccountState
from provisioner.resources.file_state import FileState, LeftFile
from provisioner.resources.one_line import Lines
from provisioner.resources.unit import UnitState
from provisioner.rooms.found_server import FoundServer

Hold = Literal["immutable", "mount", "read-only"]
HOLDS = frozenset[str](get_args(Hold))


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
    hangs on. lines: resources that a host tells of in a line, as the last transaction left them.
    machine: what tells this running system from every other, empty where it could not
    tell. passed: keys of the actions and gates that are behind its configuration.
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
    lines: Lines = field(default_factory=dict)
    passed: frozenset[str] = frozenset()
    credentials: Mapping[MailAddress, KnownCredential] = field(default_factory=dict, repr=False)

    @property
    def managed_files(self) -> frozenset[str]:
        """The paths that the last transaction left."""
        return frozenset(self.left)


@dataclass(frozen=True)
class FixedFile:
    """A file that nothing can take the place of.

    hold: why. held: what has to be changed first: the file, a folder above it, or a mount point.
    """

    path: str
    hold: Hold
    held: str


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
    files that cannot be replaced; of those that differ, and of accounts. lines: resources that
    a host tells of in a line. mail_server: what was
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
    lines: Lines = field(default_factory=dict)
    certificate: HostCertificate | None = None
    checks: tuple[CheckRun, ...] = ()
    sockets: Mapping[str, str] = field(default_factory=dict)
    probe_secret: str | None = field(default=None, repr=False)
    probe_token: str = field(default="", repr=False)
    unix_sockets: Mapping[str, UnixSocketState] = field(default_factory=dict)
    store: StoreState | None = None
    status: StatusFacts | None = None
    addresses: HostAddresses | None = None
    fixed: tuple[FixedFile, ...] = ()
    mail_server: FoundServer | None = None

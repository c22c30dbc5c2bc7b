"""What there is to know of an operating-system release.

Code reads the record and never asks for a distribution's name, so a new release is
a new data file beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

Daemon = Literal["unbound", "postfix", "dovecot"]
TableType = Literal["lmdb", "cdb"]


class Frozen(BaseModel):
    """A record that cannot change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlatformMatch(Frozen):
    """How os-release(5) names the release: ID or ID_LIKE, and VERSION_ID.

    version: VERSION_ID, or as many of its first parts as make the release (`9` of `9.4`, and
    `22.04`). kin: systems that are close, to name this release where one of them is refused.
    """

    ids: tuple[str, ...]
    id_like: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    version: str


class DaemonRecord(Frozen):
    """One daemon as the release packages it.

    version: the release's own, used where no host has been asked. dialect: the
    folder under templates/ that speaks it, named by the version's major and minor part;
    empty where one folder speaks to all.
    unit: the one to enable, reload and restart. running_unit: the one whose state says
    whether the daemon is up (Debian 12's postfix.service only runs /bin/true).
    replaces: units of the release before that run the same daemon and end when this one
    starts; one may be left after an upgrade.
    ported_back: options of later versions that this build has all the same. Vendors port
    protections back, and the version does not tell.
    """

    version: str
    dialect: str = ""
    packages: tuple[str, ...]
    unit: str
    running_unit: str
    replaces: tuple[str, ...] = ()
    ported_back: tuple[str, ...] = ()
    config_dir: str


class UnboundHabits(Frozen):
    """Where the release keeps Unbound's things.

    parts_dir: below config_dir, where the vendor's own parts lie. control: the Unix
    socket of unbound-control(8). anchor: the root's trust anchor, which Unbound itself
    keeps up to date (RFC 5011). anchor_command: makes that file where it is missing, as the
    unit would before its first start; unbound-checkconf(8) wants it there. pid_file:
    where the unit looks for it. resolvconf_switch: where the vendor's scripts look
    up whether Unbound and resolvconf(8), where it is installed, tell each other of resolvers;
    empty where the release has no such scripts. anchor_switch: where the vendor's unit looks
    up whether unbound-anchor(8) runs before each start; empty where it never does.
    """

    user: str
    directory: str
    parts_dir: str
    control: str
    anchor: str
    anchor_command: tuple[str, ...]
    pid_file: str
    resolvconf_switch: str = ""
    anchor_switch: str = ""


class PostfixHabits(Frozen):
    """How the release builds Postfix.

    chroot: whether master.cf confines the services that can be. map_type: of maps that
    need no postmap(1). table_type: of a large directory's: one in which single keys are changed
    while the daemons read it, or where the release has none such, one that is replaced whole.
    queue_directory: what a relative socket path is relative to.
    parameters: what the vendor sets in its main.cf because the compiled-in value is
    another one: the upgrade scripts of the package depend on it.
    """

    chroot: bool
    map_type: str
    table_type: TableType
    queue_directory: str
    parameters: Mapping[str, str] = {}


class DovecotHabits(Frozen):
    """How the release runs Dovecot.

    first_valid_uid: the lowest uid that `useradd --system` hands out (login.defs(5)).
    open_files: how many files and connections the vendor's unit lets one of its processes have
    open (systemd.exec(5), LimitNOFILE).
    """

    first_valid_uid: int
    open_files: int = 65535


class Platform(Frozen):
    """A release: packages, package manager, paths, units, dialects, chroot habit, log file.

    mail_log: where a syslog daemon of the release writes what mail daemons say. It may be
    absent: the journal is read first. mail_label: the SELinux type of folders in which
    Dovecot may keep mail; a host on which SELinux is off has no labels. network_manager:
    whether the release leaves /etc/resolv.conf to NetworkManager.
    table_packages: what a directory in tables needs besides: lookups in them for Postfix
    and Dovecot, and sqlite3(1). client_login_packages: the mechanisms (PLAIN, LOGIN) with which
    smtp(8) logs in to other servers; Postfix's own package does not bring them.
    """

    name: str
    title: str
    match: PlatformMatch
    package_manager: Literal["apt", "dnf"]
    base_packages: tuple[str, ...]
    table_packages: tuple[str, ...]
    client_login_packages: tuple[str, ...]
    daemons: Mapping[Daemon, DaemonRecord]
    unbound: UnboundHabits
    postfix: PostfixHabits
    dovecot: DovecotHabits
    ca_bundle: str
    nologin: str
    mail_log: str
    mail_label: str = ""
    network_manager: bool = False

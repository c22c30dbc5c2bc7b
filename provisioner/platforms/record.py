"""What there is to know of an operating-system release.

Code reads the record and never asks for a distribution's name, so a new release is
a new data file beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

Daemon = Literal["unbound", "postfix", "dovecot"]


class Frozen(BaseModel):
    """A record that cannot change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlatformMatch(Frozen):
    """How os-release(5) names the release: ID or ID_LIKE, and the major part of VERSION_ID."""

    ids: tuple[str, ...]
    id_like: tuple[str, ...] = ()
    version: str


class DaemonRecord(Frozen):
    """One daemon as the release packages it.

    version: the release's own, used where no host has been asked. dialect: the
    folder under templates/ that speaks it. units: what runs, in start order; the
    first is the one to enable, reload and restart. runs: the units whose state says
    whether the daemon is up (Debian 12's postfix.service only runs /bin/true).
    """

    version: str
    dialect: str
    packages: tuple[str, ...]
    unit: str
    running_unit: str
    config_dir: str


class Platform(Frozen):
    """A release: packages, package manager, paths, units, dialects, chroot habit, log source."""

    name: str
    title: str
    match: PlatformMatch
    package_manager: Literal["apt", "dnf"]
    base_packages: tuple[str, ...]
    daemons: Mapping[Daemon, DaemonRecord]
    postfix_chroot: bool
    postfix_map_type: str
    postfix_daemon_directory: str
    unbound_conf_dir: str
    unbound_user: str
    unbound_control: str
    unbound_anchor: str
    unbound_directory: str
    ca_bundle: str
    nologin: str
    mail_log: str
    first_uid: int
    selinux: bool
    firewall: Literal["none", "firewalld"]

"""What there is to know of an operating-system release.

Code reads the record and never asks for a distribution's name, so a new release is
a new data file beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

Daemon = str
"""A daemon's name, which is that of its room."""
TableType = Literal["lmdb", "cdb"]


class FrozenRecord(BaseModel):
    """A record that cannot change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Habits = TypeVar("Habits", bound=FrozenRecord)


class PlatformMatch(FrozenRecord):
    """How os-release(5) names the release: ID or ID_LIKE, and VERSION_ID.

    version: VERSION_ID, or as many of its first parts as make the release (`9` of `9.4`, and
    `22.04`). kin: systems that are close, to name this release where one of them is refused.
    """

    ids: tuple[str, ...]
    id_like: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    version: str


class DaemonRecord(FrozenRecord):
    """One daemon as the release packages it.

    version: the release's own, used where no host has been asked. dialect: the
    folder under templates/ that speaks it, named by the version's major and minor part;
    empty where one folder speaks to all.
    unit: the one to enable, reload and restart. running_unit: the one whose state says
    whether the daemon is up (Debian 12's postfix.service only runs /bin/true); a record that
    does not say it means the unit.
    replaces: units of the release before that run the same daemon and end when this one
    starts; one may be left after an upgrade.
    ported_back: options of later versions that this build has all the same. Vendors port
    protections back, and the version does not tell.
    habits: what else differs between releases, in a form that the daemon's room knows.
    """

    version: str = ""
    dialect: str = ""
    packages: tuple[str, ...]
    unit: str
    running_unit: str
    replaces: tuple[str, ...] = ()
    ported_back: tuple[str, ...] = ()
    config_dir: str
    habits: Mapping[str, Any] = {}

    def habits_as(self, kind: type[Habits]) -> Habits:
        """Return the habits in the form that the daemon's room knows."""
        return kind.model_validate(self.habits)


class Platform(FrozenRecord):
    """A release: packages, package manager, paths, units, dialects, chroot habit, log file.

    mail_log: where a syslog daemon of the release writes what mail daemons say. It may be
    absent: the journal is read first. mail_label: the SELinux type of folders in which
    Dovecot may keep mail; a host on which SELinux is off has no labels. network_manager:
    whether the release leaves /etc/resolv.conf to NetworkManager.
    table_packages: what a directory in tables needs besides: lookups in them for Postfix
    and Dovecot, and sqlite3(1). table_type: of its tables: one in which single keys are changed
    while the daemons read it, or where the release has none such, one that is replaced whole.
    family: systems that package daemons alike; each room says what is true of its daemon there.
    """

    name: str
    title: str
    family: str
    match: PlatformMatch
    package_manager: Literal["apt", "dnf"]
    base_packages: tuple[str, ...]
    table_packages: tuple[str, ...]
    table_type: TableType
    daemons: Mapping[Daemon, DaemonRecord]
    ca_bundle: str
    nologin: str
    mail_log: str
    mail_label: str = ""
    network_manager: bool = False

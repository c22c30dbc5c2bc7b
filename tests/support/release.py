"""The release that the lab's servers run, the one place where the suite asks for it.

MAILPROV_TEST_RELEASE=debian-13 has all lab tests run on Debian 13; without it they run on
Debian 12. With el-9 those run that ask for nothing of Debian's own, on bare hosts with that
layout. What the release packages is read from its record in provisioner/platforms.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

import pytest

from provisioner.lab import HostSpec, Lab, LabHost
from provisioner.lab.tree_recipes import LAYOUTS
from provisioner.platforms.records import platform_named

DEFAULT = "debian-12"
RELEASE = platform_named(os.environ.get("MAILPROV_TEST_RELEASE") or DEFAULT)
POSTFIX = RELEASE.daemons["postfix"].running_unit
SERVICES = tuple(RELEASE.daemons[name].running_unit for name in ("postfix", "dovecot", "unbound"))
DOVECOT = RELEASE.daemons["dovecot"].dialect
"""The language of its Dovecot, as a site file's `dovecot` names it: "2.3" or "2.4"."""
BARE = RELEASE.name in LAYOUTS
"""Whether its hosts come without the packages of a mail server."""

needs_debian = pytest.mark.skipif(
    RELEASE.package_manager != "apt", reason="asks for Debian's own packages or places"
)

_SERVERS = (DEFAULT, f"{DEFAULT}-mail")


def old_or_new(old: str, new: str) -> str:
    """Return that of two texts which the release's daemons understand, or say.

    old: Debian 12's, Dovecot 2.3 and Postfix 3.7. new: Debian 13's, 2.4 and 3.10.
    """
    return {"2.3": old, "2.4": new}[DOVECOT]


def on_release(hosts: Iterable[HostSpec]) -> list[HostSpec]:
    """Return the hosts with servers on the release; machines of people stay as they are."""
    return [
        replace(host, tree=_tree_of(host.tree)) if host.tree in _SERVERS else host for host in hosts
    ]


def resting(host: LabHost) -> list[str]:
    """Return the services that do not run; of several, systemctl is content with one that does."""
    states = host.run(["systemctl", "is-active", *SERVICES]).stdout.split()
    return [unit for unit, state in zip(SERVICES, states, strict=True) if state != "active"]


def complete(lab: Lab, hosts: Iterable[HostSpec]) -> None:
    """Have what their trees promise on hosts of a bare release: the packages of a mail server.

    hosts: as they were asked for.
    """
    if not BARE:
        return
    packages = [name for one in RELEASE.daemons.values() for name in one.packages]
    command = ["dnf", "-q", "-y", "install", *RELEASE.base_packages, *packages]
    for spec in hosts:
        if spec.tree == f"{DEFAULT}-mail":
            lab.host(spec.name).check_run(command, timeout=300)


def _tree_of(tree: str) -> str:
    if BARE:
        return RELEASE.name
    return tree.replace(DEFAULT, RELEASE.name, 1)

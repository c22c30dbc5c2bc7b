"""What the lab needs of the machine it runs on, and how to get it.

The lab wants Linux, root, cgroup2, overlayfs on the disk that holds its state, and
a few Debian packages. `missing_requirements` says in words what is not there: the
tests print it as the reason why they did not run. `install_requirements` gets the
packages through apt, and keeps them from starting services of their own: the lab
runs its package cache itself, in the foreground, for as long as a lab is up.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.diagnostics import MailprovError
from provisioner.lab.cgroups import cgroup2_mount
from provisioner.lab.failures import lab_error
from provisioner.lab.places import state_root
from provisioner.lab.programs import run_program

# Debian package -> a program that it brings and the lab calls.
PACKAGES = {
    "debootstrap": "debootstrap",
    "systemd-container": "systemd-nspawn",
    "apt-cacher-ng": "apt-cacher-ng",
    "iproute2": "ip",
    "util-linux": "nsenter",
    "openssh-client": "ssh",
    "mount": "mount",
    "e2fsprogs": "mkfs.ext4",
}
_POLICY = Path("/usr/sbin/policy-rc.d")
_MASKS = (Path("/etc/systemd/system/apt-cacher-ng.service"),)
_INSTALL_SECONDS = 900
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


def missing_requirements() -> list[str]:
    """Return one reason for each thing the lab lacks here; empty when labs can run.

    Reads only; takes milliseconds.
    """
    if sys.platform != "linux":
        return ["lab hosts need Linux"]
    reasons = []
    if os.geteuid() != 0:
        reasons.append("lab hosts need root")
    if cgroup2_mount() is None:
        reasons.append("no cgroup2 hierarchy is mounted")
    if "overlay" not in Path("/proc/filesystems").read_text() and not _module_exists("overlay"):
        reasons.append("the kernel has no overlayfs")
    if _file_system(state_root()) == "overlay":
        reasons.append(
            f"{state_root()} lies on an overlay, which cannot hold another one "
            "(point MAILPROV_LAB_STATE at a real disk)"
        )
    missing = missing_packages()
    if missing:
        reasons.append("Debian packages are missing: " + " ".join(missing))
    return reasons


def missing_packages() -> list[str]:
    """Return the Debian packages that `install_requirements` would install."""
    path = os.environ.get("PATH", "") + os.pathsep + _SYSTEM_PATH
    return [
        package for package, program in PACKAGES.items() if not shutil.which(program, path=path)
    ]


def install_requirements() -> list[str]:
    """Install what is missing and return the names of the packages installed.

    Raises MailprovError when this is no Debian-like machine, or apt fails.
    """
    missing = missing_packages()
    if not missing:
        return []
    if not shutil.which("apt-get"):
        raise lab_error(
            "the lab's packages can only be installed with apt-get",
            got="no apt-get on this machine",
            fix="install by hand what brings: " + " ".join(PACKAGES[name] for name in missing),
        )
    with _services_kept_from_starting():
        try:
            _apt_get("install", "--yes", "--no-install-recommends", *missing)
        except MailprovError:
            # A new machine has no package lists yet, or old ones.
            _apt_get("update")
            _apt_get("install", "--yes", "--no-install-recommends", *missing)
    return missing


def _apt_get(*arguments: str) -> None:
    run_program(
        ["apt-get", *arguments],
        environment={"DEBIAN_FRONTEND": "noninteractive"},
        timeout=_INSTALL_SECONDS,
    )


def require_all() -> None:
    """Raise one MailprovError that names everything missing."""
    reasons = missing_requirements()
    if reasons:
        packages = missing_packages()
        raise lab_error(
            "this machine cannot run lab hosts",
            got="\n".join(reasons),
            fix=f"as root: apt-get install {' '.join(packages)}" if packages else "",
        )


@contextmanager
def _services_kept_from_starting() -> Iterator[None]:
    """Answer 101 (`do not start`) to the package scripts, and mask what must stay off.

    The mask stays: a cache that starts at the next boot would take the lab's place.
    """
    for mask in _MASKS:
        if mask.parent.is_dir() and not mask.exists() and not mask.is_symlink():
            mask.symlink_to("/dev/null")
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _module_exists(name: str) -> bool:
    folder = Path("/lib/modules", os.uname().release)
    return folder.is_dir() and any(folder.rglob(f"{name}.ko*"))


def _file_system(path: Path) -> str:
    """Return the type of the file system that holds path or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, this_kind, *_ = line.split(" ")
        if path.resolve().is_relative_to(target) and len(target) >= len(best):
            best, kind = target, this_kind
    return kind

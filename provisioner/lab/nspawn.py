"""Starts a host's box: private mounts, a pure cgroup2 tree, systemd-nspawn in it.

Everything that the box mounts lives in its own mount namespace and goes with it,
however it ends. The box is detached: neither a terminal's Ctrl-C nor the end of the
process that started it reaches it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from provisioner.lab.cgroups import Cgroup
from provisioner.lab.disk import Disk

KEEPER = "keeper"
# Arguments: group below a cgroup2 mount, then the disk's (see Disk.mount_arguments),
# then nspawn's own.
# Under a hybrid cgroup tree systemd cannot kill or list a unit's processes, hence the
# pure one. With --keep-unit nspawn leaves a reboot to whoever started it, and says so
# with 133. The shell waits in a group of its own: in the host's it would keep nspawn
# from giving systemd its controllers.
_BOOT = """
set -eu
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/nspawn
group=/sys/fs/cgroup$1
mkdir "$group/keeper"
echo $$ >"$group/keeper/cgroup.procs"
mount -t tmpfs tmpfs /run/systemd/nspawn
shift
[ -z "$1" ] || mount -t ext4 -o loop "$1" "$2"
mount -t overlay overlay -o "$3" "$4"
shift 4
status=133
while [ $status = 133 ]; do
    status=0
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec systemd-nspawn "$@"' \\
        sh "$group" "$@" || status=$?
done
"""


@dataclass(frozen=True, slots=True)
class Box:
    """What a box needs to know; `machine` is unique on this machine, `hostname` is not."""

    machine: str
    hostname: str
    namespace: str
    cgroup: Cgroup
    disk: Disk


def start_box(box: Box, console: Path) -> None:
    """Start the box, whose group and network namespace exist; returns at once.

    What the box prints goes to the file `console`, from its beginning.
    """
    nspawn = [
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--capability=CAP_NET_ADMIN",  # or nft and ip inside get EPERM
        f"--network-namespace-path=/run/netns/{box.namespace}",
        f"--directory={box.disk.root}",
        f"--machine={box.machine}",
        f"--hostname={box.hostname}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--boot",
    ]
    private = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", _BOOT, "sh"]
    arguments = [box.cgroup.inner_path, *box.disk.mount_arguments, *nspawn]
    with console.open("wb") as output:
        subprocess.run(
            ["setsid", "--fork", *private, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )

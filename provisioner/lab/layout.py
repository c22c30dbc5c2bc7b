"""Remakes a tree in the layout of another system, where no image of that system is to be had.

A layout is a folder below layouts/:

    build.sh        does it, in a chroot of the tree (read it for what is done)
    packages.spec   how Debian's binaries become packages of the other system
    packages/NAME   files that a package has beside them; a path mirrors the path on the host
    host/           files of the bare host, likewise

A host of such a tree boots, names itself and installs packages like the other system, and
has its paths, users and units. The binaries, and their versions, are Debian's.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_LAYOUTS = Path(__file__).parent / "layouts"

# Arguments: the tree's own layer, the layers below it, the layout's folder. What the work
# leaves lies on a tmpfs and goes with the namespace that this runs in.
LAY_OUT = """
set -eu
root=$1 lower=$2 layout=$3
mkdir "$root.layout-work" "$root.layout"
mount -t overlay overlay \\
    -o "lowerdir=$lower,upperdir=$root,workdir=$root.layout-work" "$root.layout"
root=$root.layout
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/mnt"
cp -R "$layout" "$root/mnt/layout"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" sh /mnt/layout/build.sh
"""


def layout_folder(name: str) -> Path:
    """Return the folder of a layout."""
    return _LAYOUTS / name


def layout_digest(name: str) -> str:
    """Return the SHA-256 of all that a layout's folder holds: names, modes to run, contents."""
    digest = hashlib.sha256()
    folder = layout_folder(name)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        runs = bool(path.stat().st_mode & 0o100)
        digest.update(f"{path.relative_to(folder)} {runs}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()

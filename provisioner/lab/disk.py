"""A lab host's disk: a writable layer over a root tree, kept from boot to boot.

On this machine it is a folder:

    upper/   all that the host ever wrote     work/   overlayfs's own
    root/    where the host's own mount namespace mounts the whole; empty outside it
    layers   the root tree's layers, topmost first: a disk stays with the tree it began on
    ssh_host_keys   the host's public keys as it was given them

or, for a disk of a given size, the first two lie on an ext4 file system of their own
(`disk.ext4`, mounted on `store/`, seen by the host only). Such a disk can be full, and
it can lose power: `drop_unsynced` makes it forget what was not yet fsynced.

While the host is down its files can be read and written here; while it runs they
must not be written (`Host.write_file` knows which way to go).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.lab.failures import lab_error
from provisioner.lab.identity import IdentityFile
from provisioner.lab.programs import run_program

_FS_IOC_SHUTDOWN = 0x8004587D
_WITHOUT_LOG_FLUSH = 2
_RELEASE_SECONDS = 20.0
# Arguments: as Disk.mount_arguments, then a command that finds the disk in $root.
_OFFLINE = """
set -eu
[ -z "$1" ] || mount -t ext4 -o loop "$1" "$2"
mount -t overlay overlay -o "$3" "$4"
export root="$4"
shift 4
exec "$@"
"""
_WRITE = (
    'umask 077; mkdir -p -m 755 "$(dirname "$root$1")" && cat >"$root$1" && chmod "$2" "$root$1"'
)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk in `folder` over `layers`, topmost first; `mib` is its size, 0 for a folder."""

    folder: Path
    layers: tuple[Path, ...]
    mib: int = 0

    @property
    def root(self) -> Path:
        """Where the host's mount namespace has the whole disk."""
        return self.folder / "root"

    @property
    def image(self) -> Path:
        """The ext4 file system of a disk with a size."""
        return self.folder / "disk.ext4"

    @property
    def store(self) -> Path:
        """The folder that holds the writable layer; for an image, where it is mounted."""
        return self.folder / "store" if self.mib else self.folder

    @property
    def mount_arguments(self) -> list[str]:
        """Image or "", its mount point, overlay options and mount point, for a shell."""
        lower = ":".join(str(layer) for layer in self.layers)
        options = f"lowerdir={lower},upperdir={self.store}/upper,workdir={self.store}/work"
        return [str(self.image) if self.mib else "", str(self.store), options, str(self.root)]

    @classmethod
    def open(cls, folder: Path, mib: int = 0) -> Disk:
        """Return the disk that was made in `folder`; without layers if there is none."""
        try:
            lines = (folder / "layers").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        return cls(folder, tuple(map(Path, lines)), mib)

    def is_usable(self) -> bool:
        """Tell whether the disk was made, and its tree is still in the cache."""
        own = self.image if self.mib else self.folder / "upper"
        return bool(self.layers) and all(path.exists() for path in (own, *self.layers))

    def create(self, files: Iterable[IdentityFile]) -> None:
        """Make a new disk with these files on it, in place of any older one."""
        self.destroy()
        building = self.folder.with_name(f".{self.folder.name}-building")
        shutil.rmtree(building, ignore_errors=True)
        made = Disk(building, self.layers, self.mib)
        for path in (made.root, made.store / "work", made.store / "upper"):
            path.mkdir(parents=True)
        # The root of the overlay takes its mode from here, and servers want it readable.
        (made.store / "upper").chmod(0o755)
        keys = []
        for file in files:
            _write_layer_file(made.store / "upper", self.layers, file)
            if file.path.startswith("/etc/ssh/") and file.path.endswith(".pub"):
                keys.append(file.content)
        (building / "ssh_host_keys").write_text("".join(keys))
        (building / "layers").write_text("".join(f"{layer}\n" for layer in self.layers))
        if self.mib:
            _make_image(made)
        building.rename(self.folder)

    def ssh_host_keys(self) -> list[str]:
        """Return the public host keys that the disk was made with, as in .pub files."""
        return (self.folder / "ssh_host_keys").read_text().splitlines()

    def write(self, file: IdentityFile) -> None:
        """Write one file of a host that is down."""
        if not self.mib:
            _write_layer_file(self.folder / "upper", self.layers, file)
            return
        self.wait_until_released()
        command = ["sh", "-c", _WRITE, "sh", file.path, f"{file.mode:o}"]
        self._run_offline(command, stdin=file.content)

    def read(self, path: str) -> str:
        """Return a file of a host that is down; raise MailprovError if there is none.

        Bytes that are not UTF-8 come as surrogate escapes.
        """
        if self.mib:
            self.wait_until_released()
            return self._run_offline(["sh", "-c", 'cat "$root$1"', "sh", path])
        for layer in (self.folder / "upper", *self.layers):
            candidate = layer / path.lstrip("/")
            if candidate.is_file():
                return candidate.read_text(errors="surrogateescape")
        raise lab_error(f"there is no file {path}", where=self.folder.name)

    def drop_unsynced(self, pid: int) -> None:
        """Lose power: the file system stops now, without what is in memory only.

        pid is a process in the host's mount namespace. Raises MailprovError for a
        disk without a size, whose file system is this machine's own.
        """
        if not self.mib:
            raise lab_error(
                "this host's disk cannot lose power",
                where=self.folder.name,
                fix="give its HostSpec a disk_mib, so that it has a file system of its own",
            )
        handle = os.open(f"/proc/{pid}/root{self.store}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, _FS_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_LOG_FLUSH))
        finally:
            os.close(handle)

    def wait_until_released(self) -> None:
        """Return once no loop device holds the image.

        A mount that came sooner would be given the old file system, which is dead or
        still being written. Raises MailprovError after 20 seconds.
        """
        deadline = time.monotonic() + _RELEASE_SECONDS
        while self.mib and self._is_held():
            if time.monotonic() > deadline:
                raise lab_error("the host's disk is still in use", where=str(self.image))
            time.sleep(0.02)

    def destroy(self) -> None:
        """Delete the disk; none is fine."""
        self.wait_until_released()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_held(self) -> bool:
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                if backing.read_text().strip() == str(self.image):
                    return True
            except OSError:
                continue  # detached in between
        return False

    def _run_offline(self, command: Sequence[str], stdin: str = "") -> str:
        private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _OFFLINE, "sh"]
        try:
            return run_program([*private, *self.mount_arguments, *command], stdin=stdin)
        finally:
            self.wait_until_released()


def _make_image(disk: Disk) -> None:
    """Move what is in the disk's store into a new file system of the disk's size."""
    with disk.image.open("wb") as image:
        image.truncate(disk.mib << 20)
    run_program(["mkfs.ext4", "-q", "-F", "-m", "0", "-d", str(disk.store), str(disk.image)])
    shutil.rmtree(disk.store)
    disk.store.mkdir()


def _write_layer_file(upper: Path, layers: Sequence[Path], file: IdentityFile) -> None:
    """Write into a layer; a folder that the layer lacks gets the mode it has further down.

    Overlayfs shows the topmost folder's owner and mode, so a careless mkdir would
    open, say, /root to everybody.
    """
    relative = Path(file.path.lstrip("/"))
    for parent in reversed(relative.parents[:-1]):
        folder = upper / parent
        if folder.is_dir():
            continue
        folder.mkdir()
        below = next((layer / parent for layer in layers if (layer / parent).is_dir()), None)
        if below is None:
            folder.chmod(0o700 if parent.name == ".ssh" else 0o755)
        else:
            # Not copystat: it would copy overlayfs's own mark that hides what is below.
            shutil.chown(folder, below.stat().st_uid, below.stat().st_gid)
            shutil.copymode(below, folder)
    target = upper / relative
    target.unlink(missing_ok=True)
    target.write_text(file.content, errors="surrogateescape")
    target.chmod(file.mode)

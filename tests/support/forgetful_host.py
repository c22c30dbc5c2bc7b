"""A host that is nothing but a disk, and that loses its power in the middle of a command.

The remote program runs as it is, in a mount namespace of its own, under a root whose /etc
and /var lie on a small ext4 file system. What it calls to change files (mv, ln, sync, …)
is counted, and at the chosen call the file system is shut down: whatever was not fsynced
is gone, as when the power fails. systemd and the daemons are played by a few lines of
shell (forgetful/) that keep units' states in /run, which is empty after each boot.

When the namespace ends nothing is left: no mount, no loop device, no process.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NEVER = 0
_COUNTED = ("mv", "ln", "rm", "cp", "sync", "mkdir", "install")
_SILENT = (
    "journalctl", "dpkg-query", "postconf", "postmap", "doveconf", "unbound-checkconf",
    "unbound-control",
)  # fmt: skip
_PARTS = Path(__file__).parent / "forgetful"
_MIB = 24
_SKELETON = """
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/unbound /etc/dovecot /etc/postfix
mkdir -p /var/lib /var/tmp
echo ID=debian >/etc/os-release
echo root:x:0:0::/:/bin/sh >/etc/passwd
echo root:x:0: >/etc/group
"""


@dataclass(frozen=True)
class ForgetfulHost:
    """One such host: its disk, its programs and /run, in a folder."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> ForgetfulHost:
        """Make a host with an empty disk in a folder that is not there yet."""
        host = cls(folder)
        shutil.copytree(_PARTS / "sbin", folder / "programs" / "sbin")
        for name in _COUNTED:
            host.add_program(name, (_PARTS / "sbin/counted").read_text())
        for name in _SILENT:
            host.add_program(name, "#!/bin/sh\n")
        # A link by way of /etc/alternatives, which the host does not have.
        awk = Path(shutil.which("awk") or "awk").resolve()
        host.add_program("awk", f'#!/bin/sh\nexec {awk} "$@"\n')
        host.boot()
        with host.image.open("wb") as file:
            file.truncate(_MIB * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(host.image)], check=True)
        text = 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/disk && mount -o loop "$0" /mnt/disk'
        text += " && mkdir /mnt/disk/etc /mnt/disk/var"
        subprocess.run(["unshare", "-m", "sh", "-c", text, str(host.image)], check=True)
        host.shell(_SKELETON)
        return host

    def copy(self, folder: Path) -> ForgetfulHost:
        """Return a host with the same disk, programs and units' states."""
        shutil.copytree(self.folder, folder)
        return ForgetfulHost(folder)

    @property
    def image(self) -> Path:
        return self.folder / "disk.ext4"

    @property
    def calls(self) -> int:
        """How many counted calls the last command made."""
        return int((self.folder / "run/calls").read_text())

    def run(
        self, text: str, *arguments: str, stdin: bytes = b"", crash: int = NEVER
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program of shell; `crash`: at which counted call the power fails."""
        run = self.folder / "run"
        (run / "calls").write_text("0\n")
        (run / "crash").write_text(f"{crash}\n")
        command = ["unshare", "-m", "sh", str(_PARTS / "enter.sh"), str(self.image), str(run)]
        command += [str(self.folder / "programs"), "/bin/sh", "-c", text, "mailprov", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)

    def shell(self, text: str) -> str:
        """Run a program of shell that has to succeed; return what it prints."""
        done = self.run(text)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def boot(self) -> None:
        """Forget what only /run knew; the enabled units have yet to start."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        (self.folder / "run").mkdir()

    def start_units(self) -> None:
        """Start what is enabled, as systemd does once the recovery has ended."""
        self.shell((_PARTS / "boot.sh").read_text())

    def stale_units(self) -> list[str]:
        """Return the units that are active and have not loaded what is on the disk."""
        return self.shell((_PARTS / "stale.sh").read_text()).split()

    def files(self) -> dict[str, bytes]:
        """Return the content of every file of the daemons and of resolv.conf, by path."""
        rows = self.shell((_PARTS / "files.sh").read_text()).splitlines()
        pairs = (row.split(" ", 1) for row in rows)
        return {path: base64.b64decode(content) for path, content in pairs}

    def add_program(self, name: str, text: str) -> None:
        """Put a program in the place of the host's own of that name."""
        path = self.folder / "programs/sbin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)


def missing_for_forgetful_hosts() -> list[str]:
    """Return what such hosts need and this machine lacks, in words."""
    programs = ("mkfs.ext4", "perl", "unshare", "losetup")
    missing = [f"{name} is missing" for name in programs if not shutil.which(name)]
    return missing if os.geteuid() == 0 else [*missing, "mounts need root"]


def pending_of(answer: bytes) -> str | None:
    """Return the serial that a transaction's answer says is pending."""
    match = re.search(rb"^@pending (\S+)$", answer, re.MULTILINE)
    return match[1].decode() if match else None

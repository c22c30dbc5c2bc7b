"""Faults behind which everything still seems to work, which `verify` has to see all the same.

Idle processes keep connections to a socket that nobody may open any more; and the prober's
mailbox is not where people's mail lies, so that its round trip passes while every delivery to
people fails.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deployed import DeployedSite, failed_ids

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

STORE = "/srv/vmail"
AUTH = "/var/spool/postfix/private/auth"
LMTP = "/var/spool/postfix/private/dovecot-lmtp"
DROP_IN = "/etc/systemd/system/dovecot.service.d/test.conf"
RESTART = "systemctl daemon-reload; systemctl restart dovecot"
OWNED = f"mode=700,uid=$(id -u vmail),gid=$(id -g vmail) tmpfs {STORE}"


@dataclass(frozen=True)
class Fault:
    """A fault of a host: how it comes, how it goes, which probe names it and in which words."""

    name: str
    come: str
    go: str
    probe: str
    words: str


FAULTS = (
    Fault(
        "a socket that nobody may open",
        f"chmod 000 {AUTH}",
        f"chmod 660 {AUTH}",
        f"link.{AUTH}@mail",
        "postfix may not connect",
    ),
    Fault(
        "a socket of somebody else",
        f"chown root:root {LMTP}",
        f"chown postfix:postfix {LMTP}",
        f"link.{LMTP}@mail",
        "postfix may not connect",
    ),
    Fault(
        "read-only for Dovecot alone",
        f"mkdir -p {DROP_IN.rpartition('/')[0]}; "
        f"printf '[Service]\\nReadOnlyPaths={STORE}\\n' >{DROP_IN}; {RESTART}",
        f"rm -f {DROP_IN}; {RESTART}",
        "store@mail",
        "Read-only file system",
    ),
    Fault(
        "read-only for everybody",
        f"mount --bind {STORE} {STORE}; mount -o remount,bind,ro {STORE}; {RESTART}",
        f"umount {STORE}; {RESTART}",
        "store@mail",
        "Read-only file system",
    ),
    Fault(
        "a full disk",
        f"mount -t tmpfs -o size=64k,{OWNED}; dd if=/dev/zero of={STORE}/x bs=1k; {RESTART}",
        f"umount {STORE}; {RESTART}",
        "store@mail",
        "No space left on device",
    ),
    Fault(
        "no inodes",
        f"mount -t tmpfs -o nr_inodes=1,{OWNED}; {RESTART}",
        f"umount {STORE}; {RESTART}",
        "store@mail",
        "No space left on device",
    ),
    Fault(
        "not mounted",
        f"echo 'tmpfs {STORE} tmpfs noauto 0 0' >>/etc/fstab; systemctl daemon-reload",
        f"sed -i '\\,{STORE},d' /etc/fstab; systemctl daemon-reload",
        "store@mail",
        "srv-vmail.mount is not mounted",
    ),
    Fault(
        "one domain's folder",
        f"install -d -o root -m 700 {STORE}/example.org; chown root {STORE}/example.org",
        f"chown vmail {STORE}/example.org",
        "store@mail",
        f"{STORE}/example.org: Permission denied",
    ),
)


@contextmanager
def at_fault(host: LabHost, fault: Fault) -> Iterator[None]:
    host.check_run(["sh", "-c", fault.come])
    try:
        yield
    finally:
        # So many restarts in so little time would otherwise be systemd's limit.
        host.check_run(["sh", "-c", f"systemctl reset-failed; {fault.go}"])


@pytest.mark.parametrize(
    "fault", [pytest.param(one, id=one.name.replace(" ", "-")) for one in FAULTS]
)
def test_a_fault_that_hides_is_named(beginner: DeployedSite, fault: Fault) -> None:
    with at_fault(beginner.host("mail"), fault):
        code, report = beginner.verify()
    got = {row["id"]: row for row in report["findings"] if row["status"] == "failed"}
    assert code == 1
    assert fault.words in got[fault.probe]["got"]
    assert got[fault.probe]["remedy"]


@contextmanager
def hanging(host: LabHost, image: Path) -> Iterator[None]:
    """Have a file system in the store's place that answers nobody."""
    with image.open("wb") as file:
        file.truncate(16 * 1024**2)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    attach = ["losetup", "-f", "--show", str(image)]
    loop = subprocess.run(attach, check=True, capture_output=True, text=True).stdout.strip()
    number = Path("/sys/block", Path(loop).name, "dev").read_text().strip().replace(":", " ")
    try:
        mount = f"mknod /root/loop b {number}; mount -t ext4 /root/loop {STORE}"
        owned = f"chown vmail:vmail {STORE}; chmod 700 {STORE}"
        host.check_run(["sh", "-ec", f"{mount}; {owned}; {RESTART}; fsfreeze -f {STORE}"])
        yield
    finally:
        thaw = f"fsfreeze -u {STORE}; while ls {STORE}/.mailprov-*; do sleep 0.1; done"
        host.run(["sh", "-c", f"{thaw}; umount {STORE}; rm /root/loop; {RESTART}"])
        subprocess.run(["losetup", "-d", loop], check=True)


def test_a_file_system_that_hangs_is_named_and_left_clean(
    beginner: DeployedSite, tmp_path: Path
) -> None:
    with hanging(beginner.host("mail"), tmp_path / "image"):
        code, report = beginner.verify()
    (found,) = (row for row in report["findings"] if row["id"] == "store@mail")
    assert (code, found["status"]) == (1, "failed"), failed_ids(report)
    assert "the file system timed out" in found["got"]


def test_status_names_a_socket_that_nobody_may_open(beginner: DeployedSite) -> None:
    with at_fault(beginner.host("mail"), FAULTS[0]):
        done = beginner.mailprov("status", "--json")
    (problem,) = json.loads(done.stdout)["hosts"]["mail"]["problems"]
    assert done.returncode == 1
    assert AUTH in problem


def test_no_configuration_is_confirmed_under_which_mail_cannot_be_stored(
    beginner: DeployedSite,
) -> None:
    changed = beginner.edited(
        "stored.yaml", ("logins_per_minute: 1000", "logins_per_minute: 1000, message_size: 19M")
    )
    read_only = FAULTS[3]
    with at_fault(beginner.host("mail"), read_only):
        done = beginner.mailprov("apply", site=changed)
    assert done.returncode == 1
    assert "Can mail be stored in /srv/vmail?" in done.stderr
    assert read_only.words in done.stderr
    assert beginner.mailprov("plan").returncode == 0


def test_afterwards_nothing_is_wrong_and_nothing_is_left(beginner: DeployedSite) -> None:
    code, report = beginner.verify()
    assert (code, failed_ids(report)) == (0, set())
    host = beginner.host("mail")
    assert host.check_run(["find", STORE, "-name", ".mailprov-*"]) == ""

"""One cell of the fault matrix: an apply, held at a step, a fault there, and what came of it.

Each cell begins on a disk that was put back to a known state. The apply is held at its
gate (support.stopping), the fault happens, the apply is let go, and the host is left to
itself until it has settled. Then it must be wholly as it was or wholly as it was to be, its
services up, nothing lying about, and what the controller said must be true; and the next
apply must bring it to where it was to be.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provisioner.lab import LabHost
from support.deployed import DeployedSite, failed_ids
from support.release import SERVICES
from support.under_way import wait_for

GATES = "run/mailprov-stop"
WITHIN = 10
"""Seconds after which an unconfirmed configuration returns."""
_PENDING = "/var/lib/mailprov/pending"
_LOCK = "/var/lib/mailprov/lock"
_UNITS = tuple(reversed(SERVICES))
# Files by their content, the key that the host makes by its path alone. What the prober
# logs in with stays, once it was made, and so do the keys that the vendor's own unit makes
# for unbound-control(8).
_TREE = r"""
cd / && find etc/postfix etc/dovecot etc/unbound etc/sysconfig/unbound etc/mailprov \
    etc/pam.d/mailprov etc/firewalld/policies/mailprov.xml etc/systemd/system/dovecot.service.d \
    etc/resolv.conf \
    \( -type f -o -type l \) ! -name '*.mailprov-*' \
    2>/dev/null | sort | while read -r path; do
    case $path in
        etc/dovecot/mailprov/probe | etc/postfix/mailprov/probe) ;;
        etc/unbound/unbound_*.key | etc/unbound/unbound_*.pem) ;;
        etc/mailprov/tls/site.pem) echo "made  $path" ;;
        *) sha256sum "$path" ;;
    esac
done
"""
_IDS = re.compile(r"\b([0-9]+-)?[0-9a-f]{12,16}\b")
_OF_DIRECTORY = re.compile(r"etc/(postfix|dovecot)/mailprov/(?!.*\.regexp$)")
_CUT = """
for process in /proc/[0-9]*; do
    ! grep -q '^sshd: root' "$process/cmdline" 2>/dev/null || kill -KILL "${process#/proc/}"
done
"""
_LITTER = "find /etc -name '*.mailprov-*'; ls -d /var/lib/mailprov/stage 2>/dev/null; true"


class Fault(StrEnum):
    """What happens while the apply is held."""

    CUT = "SSH cut"
    STALLED = "SSH stalled"
    KILLED = "controller killed"
    DOWN = "host killed"
    POWER = "power lost"


@dataclass(frozen=True)
class Look:
    """What a host is. configuration, directory: digests by path. units: which are active."""

    configuration: Mapping[str, str]
    directory: Mapping[str, str]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Bench:
    """A host on which applies are broken off, the site to apply, and the disk to begin with.

    disk: a copy of the host's disk while it was down. old, new: how the host looks before
    and after an apply that nothing disturbs.
    """

    site: DeployedSite
    host: LabHost
    wanted: Path
    disk: Path
    old: Look
    new: Look

    def reset(self) -> None:
        """Put the disk back and boot."""
        put_disk(self.host, self.disk)

    def try_out(self, step: int, fault: Fault) -> str:
        """Carry out one cell; return which configuration it ended with, `old` or `new`."""
        self.reset()
        with held_apply(self.site, self.host, self.wanted, step) as process:
            break_off(self.host, process, fault)
            said = wait_for_end(process)
        settle(self.host, fault)
        end = self.judge(said, fault)
        self.converge()
        return end

    def judge(self, said: tuple[int, str], fault: Fault) -> str:
        """Return which configuration is in force; fail where it is none or the story is untrue."""
        code, text = said
        now = look_at(self.host)
        ends = {"old": self.old, "new": self.new}
        whole = [end for end, look in ends.items() if now.configuration == look.configuration]
        assert whole, f"mixed: {differences(now, self.old)} and {differences(now, self.new)}"
        assert now.units == ends[whole[0]].units, (whole[0], now.units)
        for path, digest in now.directory.items():
            known = {look.directory.get(path) for look in ends.values()}
            assert digest in known, f"{path} is neither old nor new"
        if fault is not Fault.KILLED:
            assert "Traceback" not in text, text
            assert code == 0 or "fix" in text, text
            assert code != 0 or whole == ["new"], (
                f"exit code 0, and the old one is in force\n{text}"
            )
        return whole[0]

    def converge(self) -> None:
        """Apply once more, undisturbed; fail unless that makes the host what it was to be."""
        applied = self.site.apply(site=self.wanted)
        now = look_at(self.host)
        assert now == self.new, differences(now, self.new)
        assert self.host.check_run(["sh", "-c", _LITTER]) == ""
        assert self.site.mailprov("plan", site=self.wanted).returncode == 0
        if applied["verify"] is None:  # nothing was left to change
            code, report = self.site.verify(site=self.wanted)
            assert code == 0, failed_ids(report)


def put_disk(host: LabHost, disk: Path) -> None:
    """Boot the host with a copy of a disk."""
    host.kill()
    host.disk.wait_until_released()
    subprocess.run(["cp", "--sparse=always", str(disk), str(host.disk.image)], check=True)
    host.boot()
    host.wait_until_ready()
    host.wait_until_settled()


def keep_disk(host: LabHost, disk: Path) -> None:
    """Keep a copy of the host's disk, and boot it again."""
    host.check_run(["systemctl", "stop", "postfix", "dovecot", "unbound"])
    host.check_run(["sync"])
    host.kill()
    host.disk.wait_until_released()
    shutil.copyfile(host.disk.image, disk)
    put_disk(host, disk)


def look_at(host: LabHost) -> Look:
    """Return how the host looks."""
    rows = host.check_run(["sh", "-c", _TREE]).splitlines()
    files = {path: digest for digest, path in (row.split(None, 1) for row in rows)}
    users = {path for path in files if _OF_DIRECTORY.match(path)}
    active = [
        unit for unit in _UNITS if host.run(["systemctl", "-q", "is-active", unit]).returncode == 0
    ]
    return Look(
        {path: digest for path, digest in files.items() if path not in users},
        {path: digest for path, digest in files.items() if path in users},
        tuple(active),
    )


def differences(one: Look, other: Look) -> list[str]:
    """Return the paths, and units, by which two looks differ."""
    units = [] if one.units == other.units else [f"units {one.units} {other.units}"]
    mine, others = (
        {**one.configuration, **one.directory},
        {**other.configuration, **other.directory},
    )
    return [path for path in sorted({*mine, *others}) if mine.get(path) != others.get(path)] + units


@contextlib.contextmanager
def held_apply(
    site: DeployedSite, host: LabHost, wanted: Path, step: int
) -> Iterator[subprocess.Popen[str]]:
    """Yield an apply that waits at its gate of that number; 0, one that goes through."""
    gates = folder_of(host)
    gates.mkdir()
    (gates / "number").write_text(f"{step}\n")
    command = [sys.executable, "-m", "support.stopping", "apply", str(wanted)]
    command += ["--confirm-within", str(WITHIN)]
    variables = {**site.variables, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            if step:
                wait_for((gates / "here").exists, 60, f"gate {step} was not reached")
            yield process
        finally:
            process.kill()


def folder_of(host: LabHost) -> Path:
    """Return the folder of the host's gates, as this machine sees it."""
    return Path(f"/proc/{host.leader}/root", GATES)


def steps_of(site: DeployedSite, host: LabHost, wanted: Path) -> list[str]:
    """Apply undisturbed; return the names of the gates that it went through, ids left out."""
    with held_apply(site, host, wanted, 0) as process:
        code, text = wait_for_end(process)
    assert code == 0, text
    steps = (folder_of(host) / "seen").read_text().splitlines()
    shutil.rmtree(folder_of(host))
    return [_IDS.sub("ID", step).strip() for step in steps]


def break_off(host: LabHost, process: subprocess.Popen[str], fault: Fault) -> None:
    """Have the fault happen, and let the apply go on where it can."""
    match fault:
        case Fault.CUT:
            host.check_run(["sh", "-c", _CUT])
        case Fault.STALLED:
            host.cut_network()
        case Fault.KILLED:
            process.send_signal(signal.SIGKILL)
        case Fault.DOWN:
            host.kill()
        case Fault.POWER:
            host.lose_power()
    if fault in {Fault.DOWN, Fault.POWER}:
        host.boot()
        host.wait_until_ready()
    else:
        (folder_of(host) / "go").touch()


def wait_for_end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and what was said."""
    said, _ = process.communicate(timeout=420)
    return process.returncode, said


def settle(host: LabHost, fault: Fault) -> None:
    """Return once the host has nothing pending and nobody changes it; mend what the fault cut."""
    undisturbed = f"[ ! -e {_PENDING} ] && flock -n {_LOCK} true"
    is_settled = f"[ ! -e {_LOCK} ] || {{ {undisturbed}; }}"
    wait_for(lambda: host.run(["sh", "-c", is_settled]).returncode == 0, 90, "it does not settle")
    if fault is Fault.STALLED:
        host.restore_network()
    host.wait_until_settled()
    shutil.rmtree(folder_of(host), ignore_errors=True)

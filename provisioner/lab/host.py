"""One lab host: a Debian server with its own systemd, in a box on this machine.

`boot` starts it (see `nspawn`); it then outlives the process that booted it. `kill`
is a SIGKILL of everything at once, and `boot` again finds the same disk. That is
death of the processes: the page cache survives it. `lose_power` is that and a disk
that forgets what nobody fsynced.

`run` enters the running host without SSH and without its network, for a second
opinion on what SSH reports and for breaking things on purpose.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.diagnostics import MailprovError
from provisioner.lab import network
from provisioner.lab.addresses import Address, namespace_name, veth_name
from provisioner.lab.cgroups import Cgroup
from provisioner.lab.disk import Disk
from provisioner.lab.failures import lab_error
from provisioner.lab.identity import IdentityFile
from provisioner.lab.nspawn import KEEPER, Box, start_box
from provisioner.lab.programs import tail

READY_SECONDS = 60.0
_START_SECONDS = 5.0  # a host without a process by then died at its start
_POLL_SECONDS = 0.05
_SSH_PORT = 22
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_INIT = "payload/init.scope"
_ENTER = 'echo $$ >"$1/cgroup.procs" && shift && exec nsenter "$@"'
_ENTERED = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root")
_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "USER=root",
    "LC_ALL=C.UTF-8",
)


@dataclass(frozen=True, slots=True)
class LabHost:
    """A host of lab `number`; making the object touches nothing on the machine."""

    name: str
    number: int
    addresses: tuple[Address, ...]
    disk: Disk

    @property
    def address(self) -> str:
        """The first address, as text."""
        return str(self.addresses[0])

    @property
    def cgroup(self) -> Cgroup:
        """The group that holds every process of the host."""
        return Cgroup(f"{self.number}/{self.name}")

    @property
    def namespace(self) -> str:
        """Name of the host's network namespace, as `ip netns` shows it."""
        return namespace_name(self.number, self.name)

    @property
    def cable(self) -> str:
        """Name of the interface at the bridge's end of the host's cable."""
        return veth_name(self.number, self.name)

    @property
    def console(self) -> Path:
        """The file with what the host printed on its console since it last booted."""
        return self.disk.folder / "console.log"

    def boot(self) -> None:
        """Start the host unless it runs; returns before it is ready."""
        if self.is_running():
            return
        self.cgroup.remove()
        self.cgroup.create()
        network.plug_in(self.number, self.name, self.addresses)
        self.disk.wait_until_released()
        machine = f"lab{self.number}-{self.name}"
        start_box(Box(machine, self.name, self.namespace, self.cgroup, self.disk), self.console)

    def is_running(self) -> bool:
        """Tell whether any process of the host lives."""
        return self.cgroup.is_populated()

    @property
    def leader(self) -> int | None:
        """The host's PID 1 as this machine numbers it, or None while it is down."""
        for pid in self.cgroup.pids(_INIT):
            with contextlib.suppress(OSError):
                status = Path("/proc", str(pid), "status").read_text()
                inner = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                if inner.split()[-1] == "1":
                    return pid
        return None

    def wait_until_ready(self, timeout: float = READY_SECONDS) -> None:
        """Return once sshd greets; raise MailprovError with the console after `timeout` seconds."""
        begun = time.monotonic()
        while self.leader is None or not self._sshd_greets():
            waited = time.monotonic() - begun
            if waited > timeout or (waited > _START_SECONDS and not self.is_running()):
                shown = self.console.read_text(errors="replace") if self.console.exists() else ""
                raise lab_error(
                    f"the lab host {self.name} is not ready after {waited:.0f} seconds",
                    where=str(self.console),
                    got=tail(_COLOURS.sub("", shown)),
                    want=f"an SSH greeting from {self.address}",
                )
            time.sleep(_POLL_SECONDS)

    def wait_until_settled(self, timeout: float = READY_SECONDS) -> str:
        """Wait until every start job is done and return systemd's state, such as `running`."""
        done = self.run(["systemctl", "is-system-running", "--wait"], timeout=timeout)
        return done.stdout.strip()

    def kill(self) -> None:
        """SIGKILL every process of the host, and return when all are gone; down is fine."""
        self.cgroup.kill()
        self.cgroup.remove()

    def lose_power(self) -> None:
        """As `kill`, and the disk keeps only what was fsynced, or was old enough.

        Needs a disk of its own (`HostSpec.disk_mib`); raises MailprovError otherwise.
        """
        keepers = self.cgroup.pids(KEEPER)
        if not keepers:
            raise lab_error(f"the lab host {self.name} is not running", fix="boot it first")
        # Frozen first: nothing in the host may live to see its file system fail.
        self.cgroup.freeze()
        try:
            self.disk.drop_unsynced(keepers[0])
        except MailprovError:
            self.cgroup.thaw()
            raise
        self.kill()
        self.disk.wait_until_released()

    def cut_network(self) -> None:
        """Pull the host's cable; it keeps its addresses and sees its carrier go."""
        network.set_cable(self.number, self.name, up=False)

    def restore_network(self) -> None:
        """Plug the cable in again."""
        network.set_cable(self.number, self.name, up=True)

    def command_argv(self, argv: Sequence[str], group: Path) -> list[str]:
        """Return the command line of this machine that runs argv as root in the host.

        group is a cgroup folder of the host (see `visitor_group`), so that the
        command dies with the host. Raises MailprovError while the host is down.
        """
        leader = self.leader
        if leader is None:
            raise lab_error(f"the lab host {self.name} is not running", fix="boot it first")
        enter = [f"--target={leader}", *_ENTERED]
        # env's own -C: nsenter would resolve a folder on this side of the mount namespace.
        command = ["/usr/bin/env", "-i", "-C", "/root", *_ENVIRONMENT, *argv]
        return ["sh", "-c", _ENTER, "sh", str(group), *enter, "--", *command]

    def shell_argv(self) -> list[str]:
        """Return the command line of an interactive root shell, to be exec'ed."""
        term = os.environ.get("TERM", "dumb")
        return self.command_argv(["env", f"TERM={term}", "bash", "-l"], self.visitor_group())

    def visitor_group(self) -> Path:
        """Make and return a cgroup inside the host for one command from outside."""
        folder = self.cgroup.folder / "payload" / f"visitor-{uuid.uuid4().hex[:12]}"
        try:
            folder.mkdir()
        except FileNotFoundError as problem:
            raise lab_error(
                f"the lab host {self.name} is not running", fix="boot it first"
            ) from problem
        return folder

    def run(
        self, argv: Sequence[str], *, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run argv as root in the host, without SSH, and return its exit code and output.

        Works with the network cut. Any exit code is an answer; one below zero is
        the signal that ended the command. What the command leaves running stays
        until the host goes down. Bytes that are not UTF-8 come as surrogate escapes.
        Raises MailprovError when the host is down or `timeout` seconds are over; the
        command and all its children are then killed.
        """
        group = self.visitor_group()
        with subprocess.Popen(
            self.command_argv(argv, group),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired as problem:
                (group / "cgroup.kill").write_text("1")
                process.kill()
                process.communicate()
                raise lab_error(
                    f"a command in the lab host did not end within {timeout:g} seconds",
                    where=self.name,
                    got=shlex.join(argv),
                ) from problem
            finally:
                with contextlib.suppress(OSError):  # busy: the command left something running
                    group.rmdir()
        return subprocess.CompletedProcess(list(argv), process.returncode, out, err)

    def check_run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 120) -> str:
        """As `run`, and return standard output; raise MailprovError unless it exits with 0."""
        done = self.run(argv, stdin=stdin, timeout=timeout)
        if done.returncode != 0:
            raise lab_error(
                f"a command in the lab host failed with exit status {done.returncode}",
                where=f"{self.name}: {shlex.join(argv)}"[:400],
                got=tail(done.stderr or done.stdout),
            )
        return done.stdout

    def write_file(self, path: str, content: str, mode: int = 0o644) -> None:
        """Write a file of root's with these permission bits, whether the host runs or not.

        path is absolute; its folder is made if need be.
        """
        if not self.is_running():
            self.disk.write(IdentityFile(path, content, mode))
            return
        script = (
            'umask 077; mkdir -p -m 755 "$(dirname "$1")" && cat >"$1.lab-new"'
            ' && chmod "$2" "$1.lab-new" && mv "$1.lab-new" "$1"'
        )
        self.check_run(["sh", "-c", script, "sh", path, f"{mode:o}"], stdin=content)

    def read_file(self, path: str) -> str:
        """Return a file's text, whether the host runs or not.

        Raises MailprovError when there is no such file.
        """
        if self.is_running():
            return self.check_run(["cat", "--", path])
        return self.disk.read(path)

    def destroy(self) -> None:
        """Kill the host and remove its cable, namespace, processes and disk."""
        self.kill()
        network.unplug(self.number, self.name)
        self.disk.destroy()

    def _sshd_greets(self) -> bool:
        try:
            with socket.create_connection((self.address, _SSH_PORT), timeout=1) as connection:
                greeting = connection.recv(4)
                run = greeting == b"SSH-"
                if run:  # an answer keeps the host's log free of a complaint
                    connection.sendall(b"SSH-2.0-lab\r\n")
                return run
        except OSError:
            return False


def stop_everything(number: int) -> None:
    """Kill every host of a lab by the lab's number alone."""
    Cgroup(str(number)).remove()

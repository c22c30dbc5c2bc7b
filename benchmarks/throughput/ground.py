"""The mail host that is measured, and the one that asks it questions.

The mail host has a file system of its own (ext4) on a disk of this machine. So a daemon that syncs
waits for a disk. Each variant is installed on it once and kept. `become` restores one, with empty
mailboxes, and starts the daemons anew. The processor time comes from the host's control group, and
the number of disk flushes from the block device. Reading them costs the host nothing.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import mailprov
from benchmarks.hosts import UNITS, Hosts
from benchmarks.measure import parse_cpu
from benchmarks.resources import generations_of
from benchmarks.throughput import variants
from benchmarks.throughput.dns_load import ZONE, question_file, right_answers, zone_records
from benchmarks.throughput.mail_load import IMAPS, SUBMISSIONS, Account, serial_of
from benchmarks.throughput.variants import OURS, SHARED, TUNED, User
from provisioner.lab import HostSpec, Lab, LabHost
from provisioner.lab.publish import publish_sites
from provisioner.model.site import Site
from provisioner.site.load import parse_site

_LOAD = "load"
_DISK_MIB = 3072
_READY_SECONDS = 30.0
_DRAIN_SECONDS = 120.0
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get -q -y --no-install-recommends install dnsperf
"""
_SYNCS = "dd if=/dev/zero of=/srv/syncs bs=4k count=$1 oflag=dsync status=none; rm /srv/syncs"
_SYNC_COUNT = 200
_QUEUES = ("maildrop", "incoming", "active")
_FLUSHES = 15  # the field of a block device's stat (Documentation/block/stat.rst)


class ThroughputError(Exception):
    """A variant did not do its work, or not all of it."""


@dataclass(frozen=True)
class Ground:
    """Hosts that are up. users: of every variant."""

    hosts: Hosts
    users: tuple[User, ...]

    @classmethod
    def up(cls, name: str, users: Sequence[User]) -> Ground:
        """Bring the hosts up, and add the zone of the questions to the lab's internet."""
        mail = HostSpec(
            variants.HOST,
            (variants.ADDRESS,),
            "debian-12-mail",
            fqdn=variants.FQDN,
            disk_mib=_DISK_MIB,
        )
        lab = Lab.up(name, [mail, HostSpec(_LOAD, (variants.LOAD_ADDRESS,))])
        lab.internet.add_zone(ZONE, zone_records())
        ground = cls(Hosts(lab, (variants.HOST,)), tuple(users))
        ground.load.check_run(["sh", "-c", _INSTALL], timeout=300)
        questions = tuple(right_answers(ground.address))
        ground.load.write_file("/root/questions", question_file(questions))
        ground.mail.check_run(["systemctl", "disable", "--now", *UNITS])
        ground.hosts.keep("found")
        return ground

    @property
    def mail(self) -> LabHost:
        """The host that is measured."""
        return self.hosts.lab.host(variants.HOST)

    @property
    def load(self) -> LabHost:
        """The host that asks the resolver."""
        return self.hosts.lab.host(_LOAD)

    @property
    def address(self) -> str:
        """The mail host's address."""
        return self.mail.address

    def prepare(self, names: Sequence[str], folder: Path) -> None:
        """Install each of these variants on the host once and keep it. folder: of the site file."""
        site_file = folder / "site.yaml"
        text = self.hosts.lab.site(variants.site_text(self.users))
        site = parse_site(text.encode(), str(site_file)).site
        publish_sites(self.hosts.lab.internet, [site])
        for name in names:
            self._stop()
            self.hosts.return_to("found")
            if name in {OURS, SHARED}:
                text = variants.site_text(self.users, _processors() if name == SHARED else 0)
                site_file.write_text(self.hosts.lab.site(text), encoding="utf-8")
                self._apply(site_file)
            else:
                self._configure(site, tuned=name == TUNED)
            self._settle()
            self.hosts.keep(name)

    def become(self, name: str) -> tuple[Account, ...]:
        """Restore a variant, with empty mailboxes, and return its users' accounts."""
        self._stop()
        self.hosts.return_to(name)
        self._settle()
        pem = ssl.get_server_certificate((self.address, IMAPS))
        return tuple(Account(self.address, pem, user.address, user.password) for user in self.users)

    def cpu(self) -> float:
        """Return the seconds of processor time that the mail host has spent since it booted."""
        return parse_cpu((self.mail.cgroup.folder / "cpu.stat").read_text())

    def load_cpu(self) -> float:
        """Return the processor time of the host that asks questions, in seconds."""
        return parse_cpu((self.load.cgroup.folder / "cpu.stat").read_text())

    def flushes(self) -> int:
        """Return the number of flushes of the host's disk so far."""
        image = str(self.mail.disk.image)
        for loop in Path("/sys/block").glob("loop*"):
            backing = loop / "loop/backing_file"
            if backing.exists() and backing.read_text().strip() == image:
                return int((loop / "stat").read_text().split()[_FLUSHES])
        raise ThroughputError("the mail host's disk is not mounted")

    def sync_milliseconds(self) -> float:
        """Return the time of one synchronous write of 4 KiB on the mail host, in ms."""
        self.mail.check_run(["sh", "-c", _SYNCS, "sh", str(_SYNC_COUNT)])
        begun = time.perf_counter()
        self.mail.check_run(["sh", "-c", _SYNCS, "sh", str(_SYNC_COUNT)])
        return (time.perf_counter() - begun) / _SYNC_COUNT * 1000

    def drain(self) -> None:
        """Return once no message waits in the queue; ThroughputError if one stays."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while any(any(os.scandir(self._inside(f"/var/spool/postfix/{q}"))) for q in _QUEUES):
            if time.monotonic() > deadline:
                raise ThroughputError("messages stay in the queue:\n" + self._queue())
            time.sleep(0.01)

    def delivered(self) -> list[str]:
        """Return the serials of all whole messages in all mailboxes, "" for any other file."""
        return [serial_of(Path(path).read_bytes()) for path in self._stored()]

    def _stored(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._inside(f"/srv/vmail/{variants.DOMAIN}")):
            if folder.endswith(("/Maildir/new", "/Maildir/cur")):
                yield from (f"{folder}/{file}" for file in files)

    def _inside(self, path: str) -> Path:
        """Return a path of the running host as this machine sees it, without asking the host."""
        return Path(f"/proc/{self.mail.leader}/root{path}")

    def _queue(self) -> str:
        return self.mail.run(["postqueue", "-p"]).stdout[-2000:]

    def _stop(self) -> None:
        self.mail.check_run(["systemctl", "stop", *UNITS])
        # A unit that a test before had fail would not start again at once.
        self.mail.run(["systemctl", "reset-failed", *UNITS])

    def _apply(self, site_file: Path) -> None:
        done = subprocess.run(
            [mailprov(), "apply", str(site_file)],
            env={**os.environ, "HOME": str(self.hosts.lab.home), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ThroughputError(f"apply: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def _configure(self, site: Site, *, tuned: bool) -> None:
        """Make a host with Debian's own configuration do the work."""
        dovecot = variants.dovecot_advice(_processors()) if tuned else ()
        unbound = variants.unbound_advice(_processors()) if tuned else ()
        lab = self.hosts.lab
        zones = _known_names(site)
        drop_in = variants.unbound_site(zones, lab.trust_anchor, unbound)
        write = self.mail.write_file
        write("/etc/dovecot/local.conf", variants.dovecot_local(dovecot))
        write("/etc/dovecot/users", variants.dovecot_users(self.users), mode=0o640)
        write("/etc/postfix/vmailbox", variants.postfix_users(self.users))
        write("/etc/unbound/unbound.conf.d/site.conf", lab.site(drop_in))
        settings = list(variants.postfix_settings())
        settings += [advice.line for advice in variants.postfix_advice() if tuned]
        self.mail.check_run(["sh", "-c", variants.STOCK_SCRIPT, "sh", *settings])
        self.mail.check_run(["systemctl", "enable", "--now", *UNITS])

    def _settle(self) -> None:
        """Return once the daemons answer, with the settings that make mail durable."""
        deadline = time.monotonic() + _READY_SECONDS
        for port in (SUBMISSIONS, IMAPS, 53):
            while not self._listens(port):
                if time.monotonic() > deadline:
                    said = self.mail.run(["journalctl", "-n", "40", "--no-pager"]).stdout
                    raise ThroughputError(f"nobody listens on port {port}:\n{said}")
                time.sleep(0.05)
        fsync = self.mail.check_run(["doveconf", "-h", "mail_fsync"]).strip()
        if fsync != "optimized":
            raise ThroughputError(f"mail_fsync is {fsync}: this variant is not comparable")

    def _listens(self, port: int) -> bool:
        try:
            socket.create_connection((self.address, port), timeout=1).close()
        except OSError:
            return False
        return True


def stock_and_tuned_differ_by() -> tuple[variants.Advice, ...]:
    """Return all advice that `tuned` follows on this machine."""
    cores = _processors()
    dovecot, unbound = variants.dovecot_advice(cores), variants.unbound_advice(cores)
    return (*variants.postfix_advice(), *dovecot, *unbound)


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _known_names(site: Site) -> str:
    """Return the server clause with which mailprov has a resolver know the site's names."""
    (generation,) = generations_of(site)
    (zones,) = (a for a in generation.artifacts if a.path.endswith("mailprov-zones.conf"))
    return zones.content.decode()

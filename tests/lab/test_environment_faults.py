"""What becomes of an apply where the host's surroundings fail.

After each fault the host runs wholly the old or wholly the new configuration, mail
services are up, the message says what happened and what to do, and the next apply
converges. A test applies a message size that nobody had before, so that the two
configurations can be told apart.
"""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.host_faults import PENDING, STATE, disk_with, file_system_of, fill, mounted
from support.release import POSTFIX, needs_debian, resting
from support.under_way import applying, follow, wait_until

from provisioner.lab import HostSpec, LabHost

pytestmark = pytest.mark.lab


LIMITS = "logins_per_minute: 1000"
MIB = 1024**2
FULL = "free space there"
# What the staging leaves room for, and what it does not, in KiB.
ROOM_FOR_NOTHING, ROOM_FOR_HALF_THE_STAGE = 0, 150


@dataclass
class Mail:
    """The beginner's site on a host with a disk of its own, and the site file in force."""

    site: DeployedSite
    host: LabHost
    in_force: Path
    sizes: Iterator[int] = field(default_factory=lambda: itertools.count(60))

    def another(self, *edits: tuple[str, str]) -> tuple[Path, int]:
        """Return a site file that nobody applied yet, and the message size that it has."""
        size = next(self.sizes)
        limits = f"{LIMITS}, message_size: {size}M"
        reload = ("domain:", f"imap: {{connections: {size}}}\ndomain:")
        return self.site.edited(f"size-{size}.yaml", (LIMITS, limits), reload, *edits), size

    def size(self) -> int:
        return int(self.host.check_run(["postconf", "-h", "message_size_limit"])) // MIB

    def refused(self, path: Path, *, code: int = 1) -> str:
        """Return what an apply says that must not succeed."""
        done = self.site.mailprov("apply", site=path)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "fix:" in done.stderr
        return done.stderr

    def assert_old(self, *, size: int) -> None:
        """Fail unless the host runs the configuration in force as a whole and nothing else."""
        host = self.host
        assert self.size() == size
        assert host.run(["test", "-e", PENDING]).returncode == 1
        assert "soft_bounce" not in host.read_file("/etc/postfix/main.cf")
        assert resting(host) == []
        litter = ["find", "/etc", STATE, "-name", "*.mailprov-*", "-o", "-name", "stage"]
        assert host.check_run(litter) == ""
        plan = self.site.mailprov("plan", site=self.in_force)
        assert plan.returncode == 0, plan.stdout + plan.stderr

    def converge(self, path: Path, size: int) -> None:
        """Apply a site, which verifies it with real mail, and have it in force."""
        self.site.apply(site=path)
        self.in_force = path
        assert self.size() == size

    def last_outcome(self) -> str:
        line = self.host.check_run(["tail", "-n", "1", f"{STATE}/history"])
        return line.rstrip("\n").split("\t")[-1]


@pytest.fixture(scope="module")
def mail(lab_factory: LabFactory, beginner_text: str) -> Mail:
    spec = HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail", disk_mib=400)
    lab = lab_factory("faults", [spec])
    path = lab.home / "site.yaml"
    path.write_text(lab.site(beginner_text) + f"submission: {{{LIMITS}}}\n", encoding="utf-8")
    site = DeployedSite(lab, path, {"ALICE_PASSWORD": "correct horse battery staple"})
    site.apply()
    return Mail(site, lab.host("mail"), path)


# Disks


def test_a_full_disk_is_told_before_anything_live_changes(mail: Mail) -> None:
    path, size = mail.another()
    before = mail.size()
    for free in (ROOM_FOR_NOTHING, ROOM_FOR_HALF_THE_STAGE):
        with disk_with(mail.host, free):
            said = mail.refused(path)
            down = resting(mail.host)
        assert "nothing live was changed" in said
        assert "No space left on device" in said
        assert FULL in said
        assert down == []
        mail.assert_old(size=before)
    mail.converge(path, size)


def test_a_disk_that_fills_up_in_the_middle_of_the_activation_undoes_it(mail: Mail) -> None:
    path, size = mail.another()
    before = mail.size()
    override = "/etc/systemd/system/dovecot.service.d/fault.conf"
    # Dovecot's files are in place then, Postfix's are not.
    full = "dd if=/dev/zero of=/var/ballast-end bs=64K; dd if=/dev/zero of=/var/ballast bs=1K"
    mail.host.check_run(["mkdir", "-p", override.rpartition("/")[0]])
    mail.host.write_file(
        override, f"[Service]\nExecReload=\nExecReload=/bin/sh -c '{full}; false'\n"
    )
    mail.host.check_run(["systemctl", "daemon-reload"])
    try:
        with disk_with(mail.host, 20 * 1024):
            said = mail.refused(path)
            room = mail.host.check_run(["df", "--output=avail", "-B1024", "/var"]).split()[-1]
            there = (mail.size(), mail.host.run(["test", "-e", PENDING]).returncode)
    finally:
        mail.host.check_run(["rm", override])
        mail.host.check_run(["systemctl", "daemon-reload"])
    assert int(room) < 1024
    assert there == (before, 1)
    assert "the old configuration is in force again" in said
    mail.assert_old(size=before)
    mail.converge(path, size)


def test_a_disk_that_is_full_when_it_is_confirmed_undoes_it(mail: Mail) -> None:
    path, size = mail.another()
    before = mail.size()
    with disk_with(mail.host, 20 * 1024):
        with applying(mail.site, path) as process:
            follow(process, "testing the new configuration")
            process.send_signal(signal.SIGSTOP)
            fill(mail.host)
            process.send_signal(signal.SIGCONT)
            _, said = process.communicate(timeout=120)
        there = (mail.size(), mail.host.run(["test", "-e", PENDING]).returncode)
    assert process.returncode == 1
    assert there == (before, 1), said
    assert "Insufficient system storage" in said
    mail.assert_old(size=before)
    mail.converge(path, size)


@pytest.mark.matrix
def test_a_host_that_nobody_confirms_returns_on_a_full_disk(mail: Mail) -> None:
    path, size = mail.another()
    before = mail.size()
    with disk_with(mail.host, 20 * 1024):
        with applying(mail.site, path, "--confirm-within", "10") as process:
            follow(process, "testing the new configuration")
        fill(mail.host)
        assert mail.size() == size
        wait_until(mail.host, f"[ ! -e {PENDING} ]", 30)
        assert mail.size() == before
        assert resting(mail.host) == []
    mail.assert_old(size=before)
    mail.converge(path, size)


@pytest.mark.matrix
@pytest.mark.parametrize("folder", ["/etc/postfix", STATE])
def test_a_file_system_that_is_full_while_others_are_not_changes_nothing(
    mail: Mail, folder: str
) -> None:
    path, size = mail.another()
    before = mail.size()
    used = int(mail.host.check_run(["du", "-sk", folder]).split()[0])
    for spare in (0, 4):
        with file_system_of(mail.host, folder, used * 2 + 64):
            mail.host.run(["dd", "if=/dev/zero", f"of={folder}/ballast", "bs=4K"])
            mail.host.check_run(["truncate", "-s", f"-{spare}K", f"{folder}/ballast"])
            said = mail.refused(path)
            assert mail.size() == before
        assert "No space left on device" in said
        mail.assert_old(size=before)
    mail.converge(path, size)


@pytest.mark.matrix
def test_whatever_room_there_is_the_host_is_whole(mail: Mail) -> None:
    for free in range(0, 4096, 256):
        path, size = mail.another()
        before = mail.size()
        with disk_with(mail.host, free):
            done = mail.site.mailprov("apply", site=path)
        if mail.size() == size:
            mail.in_force = path
        assert "Traceback" not in done.stderr
        assert mail.size() in {before, size}
        mail.assert_old(size=mail.size())
    path, size = mail.another()
    mail.converge(path, size)


@pytest.mark.matrix
@pytest.mark.parametrize("folder", ["/etc", STATE])
def test_a_read_only_file_system_changes_nothing(mail: Mail, folder: str) -> None:
    path, size = mail.another()
    before = mail.size()
    with mounted(mail.host, "ro", folder):
        said = mail.refused(path)
        plan = mail.site.mailprov("plan", site=path)
    assert "Read-only file system" in said
    assert "nothing live was changed" in said
    assert "make the file system writable" in said
    assert plan.returncode == 2
    mail.assert_old(size=before)
    mail.converge(path, size)


@pytest.mark.matrix
def test_nothing_is_executed_where_nothing_may_be(mail: Mail) -> None:
    path, size = mail.another()
    temporary = ("/tmp", "/var/tmp", "/var/lib")  # noqa: S108 the host's
    with mounted(mail.host, "noexec", *temporary):
        mail.converge(path, size)
        # The host's own return, too, is read by a shell and not executed.
        other, _ = mail.another()
        with applying(mail.site, other, "--confirm-within", "10") as process:
            follow(process, "testing the new configuration")
        wait_until(mail.host, f"[ ! -e {PENDING} ]", 30)
        assert mail.last_outcome() == "returned: not confirmed in time"
    mail.assert_old(size=size)


# Two at once


def holders_of_the_lock(host: LabHost) -> list[str]:
    script = f"find /proc/[0-9]*/fd -lname {STATE}/lock 2>/dev/null | cut -d / -f 3 | sort -un"
    return host.check_run(["sh", "-c", script]).split()


def test_a_second_apply_says_who_holds_the_host_and_a_killed_one_holds_nothing(mail: Mail) -> None:
    path, size = mail.another()
    before = mail.size()
    with applying(mail.site, path) as process:
        follow(process, "checking the new configuration")
        mail.host.run(["kill", "-STOP", *holders_of_the_lock(mail.host)])
        said = mail.refused(path, code=5)
        holder = mail.host.read_file(f"{STATE}/holder").strip()
        while pids := holders_of_the_lock(mail.host):
            mail.host.run(["kill", "-KILL", *pids])
        _, first = process.communicate(timeout=60)
    assert f"(process {process.pid}) since 20" in holder
    assert holder in said
    assert "another apply is running" in said
    assert process.returncode in {1, 4}, first
    assert "Traceback" not in first
    assert mail.size() == before
    mail.converge(path, size)
    mail.assert_old(size=size)


# Packages; what dnf says and does, test_el_layout.py has

MISSING = "dns-root-data"
FAULT_CONF = "/etc/apt/apt.conf.d/99fault"
# Perl is what every Debian has to take a lock as dpkg and apt do (fcntl(2), F_SETLK).
HOLD_LOCK = """
open(my $lock, ">>", "/var/lib/dpkg/lock-frontend") or die;
my $whole = pack("s s x4 q q i x4", 1, 0, 0, 0, 0);
fcntl($lock, 6, $whole) or die;
open(my $told, ">", "/run/fault") or die;
sleep(shift);
"""
SILENT = """
use Socket;
socket(my $door, PF_INET, SOCK_STREAM, 0) or die;
bind($door, sockaddr_in(3142, INADDR_LOOPBACK)) or die;
listen($door, 99) or die;
open(my $told, ">", "/run/fault") or die;
sleep;
"""


@pytest.fixture
def lacking(mail: Mail) -> Iterator[Mail]:
    """Return the host without one of its packages."""
    mail.host.check_run(["dpkg", "--remove", "--force-depends", MISSING])
    mail.host.check_run(["apt-get", "clean"])
    yield mail
    mail.host.run(["systemctl", "stop", "fault"])
    mail.host.check_run(["rm", "-f", FAULT_CONF])


def run_perl(host: LabHost, program: str, *arguments: str) -> None:
    """Have a program run beside the others; it makes /run/fault when it is ready."""
    host.write_file("/root/fault.pl", program)
    host.run(["rm", "-f", "/run/fault"])
    command = ["systemd-run", "-q", "--collect", "--unit=fault"]
    host.check_run([*command, "perl", "/root/fault.pl", *arguments])
    wait_until(host, "[ -e /run/fault ]", 10)


def is_installed(host: LabHost, package: str = MISSING) -> bool:
    done = host.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package])
    return done.stdout == "installed"


@needs_debian
def test_a_package_manager_that_is_busy_is_waited_for(lacking: Mail) -> None:
    run_perl(lacking.host, HOLD_LOCK, "12")
    done = lacking.site.mailprov("apply", site=lacking.in_force)
    assert done.returncode == 0, done.stderr
    assert "(perl), which holds the package manager" in done.stderr
    assert is_installed(lacking.host)


@needs_debian
@pytest.mark.matrix
def test_a_package_manager_that_stays_busy_is_refused_and_its_holder_named(lacking: Mail) -> None:
    run_perl(lacking.host, HOLD_LOCK, "600")
    pid = lacking.host.check_run(["systemctl", "show", "-p", "MainPID", "--value", "fault"])
    before = lacking.size()
    begun = time.monotonic()
    said = lacking.refused(lacking.in_force, code=5)
    assert 60 <= time.monotonic() - begun < 120
    assert f"process {pid.strip()} (perl), for longer than a minute" in said
    assert "nothing was changed" in said
    assert not is_installed(lacking.host)
    assert lacking.size() == before
    lacking.host.check_run(["systemctl", "stop", "fault"])
    lacking.site.apply(site=lacking.in_force)
    assert is_installed(lacking.host)


@needs_debian
@pytest.mark.matrix
@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_a_package_source_that_does_not_answer_is_told_in_time(lacking: Mail, fault: str) -> None:
    proxy = 'Acquire::http::Proxy "http://127.0.0.1:3142";\n'
    lacking.host.write_file(FAULT_CONF, proxy)
    if fault == "silent":
        run_perl(lacking.host, SILENT)
    begun = time.monotonic()
    said = lacking.refused(lacking.in_force)
    took = time.monotonic() - begun
    assert took < 240
    assert "the package manager could not install the packages; nothing else was changed" in said
    assert "repair apt on the host" in said
    assert "127.0.0.1" in said
    for unit in (POSTFIX, "unbound"):
        lacking.host.check_run(["systemctl", "is-active", "-q", unit])
    lacking.host.check_run(["rm", FAULT_CONF])
    lacking.site.apply(site=lacking.in_force)
    assert is_installed(lacking.host)


# Time

# What the host's programs take for the time; systemd itself keeps the right one, and its
# timers count seconds. Postfix's processes are given no environment and may be chrooted.
SKEW = """
printf '%s\\n' "$1" >/etc/faketimerc && mkdir -p /var/spool/postfix/etc &&
    cp /etc/faketimerc /var/spool/postfix/etc/ &&
    echo FAKETIME_DONT_FAKE_MONOTONIC=1 >>/etc/environment &&
    systemctl set-environment FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME="$1" &&
    find /usr/lib -name libfaketime.so.1 >/etc/ld.so.preload &&
    systemctl restart ssh postfix dovecot unbound
"""
RIGHT = """
rm -f /etc/ld.so.preload /etc/faketimerc /var/spool/postfix/etc/faketimerc
sed -i /FAKETIME/d /etc/environment
systemctl unset-environment FAKETIME_DONT_FAKE_MONOTONIC FAKETIME
systemctl restart ssh postfix dovecot unbound
"""
KEY = "/etc/mailprov/tls/site.pem"


@contextmanager
def clock_off(host: LabHost, by: str) -> Iterator[None]:
    """Have the host's clock off by so much."""
    host.check_run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "libfaketime"])
    host.check_run(["sh", "-c", SKEW, "sh", by])
    try:
        yield
    finally:
        host.check_run(["sh", "-c", RIGHT])


@needs_debian
@pytest.mark.matrix
@pytest.mark.parametrize("by", ["+1d", "-1d"])
def test_a_clock_that_is_a_day_off_harms_nothing(mail: Mail, by: str) -> None:
    host = mail.host
    before = mail.size()
    path, size = mail.another()
    with clock_off(host, by):
        there = int(host.check_run(["date", "+%s"])) - time.time()
        assert 86000 < there * int(f"{by[0]}1") < 87000
        # Nobody confirms it: the host's own timer counts seconds, whatever the clock says.
        with applying(mail.site, path, "--confirm-within", "10") as process:
            follow(process, "testing the new configuration")
        wait_until(host, f"[ ! -e {PENDING} ]", 30)
        assert (mail.size(), mail.last_outcome()) == (before, "returned: not confirmed in time")
        # A certificate is made; mail works by it on the host.
        host.check_run(["rm", KEY])
        done = mail.site.mailprov("apply", "--json", site=path)
        assert mail.size() == size
        assert mail.last_outcome() == "confirmed"
    mail.in_force = path
    if by == "+1d":
        # From here, the certificate begins tomorrow: told, with what to do.
        assert done.returncode == 1
        findings = json.loads(done.stdout)["verify"]["findings"]
        failed = [row for row in findings if row["status"] == "failed"]
        assert {row["id"].partition(".")[0] for row in failed} == {"tls"}
        assert all("correct the clocks" in row["remedy"] for row in failed)
    else:
        assert done.returncode == 0, done.stdout
    # With the right clock, the next apply makes what is still amiss right.
    mail.site.apply(site=path)
    other, size = mail.another()
    mail.converge(other, size)
    mail.assert_old(size=size)
    events = json.loads(mail.site.mailprov("history", "--json", site=other).stdout)
    rows = events["hosts"]["mail"]["events"]
    serials = [int(row["number"]) for row in rows]
    assert serials == sorted(serials)
    back = mail.site.mailprov("rollback", site=other)
    assert back.returncode == 0, back.stderr
    assert mail.size() == size - 1
    mail.converge(other, size)


# What the host remembers

GENERATION = f"{STATE}/generations/$(cut -f 2 {STATE}/head)"
# What else there is, and how it is told, stands in tests/unit/remote/test_state_check.py.
DAMAGE = {
    # how it comes about: what the message names
    f"echo '#!@' >{STATE}/head": f"mail:{STATE}/head",
    f"sed -i '$d' {GENERATION}/manifest": "/manifest",
    f"mkdir {PENDING} && : >{PENDING}/paths && : >{PENDING}/units": f"mail:{PENDING}",
    f"rm {STATE}/lock && mkdir {STATE}/lock": f"mail:{STATE}/lock",
    f"chown daemon {STATE}": f"mail:{STATE}",
}


@pytest.fixture
def kept(mail: Mail) -> Iterator[Mail]:
    """Return the host, and have its state back as it was afterwards."""
    mail.host.check_run(["cp", "-a", STATE, "/root/state"])
    yield mail
    mail.host.check_run(["sh", "-c", f"rm -rf {STATE} && mv /root/state {STATE}"])
    assert mail.site.mailprov("plan", site=mail.in_force).returncode == 0


def test_damaged_state_is_refused_with_its_name_and_the_way_out(kept: Mail) -> None:
    path, _ = kept.another()
    before = kept.size()
    for damage, named in DAMAGE.items():
        kept.host.check_run(["sh", "-c", damage])
        said = kept.refused(path, code=5)
        assert "the state of mailprov on this host is damaged; nothing was changed" in said
        assert named in said
        assert f"mv {STATE} {STATE}.damaged" in said
        kept.host.check_run(["sh", "-c", f"rm -rf {STATE} && cp -a /root/state {STATE}"])
    kept.assert_old(size=before)


def test_every_verb_refuses_the_state_of_a_newer_mailprov(kept: Mail) -> None:
    kept.host.write_file(f"{STATE}/format", "3\n7.1.0\n", 0o600)
    listing = ["sh", "-c", f"find {STATE} -type f -exec sha256sum {{}} +"]
    before = kept.host.check_run(listing)
    for verb in ("plan", "apply", "verify", "status", "history", "rollback", "destroy"):
        options = ["--yes-destroy"] if verb == "destroy" else []
        done = kept.site.mailprov(verb, *options, site=kept.in_force)
        assert done.returncode == 5, (verb, done.stdout + done.stderr)
        assert "a newer mailprov has changed this host" in done.stderr
        assert "state of format 3" in done.stderr
        assert "use mailprov 7.1.0 or newer" in done.stderr
    assert kept.host.check_run(listing) == before


def test_what_is_safe_to_go_on_with_goes_on_and_is_put_right(kept: Mail) -> None:
    # State from before there were formats, a history with junk, a folder that all can read.
    junk = f"head -c 300 /dev/urandom >>{STATE}/history; echo 'two\twords' >>{STATE}/history"
    kept.host.check_run(["sh", "-c", f"{junk}; chmod 755 {STATE}; rm {STATE}/format"])
    path, size = kept.another()
    kept.converge(path, size)
    history = kept.site.mailprov("history", site=path)
    assert history.returncode == 0, history.stderr
    assert "confirmed" in history.stdout
    assert kept.host.check_run(["stat", "-c", "%a", STATE]) == "700\n"
    assert kept.host.read_file(f"{STATE}/format").splitlines()[0] == "2"
    kept.host.check_run(["sh", "-c", f"rm -rf /root/state && cp -a {STATE} /root/state"])


@pytest.mark.matrix
@pytest.mark.parametrize("way", ["moved away", "gone"])
def test_a_host_whose_state_is_gone_is_applied_anew(mail: Mail, way: str) -> None:
    move = f"mv {STATE} {STATE}.damaged" if way == "moved away" else f"rm -r {STATE}"
    mail.host.check_run(["sh", "-c", move])
    path, size = mail.another()
    mail.converge(path, size)
    mail.assert_old(size=size)
    assert mail.host.check_run(["cut", "-f", "6", f"{STATE}/history"]).split()[-1] == "confirmed"
    mail.host.check_run(["rm", "-rf", f"{STATE}.damaged"])

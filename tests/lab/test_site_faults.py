"""What becomes of a site of several hosts when one of them is down, or not itself.

Two resolvers and a mail server: the resolvers are changed first, side by side.
"""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.host_faults import PENDING, STATE
from support.under_way import applying, wait_until

from provisioner.lab import HostSpec

pytestmark = pytest.mark.lab


SITE = """
domain: example.org
hosts:
  ns1: {address: 10.89.0.2, roles: [dns]}
  ns2: {address: 10.89.0.3, roles: [dns]}
  mail: {address: 10.89.0.4, roles: [mx, submission, store]}
users:
  alice: {password: {env: ALICE_PASSWORD}}
dns:
  forward: {".": 10.89.0.253, test: 10.89.0.253}
unbound:
  server:
    auto-trust-anchor-file: ""
    trust-anchor: "@LAB_TRUST_ANCHOR@"
submission: {logins_per_minute: 1000}
"""
HOSTS = ("ns1", "ns2", "mail")
LIMITS = "logins_per_minute: 1000"
SLOW = "[Service]\nExecReload=\nExecReload=/bin/sleep 20\nExecStartPre=/bin/sleep 20\n"
OVERRIDE = "/etc/systemd/system/unbound.service.d/fault.conf"


@dataclass
class Three:
    """The site on its hosts."""

    site: DeployedSite

    def changed(self, record: str) -> Path:
        """Return a site file with a record that nobody applied yet, and another limit."""
        records = f"dns:\n  records: {{{record}: {{TXT: here}}}}"
        return self.site.edited(
            f"{record}.yaml", ("dns:", records), (LIMITS, f"{LIMITS}, message_size: 41M")
        )

    def heads(self) -> dict[str, str]:
        """Return what each host says is in force."""
        return {key: self.site.host(key).read_file(f"{STATE}/head") for key in HOSTS}

    def assert_converged(self, path: Path) -> None:
        self.site.apply(site=path)
        assert self.site.mailprov("plan", site=path).returncode == 0


@pytest.fixture(scope="module")
def three(lab_factory: LabFactory) -> Three:
    specs = [
        HostSpec("ns1", ("10.89.0.2",)),
        HostSpec("ns2", ("10.89.0.3",)),
        HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail"),
    ]
    lab = lab_factory("three", specs)
    path = lab.home / "site.yaml"
    path.write_text(lab.site(SITE), encoding="utf-8")
    site = DeployedSite(lab, path, {"ALICE_PASSWORD": "correct horse battery staple"})
    site.apply()
    return Three(site)


def test_a_host_that_is_down_stops_the_run_before_any_host_is_changed(three: Three) -> None:
    path = three.changed("down")
    before = three.heads()
    three.site.host("ns2").cut_network()
    try:
        done = three.site.mailprov("apply", "--json", site=path)
    finally:
        three.site.host("ns2").restore_network()
    report = json.loads(done.stdout)
    status = {key: host["status"] for key, host in report["hosts"].items()}
    assert done.returncode == 4
    assert status == {"ns1": "not started", "ns2": "failed", "mail": "not started"}
    assert "ns2" in json.dumps(report["hosts"]["ns2"]["errors"])
    assert three.heads() == before


def test_a_host_that_goes_down_in_the_middle_stops_the_rest_and_the_report_says_who_is_where(
    three: Three,
) -> None:
    path = three.changed("middle")
    before = three.heads()
    ns2 = three.site.host("ns2")
    ns2.write_file(OVERRIDE, SLOW)
    ns2.check_run(["systemctl", "daemon-reload"])
    with applying(three.site, path, "--json") as process:
        # Its new files are in place, and its resolver has not taken them yet.
        wait_until(ns2, f"[ -d {PENDING} ] && grep -rq middle /etc/unbound", 30)
        ns2.kill()
        out, said = process.communicate(timeout=240)
    ns2.write_file(OVERRIDE, "")
    ns2.boot()
    ns2.wait_until_ready()
    report = json.loads(out)
    status = {key: host["status"] for key, host in report["hosts"].items()}
    assert process.returncode == 4, said
    assert status == {"ns1": "changed", "ns2": "failed", "mail": "not started"}
    assert "connection lost" in json.dumps(report["hosts"]["ns2"]["errors"])
    assert report["verify"] is None
    # Each is whole: the one has the new configuration, the others have the old one.
    wait_until(ns2, f"[ ! -d {PENDING} ] && systemctl is-active -q unbound", 60)
    now = three.heads()
    assert {key for key in HOSTS if now[key] != before[key]} == {"ns1"}
    assert ns2.run(["grep", "-rq", "middle", "/etc/unbound"]).returncode == 1
    outcome = ns2.check_run(["tail", "-n", "1", f"{STATE}/history"]).rstrip("\n").split("\t")[-1]
    assert outcome == "returned at boot"
    three.assert_converged(path)


def test_ctrl_c_tells_what_becomes_of_the_hosts_and_they_return(three: Three) -> None:
    path = three.changed("interrupted")
    before = three.heads()
    ns2 = three.site.host("ns2")
    ns2.write_file(OVERRIDE, SLOW.replace("20", "3"))
    ns2.check_run(["systemctl", "daemon-reload"])
    with applying(three.site, path, "--confirm-within", "10") as process:
        wait_until(ns2, f"[ -d {PENDING} ]", 30)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert out == ""
    told = "interrupted during the change of the configuration"
    # The third host's turn had not come.
    assert f"ns2: {told}" in said
    assert f"mail: {told}" not in said
    assert "Traceback" not in said
    for key in ("ns1", "ns2"):
        wait_until(three.site.host(key), f"[ ! -d {PENDING} ] && systemctl is-active -q unbound")
    assert three.heads() == before
    ns2.write_file(OVERRIDE, "")
    ns2.check_run(["systemctl", "daemon-reload"])
    three.assert_converged(path)


def test_a_role_that_a_host_gives_up_is_undone_there(three: Three) -> None:
    mail = three.site.host("mail")
    roles = "roles: [mx, submission, store]"
    path = three.site.edited("moved.yaml", (roles, roles.replace("[", "[dns, ")))
    three.assert_converged(path)
    assert mail.run(["systemctl", "is-active", "--quiet", "unbound"]).returncode == 0
    report = three.site.apply()
    assert report["verify"]["passed"]
    changes = {(one["action"], one["name"]) for one in report["hosts"]["mail"]["changes"]}
    assert ("retire", "unbound.service") in changes
    for state in ("is-active", "is-enabled"):
        assert mail.run(["systemctl", state, "--quiet", "unbound"]).returncode != 0
    # The package stays, and its own configuration is in its place again.
    listing = mail.check_run(
        ["find", "/etc/unbound", "/etc/resolv.conf", "-newer", "/etc/hostname"]
    )
    assert "mailprov" not in listing
    assert three.site.mailprov("plan").returncode == 0


@pytest.fixture
def another_key(three: Three) -> Iterator[tuple[str, str]]:
    """Have ns1 show another host key; return the fingerprints of the old and the new one."""
    host = three.site.host("ns1")
    script = """
    cd /etc/ssh && mkdir /root/keys && mv ssh_host_* /root/keys && ssh-keygen -A >/dev/null &&
    systemctl restart ssh && ssh-keygen -lf /root/keys/ssh_host_ed25519_key.pub &&
    ssh-keygen -lf ssh_host_ed25519_key.pub"""
    old, new = host.check_run(["sh", "-c", script]).splitlines()
    yield old.split()[1], new.split()[1]
    host.check_run(["sh", "-c", "mv -f /root/keys/* /etc/ssh/ && systemctl restart ssh"])


def test_another_host_key_is_refused_before_anything_is_sent(
    three: Three, another_key: tuple[str, str]
) -> None:
    before = three.heads()
    # By name: of a process that has ended the journal may not know the unit any more.
    show = ["journalctl", "-t", "sshd", "-t", "sshd-session", "-q", "-o", "cat"]
    now = three.site.host("ns1").check_run([*show, "-n", "0", "--show-cursor"])
    # Not even with this: it is for keys that are new.
    done = three.site.mailprov("apply", "--accept-new-host-keys", site=three.changed("key"))
    assert done.returncode == 4
    assert "the host key has changed" in done.stderr
    for fingerprint in another_key:
        assert fingerprint in done.stderr
    assert "ssh-keygen -f" in done.stderr
    assert "on the host's console" in done.stderr
    cursor = now.removeprefix("-- cursor: ").strip()
    since = [*show, "--after-cursor", cursor]
    wait_until(three.site.host("ns1"), f"{shlex.join(since)} | grep -Fq '[preauth]'")
    assert "Accepted" not in three.site.host("ns1").check_run(since)
    assert three.heads() == before


@pytest.mark.parametrize(
    ("sudoers", "settings", "want"),
    [
        ("ALL=(ALL:ALL) ALL", ", become_password: {env: SUDO}", "sudo refused the password of op"),
        ("ALL=(ALL:ALL) ALL", "", "sudo asks for a password, but the site file has none"),
        ("ALL=(ALL:ALL) NOPASSWD: /bin/true", "", "sudo asks for a password"),
        ("", ", become_password: {env: SUDO}", "op may not use sudo"),
    ],
)
def test_a_host_on_which_nobody_becomes_root_stops_the_run(
    three: Three, sudoers: str, settings: str, want: str
) -> None:
    host = three.site.host("ns2")
    key = (three.site.lab.home / ".ssh/id_ed25519.pub").read_text()
    if host.run(["id", "op"]).returncode:
        host.check_run(["useradd", "-m", "op"])
        host.write_file("/home/op/.ssh/authorized_keys", key)
        host.check_run(["chown", "-R", "op", "/home/op"])
    secret = "the right one" if "op may" in want else "a wrong one"
    host.check_run(["chpasswd"], stdin="op:the right one\n")
    host.write_file("/etc/sudoers.d/op", f"op {sudoers}\n" if sudoers else "", mode=0o440)
    before = three.heads()
    address = host.address
    path = three.changed("sudo")
    text = path.read_text()
    login = f"ns2: {{address: {address}, ssh: {{user: op, become: sudo{settings}}}, roles"
    assert f"ns2: {{address: {address}, roles" in text
    path.write_text(text.replace(f"ns2: {{address: {address}, roles", login))
    environment = {**three.site.environment, "SUDO": secret}
    done = DeployedSite(three.site.lab, path, environment).mailprov("apply")
    assert done.returncode == 4, done.stderr
    assert want in done.stderr
    assert secret not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert three.heads() == before

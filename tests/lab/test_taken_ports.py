"""A port that somebody else holds stops an apply while nothing has happened.

The tutorial's two hosts are bare, and strangers listen on both. Every conflict is told at
once, with its owner; what the message says to do makes the next apply work.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.release import POSTFIX, needs_debian

from provisioner.lab import HostSpec, Lab, LabHost

pytestmark = [pytest.mark.lab, needs_debian]

INVENTORIES = Path(__file__).parents[2] / "inventories"
PASSWORDS = {"WANGSHENG_PASSWORD": "one for wangsheng's mail", "XHYHUIYING_PASSWORD": "and another"}
LISTEN = "systemd-socket-activate -l"
FIX = re.compile(r"fix: +on (\w+): `([^`]+)`; then run the command again")
TAKEN = "other programs hold ports that the site needs on this host; nothing was changed"


def deployed(lab: Lab, inventory: str, environment: dict[str, str]) -> DeployedSite:
    """Return a site for hosts of the lab that nothing was applied to yet."""
    path = lab.home / "site.yaml"
    path.write_text(lab.site((INVENTORIES / inventory).read_text(encoding="utf-8")))
    return DeployedSite(lab, path, environment)


@pytest.fixture(scope="module")
def bare(lab_factory: LabFactory) -> DeployedSite:
    """Return the tutorial's site and its two hosts, bare."""
    hosts = [
        HostSpec("ns", ("10.89.0.2",), fqdn="ns.wangsheng.com"),
        HostSpec("mail", ("10.89.0.3",), fqdn="mail.wangsheng.com"),
    ]
    return deployed(lab_factory("ports", hosts), "tutorial/lab.yaml", PASSWORDS)


def shell(host: LabHost, script: str) -> str:
    return host.check_run(["sh", "-c", script], timeout=300)


def listen(host: LabHost, unit: str, place: str, options: str = "") -> None:
    """Have a transient service listen, and return when it does."""
    shell(host, f"systemd-run --unit={unit} {LISTEN} {place} {options} sleep 999")
    await_listener(host, place)


def await_listener(host: LabHost, place: str) -> None:
    port = int(place.rpartition(":")[2])
    listening = f"grep -q ':{port:04X} .* \\(0A\\|07\\) ' /proc/net/tcp /proc/net/udp"
    shell(host, f"until {listening}; do sleep 0.05; done")


def follow_fixes(site: DeployedSite, done: subprocess.CompletedProcess[str]) -> None:
    """Do on each host what the message says, to the letter; who is asked says yes."""
    for key, command in FIX.findall(done.stderr):
        shell(site.host(key), f"yes | ( {command} )")


def state_of(host: LabHost) -> str:
    return shell(host, "dpkg-query -W; ls /var/lib; find /etc -newer /root/before")


def test_all_conflicts_of_all_hosts_are_told_and_no_host_is_touched(bare: DeployedSite) -> None:
    ns, mail = bare.host("ns"), bare.host("mail")
    listen(ns, "resolver", "0.0.0.0:53")
    # systemd itself listens, on IPv4 and IPv6, for a service that does not run.
    shell(mail, "systemd-run --unit=relay --socket-property=ListenStream=25 sleep 999")
    listen(mail, "reader", "127.0.0.1:993")
    # On an address of its own this is in nobody's way.
    listen(ns, "stub", "127.0.0.53:5353")
    for host in (ns, mail):
        shell(host, "touch /root/before; sleep 0.1")
    before = [state_of(host) for host in (ns, mail)]
    plan, done = bare.mailprov("plan"), bare.mailprov("apply")
    assert (plan.returncode, done.returncode) == (5, 5), done.stdout + done.stderr
    for said in (plan.stderr, done.stderr):
        assert said.count(TAKEN) == 2
        assert "53/tcp on 0.0.0.0, wanted by Unbound: systemd-socket- (process " in said
        assert ", resolver.service, package systemd)" in said
        assert "25/tcp on ::, wanted by Postfix: systemd (process 1 of root, relay.socket" in said
        assert "993/tcp on 127.0.0.1, wanted by Dovecot: systemd-socket- (process " in said
        assert (
            "`/usr/bin/systemctl stop relay relay.socket && /usr/bin/systemctl stop reader`" in said
        )
        assert "Traceback" not in said
    assert [state_of(host) for host in (ns, mail)] == before
    follow_fixes(bare, done)
    assert bare.apply()["verify"]["passed"]
    assert bare.mailprov("plan").returncode == 0


def test_a_port_taken_while_our_daemon_was_down_is_told_too(bare: DeployedSite) -> None:
    mail = bare.host("mail")
    if "postfix.service" not in shell(mail, "cat /var/lib/mailprov/generations/*/manifest || true"):
        bare.apply()
    shell(mail, "systemctl stop dovecot")
    # Of no unit: a shell's child that outlives its login. And a user's, in sshd's unit: people
    # were advised to disable ssh for it.
    shell(mail, f"setsid {LISTEN} 0.0.0.0:143 sleep 999 >/dev/null 2>&1 &")
    shell(
        mail,
        f"setsid setpriv --reuid=nobody --regid=nogroup --clear-groups {LISTEN} 0.0.0.0:4190 "
        "sleep 999 >/dev/null 2>&1 & "
        "echo $! >/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs",
    )
    for port in (143, 4190):
        await_listener(mail, f"0.0.0.0:{port}")
    done = bare.mailprov("apply")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "143/tcp on 0.0.0.0, wanted by Dovecot: systemd-socket- (process " in done.stderr
    assert re.search(r"process [0-9]+ of nobody, in ssh\.service", done.stderr)
    assert re.search(
        r"on mail: `kill [0-9]+ && kill [0-9]+`; then run the command again", done.stderr
    )
    assert shell(mail, f"systemctl is-active {POSTFIX}") == "active\n"
    follow_fixes(bare, done)
    assert bare.apply()["verify"]["passed"]


@pytest.mark.matrix
def test_another_mail_server_and_another_resolver_make_room(lab_factory: LabFactory) -> None:
    lab = lab_factory("exim", [HostSpec("mail", ("10.89.0.4",))])
    site = deployed(lab, "beginner/lab.yaml", {"ALICE_PASSWORD": "a password of alice"})
    mail = site.host("mail")
    mail.wait_until_ready()
    shell(
        mail,
        "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "
        "exim4-daemon-light dnsmasq",
    )
    done = site.mailprov("apply")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "wanted by Postfix: exim4 (process " in done.stderr
    assert "wanted by Unbound: dnsmasq (process " in done.stderr
    assert "/usr/bin/apt-get remove exim4-daemon-light" in done.stderr
    follow_fixes(site, done)
    assert site.apply()["verify"]["passed"]

"""Logins and sudo on a real host, with real accounts: what no loopback server can show."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.lab import HostSpec, Lab
from provisioner.model.names import DomainName, HostKey
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Host, SshAccess
from provisioner.transport.fleet import OpenFleet
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.connection import open_ssh
from provisioner.verbs.ports import Transport

pytestmark = pytest.mark.lab

PASSWORD = "correct horse 'battery' $taple"
WRONG = "wrong"
LOGIN = SecretReference(source="env", value="LOGIN")
SUDO = SecretReference(source="env", value="SUDO")
MIB = 1024 * 1024

USERS = {
    # name: what sudoers says of it
    "asked": "asked ALL=(ALL:ALL) ALL",
    "trusted": "trusted ALL=(ALL:ALL) NOPASSWD: ALL",
    "private-pty": "Defaults:private-pty use_pty\nprivate-pty ALL=(ALL:ALL) ALL",
    "terminal": "Defaults:terminal requiretty\nterminal ALL=(ALL:ALL) ALL",
    "limited": "limited ALL=(ALL:ALL) NOPASSWD: /usr/bin/id",
    "lectured": "Defaults:lectured lecture=always\nlectured ALL=(ALL:ALL) ALL",
    "stranger": "",
}
SHELLS = {"shell-bash": "/bin/bash", "shell-dash": "/bin/dash", "nologin": "/usr/sbin/nologin"}


@pytest.fixture(scope="module")
def lab(lab_factory: Callable[[str, Sequence[HostSpec]], Lab]) -> Lab:
    """Return a lab whose host `one` has the users above, all with the same password and key."""
    lab = lab_factory("ssh", [HostSpec("one", ("10.89.0.10",)), HostSpec("two", ("10.89.0.11",))])
    one = lab.host("one")
    key = (lab.home / ".ssh/id_ed25519.pub").read_text()
    for name in (*USERS, *SHELLS):
        shell = SHELLS.get(name, "/bin/sh")
        one.check_run(["useradd", "-m", "-s", shell, name])
        one.check_run(["chpasswd"], stdin=f"{name}:{PASSWORD}\n")
        one.check_run(["install", "-d", "-m", "700", "-o", name, f"/home/{name}/.ssh"])
        one.write_file(f"/home/{name}/.ssh/authorized_keys", key)
    one.write_file("/etc/sudoers.d/test", "\n".join(USERS.values()) + "\n", mode=0o440)
    one.check_run(["visudo", "-c"])
    one.write_file("/home/shell-bash/.bashrc", "echo noise; echo noise >&2\n")
    return lab


def access(lab: Lab, host: str = "one", **ssh: object) -> Host:
    return Host(
        site=DomainName("example.org"),
        key=HostKey(host),
        fqdn=DomainName(f"{host}.example.org"),
        addresses=(ip_address(lab.host(host).address),),
        roles=frozenset(),
        ssh=SshAccess(**ssh),
    )


def options(lab: Lab) -> SshOptions:
    home = Path(lab.home) / ".ssh"
    return SshOptions(
        user_config=home / "config",
        system_config=home / "none",
        known_hosts=home / "known_hosts",
        system_known_hosts=home / "none",
        identities=home,
        agent_socket=None,
    )


def open_as(lab: Lab, user: str, *, sudo: str | None = None, **ssh: object) -> Transport:
    """Log in by key; `sudo` is the password that becoming root is tried with."""
    if sudo is not None:
        ssh["become_password"] = SUDO
    secrets = {SUDO: sudo or ""}
    return open_ssh(access(lab, user=user, **ssh), options(lab), secrets.__getitem__)


def refusal(transport: Transport) -> str:
    with pytest.raises(MailprovError) as caught:
        transport.run("echo reached", timeout=20)
    transport.close()
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_root_needs_no_sudo(lab: Lab) -> None:
    transport = open_as(lab, "root", become="sudo")
    assert transport.run("id -u", timeout=20).stdout == b"0\n"
    transport.close()


@pytest.mark.parametrize("user", ["asked", "private-pty", "lectured", "trusted"])
def test_sudo_with_a_password_gives_root_and_clean_streams(lab: Lab, user: str) -> None:
    data = os.urandom(2 * MIB)
    transport = open_as(lab, user, become="sudo", sudo=PASSWORD)
    done = transport.run("id -u >&2; cat; exit 9", stdin=data, timeout=60)
    transport.close()
    assert (done.status, done.stderr, done.stdout == data) == (9, b"0\n", True)


def test_sudo_without_a_password_gives_root(lab: Lab) -> None:
    transport = open_as(lab, "trusted", become="sudo")
    done = transport.run("id -u; cat", stdin=b"data", timeout=20)
    transport.close()
    assert (done.stdout, done.stderr) == (b"0\ndata", b"")


def test_the_password_is_nowhere_on_the_host(lab: Lab) -> None:
    transport = open_as(lab, "asked", become="sudo", sudo=PASSWORD)
    seen = transport.run(
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; journalctl -q --no-pager",
        timeout=30,
    ).stdout
    transport.close()
    assert b"sudo" in seen
    assert b"battery" not in seen


def test_a_wrong_sudo_password_is_told(lab: Lab) -> None:
    text = refusal(open_as(lab, "asked", become="sudo", sudo=WRONG))
    assert "sudo refused the password of asked" in text


def test_a_password_of_two_lines_is_not_sent(lab: Lab) -> None:
    assert "line break" in refusal(open_as(lab, "asked", become="sudo", sudo="one\ntwo"))


@pytest.mark.parametrize(
    ("user", "sudo", "want"),
    [
        ("asked", None, "sudo asks for a password, but the site file has none"),
        ("stranger", PASSWORD, "stranger may not use sudo"),
        ("terminal", PASSWORD, "sudo requires a terminal"),
        ("limited", None, "sudo asks for a password"),
    ],
)
def test_what_sudo_refuses_is_told(lab: Lab, user: str, sudo: str | None, want: str) -> None:
    assert want in refusal(open_as(lab, user, become="sudo", sudo=sudo))


def test_a_host_without_sudo_is_told(lab: Lab) -> None:
    one = lab.host("one")
    one.check_run(["mv", "/usr/bin/sudo", "/usr/bin/sudo.away"])
    try:
        assert "sudo is not installed on the host" in refusal(open_as(lab, "asked", become="sudo"))
    finally:
        one.check_run(["mv", "/usr/bin/sudo.away", "/usr/bin/sudo"])


def test_a_login_that_is_not_root_is_told(lab: Lab) -> None:
    text = refusal(open_as(lab, "stranger"))
    assert "stranger is not root on the host" in text
    assert "become: sudo" in text


def test_a_login_shell_that_lets_nobody_in_is_told(lab: Lab) -> None:
    text = refusal(open_as(lab, "nologin"))
    assert "the login shell of nologin is nologin, which refuses every login" in text


@pytest.mark.parametrize("user", ["shell-bash", "shell-dash"])
def test_a_login_shell_neither_eats_nor_adds(lab: Lab, user: str) -> None:
    opened = open_ssh(
        access(lab, user=user), replace(options(lab), require_root=False), {}.__getitem__
    )
    done = opened.run('printf "%s|" "$@"; echo err >&2', "a  b", "'", "$x", timeout=20)
    opened.close()
    assert (done.stdout, done.stderr) == (b"a  b|'|$x|", b"err\n")


def keyless(lab: Lab, tmp_path: Path, **changes: object) -> SshOptions:
    known = Path(lab.home) / ".ssh/known_hosts"
    nothing = tmp_path / "nothing"
    changes = {"user_config": nothing, "identities": nothing, "known_hosts": known, **changes}
    return replace(options(lab), **changes)


def log_in(lab: Lab, with_options: SshOptions, password: str) -> bytes:
    host = access(lab, user="asked", password=LOGIN)
    transport = open_ssh(host, replace(with_options, require_root=False), {LOGIN: password}.get)
    try:
        return transport.run("id -un", timeout=20).stdout
    finally:
        transport.close()


def test_a_password_logs_in(lab: Lab, tmp_path: Path) -> None:
    assert log_in(lab, keyless(lab, tmp_path), PASSWORD) == b"asked\n"


def test_a_password_asked_for_interactively_logs_in(lab: Lab, tmp_path: Path) -> None:
    one = lab.host("one")
    one.write_file(
        "/etc/ssh/sshd_config.d/test.conf",
        "PasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
    )
    one.check_run(["systemctl", "restart", "ssh"])
    try:
        assert log_in(lab, keyless(lab, tmp_path), PASSWORD) == b"asked\n"
        with pytest.raises(MailprovError, match="the password, asked for interactively"):
            log_in(lab, keyless(lab, tmp_path), WRONG)
    finally:
        one.check_run(["rm", "/etc/ssh/sshd_config.d/test.conf"])
        one.check_run(["systemctl", "restart", "ssh"])


def test_a_wrong_password_is_told(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(MailprovError, match="tried the password") as caught:
        log_in(lab, keyless(lab, tmp_path), WRONG)
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert WRONG not in caught.value.diagnostics[0].got.split()


def test_a_fleet_reaches_each_host(lab: Lab) -> None:
    hosts = [access(lab, "one"), access(lab, "two")]
    with OpenFleet(options(lab), lambda _: str) as fleet:
        answers = fleet.each(hosts, lambda _host, t: t.run("hostname", timeout=20).stdout)
        got = {answer.host.key: (answer.value or b"").strip() for answer in answers}
    assert set(got) == {"one", "two"}
    assert len(set(got.values())) == 2


def test_a_host_that_vanishes_is_told_in_time(lab: Lab) -> None:
    quick = replace(options(lab), silence_limit=2.0, connect_timeout=1.0)
    two = lab.host("two")
    transport = open_ssh(access(lab, "two"), quick, {}.__getitem__)
    with transport.start("cat >/dev/null; sleep 60", timeout=30, doing="applying") as talk:
        talk.send(b"x")
        two.cut_network()
        try:
            talk.send(b"y" * 1000)
            with pytest.raises(MailprovError, match="connection lost while applying"):
                talk.result()
            with pytest.raises(MailprovError) as caught:
                open_ssh(access(lab, "two"), quick, {}.__getitem__)
            assert "timed out after 1 s" in str(caught.value)
        finally:
            two.restore_network()
    transport.close()

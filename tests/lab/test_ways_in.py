"""A site whose host lets nobody through where mailprov usually asks.

People harden their sshd, as the usual benchmarks and lynis advise (no forwarding, few sessions),
and put a firewall before the mail ports; no apply went through any more. What has to work is
asked on the host itself then. What has to be refused is asked from elsewhere or not at all,
because the host's own answer to itself proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.deployed import DeployedSite, failed_ids, passed_ids

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

DROP_IN = "/etc/ssh/sshd_config.d/hardened.conf"
KEYS = "/root/.ssh/authorized_keys"
FORBIDDEN = {
    "AllowTcpForwarding": f"echo 'AllowTcpForwarding no' >{DROP_IN}",
    "PermitOpen": f"echo 'PermitOpen none' >{DROP_IN}",
    "DisableForwarding": f"printf 'DisableForwarding yes\nMaxSessions 2\n' >{DROP_IN}",
    "restrict": f"sed -i 's/^ssh/restrict ssh/' {KEYS}",
}
LIMITS = "logins_per_minute: 1000"
LONG_RECORDS = ", ".join(f'"{number}{"x" * 204}"' for number in range(8))


@contextmanager
def hardened(host: LabHost, way: str) -> Iterator[None]:
    """Have the host's sshd forward nothing for the length of a `with` block."""
    kept = host.read_file(KEYS)
    host.check_run(["sh", "-c", f"{FORBIDDEN[way]}; systemctl reload ssh*.service"])
    try:
        yield
    finally:
        host.write_file(KEYS, kept)
        host.check_run(["sh", "-c", f"rm -f {DROP_IN}; systemctl reload ssh*.service"])


@contextmanager
def firewalled(site: DeployedSite) -> Iterator[None]:
    """Let the controller reach no port of the site."""
    host = site.host("mail")
    # What it answers to the controller is lost, but for SSH.
    rule = f"pref 100 to {site.lab.site('10.89.0.254')} ipproto tcp sport 23-9999 blackhole"
    host.check_run(["sh", "-c", f"ip rule add {rule}"])
    try:
        yield
    finally:
        host.check_run(["ip", "rule", "del", "pref", "100"])


@pytest.fixture
def changed(beginner: DeployedSite) -> Iterator[Callable[[str], object]]:
    """Return a function that applies the site with a limit of so many; the old one comes back."""

    def apply_with(limit: str) -> object:
        return beginner.apply(
            site=beginner.edited("limit.yaml", (LIMITS, f"logins_per_minute: {limit}"))
        )

    yield apply_with
    beginner.apply()


@pytest.mark.parametrize(("number", "way"), list(enumerate(FORBIDDEN)))
def test_a_host_that_forbids_forwarding_is_applied_and_verified(
    beginner: DeployedSite, changed: Callable[[str], object], number: int, way: str
) -> None:
    with hardened(beginner.host("mail"), way):
        report = changed(str(2000 + number))
        assert isinstance(report, dict)
        assert report["verify"]["passed"] is True
        code, verdict = beginner.verify(site=beginner.path.with_name("limit.yaml"))
    failures = {row["id"]: row["got"] for row in verdict["findings"] if row["status"] == "failed"}
    assert (code, failures) == (0, {})
    # The controller is in no network that the resolver serves: the host itself has to ask.
    assert "dns.soa.example.org.tcp@mail" in passed_ids(verdict)


def test_behind_a_firewall_everything_but_the_way_from_here_is_proven(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    with hardened(host, "AllowTcpForwarding"), firewalled(beginner):
        code, verdict = beginner.verify()
    failed = failed_ids(verdict)
    assert code == 1
    assert failed
    assert all(identity.startswith("port.") for identity in failed)
    assert {"mail.read.imaps@mail", "login.imaps@mail", "tls.smtp@mail"} <= passed_ids(verdict)
    skipped = {row["id"]: row["got"] for row in verdict["findings"] if row["status"] == "skipped"}
    # Dovecot takes its own host for a secure client.
    assert "another host" in skipped["login.before-tls.imap@mail"]


def test_a_long_record_is_answered_over_tcp(beginner: DeployedSite) -> None:
    """Met with eight TXT texts of some 205 characters: the configuration was taken back."""
    network = beginner.lab.site("10.89.0.0/24")
    longer = beginner.edited(
        "long.yaml",
        ("domain:", f"networks: {{resolver: [{network}]}}\ndomain:"),
        ("dns:\n", f"dns:\n  records: {{'@': {{TXT: [{LONG_RECORDS}]}}}}\n"),
    )
    try:
        verdict = beginner.apply(site=longer)["verify"]
        code, asked = beginner.verify(site=longer)
    finally:
        beginner.apply()
    assert verdict["passed"] is True
    (over_udp,) = (row for row in asked["findings"] if row["id"] == "dns.txt.example.org.udp@mail")
    assert (code, over_udp["status"], over_udp["via"]) == (0, "passed", "direct")

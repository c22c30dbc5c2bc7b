"""A host that keeps strangers out with ufw or nftables: the site's ports are let in, no others.

firewalld's turn is in test_el_layout.py.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.release import needs_debian
from support.under_way import wait_until

from provisioner.lab import HostSpec, LabHost

pytestmark = [pytest.mark.lab, needs_debian]

POP3 = (110, 995)
PORTS = (25, 53, 110, 143, 465, 587, 993, 995, 4190)
OTHER = 8998
LISTEN = (
    f"use IO::Socket; @door = IO::Socket::INET->new(LocalPort => {OTHER}, Listen => 5); sleep 900"
)
# As a careful operator has it, with a table of fail2ban's beside it.
RULES = """flush ruleset
table inet filter {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related accept
        iif "lo" accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 22 accept
        counter reject
    }
}
table inet banned {
    chain input {
        type filter hook input priority -1; policy accept;
        ip saddr 192.0.2.77 drop
    }
}
"""
INSTALL_UFW = (
    "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install ufw && "
    "ufw allow 22/tcp"
)


@dataclass(frozen=True)
class Wall:
    """How a firewall is put up and taken down.

    before: the generation that the host had without one. restart: has it read everything anew.
    """

    site: DeployedSite
    before: str
    file: str
    up: str
    down: str
    restart: str

    @property
    def host(self) -> LabHost:
        return self.site.host("mail")

    def run(self, command: str) -> str:
        return self.host.check_run(["sh", "-c", command], timeout=120)

    def open_ports(self) -> list[int]:
        """Return which of all the ports answer from outside."""
        return [port for port in (22, *PORTS, OTHER) if self._answers(port)]

    def let_in(self) -> set[int]:
        """Return the ports that rules of the kernel's name, as they are in force."""
        rules = self.run("nft list ruleset; iptables-save 2>/dev/null || :")
        named = " ".join(re.findall(r"\bdports? (?:\{ )?([0-9, ]+)", rules))
        return {int(number) for number in re.findall("[0-9]+", named)}

    def _answers(self, port: int) -> bool:
        try:
            socket.create_connection((self.host.address, port), timeout=2).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def open_site(lab_factory: LabFactory, beginner_text: str) -> tuple[DeployedSite, str]:
    """Give the beginner's site on a host without a firewall, and its generation.

    Something else listens there as well.
    """
    lab = lab_factory("walls", [HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail")])
    path = lab.home / "site.yaml"
    limits = "submission: {logins_per_minute: 1000}\n"
    path.write_text(lab.site(beginner_text) + limits, encoding="utf-8")
    site = DeployedSite(lab, path, {"ALICE_PASSWORD": "a password of alice"})
    generation = site.apply()["hosts"]["mail"]["generation"]
    host = site.host("mail")
    host.check_run(["systemd-run", "-q", "--unit=other", "perl", "-e", LISTEN])
    wait_until(host, f"ss -ltn | grep -q :{OTHER}", 10)
    return site, generation


@pytest.fixture(params=["nftables", "ufw"])
def wall(request: pytest.FixtureRequest, open_site: tuple[DeployedSite, str]) -> Iterator[Wall]:
    """Put a firewall up that lets in ssh and no more."""
    site, before = open_site
    if request.param == "nftables":
        site.host("mail").write_file("/etc/nftables.conf", RULES)
        restart = "systemctl reload nftables"
        up, down = "systemctl enable --now nftables", "systemctl disable --now nftables"
        wall = Wall(site, before, "/etc/mailprov/open-ports", up, down, restart)
    else:
        up, down = f"{INSTALL_UFW} && ufw --force enable", "ufw --force disable"
        wall = Wall(site, before, "/etc/ufw/applications.d/mailprov", up, down, "ufw reload")
    wall.run(wall.up)
    yield wall
    wall.run(wall.down)


def test_the_sites_ports_are_let_in_until_the_site_goes_back(wall: Wall) -> None:
    assert wall.open_ports() == [22]
    plan = wall.site.mailprov("plan")
    assert (plan.returncode, wall.file in plan.stdout) == (2, True), plan.stdout + plan.stderr
    assert wall.site.apply()["verify"]["passed"] is True
    assert wall.open_ports() == [22, *PORTS]
    wall.run(wall.restart)
    assert wall.open_ports() == [22, *PORTS]
    assert wall.site.mailprov("plan").returncode == 0
    # Whether or not anybody listens: what the firewall has is what the file says.
    fewer = wall.site.edited("fewer.yaml", ("submission: {", "pop3: {ports: []}\nsubmission: {"))
    wall.site.apply(site=fewer)
    assert wall.open_ports() == [22, *(port for port in PORTS if port not in POP3)]
    assert not set(POP3) & wall.let_in()
    wall.site.apply()
    assert wall.open_ports() == [22, *PORTS]
    assert set(POP3) <= wall.let_in()
    back = wall.site.mailprov("rollback", "--to", wall.before)
    assert back.returncode == 0, back.stdout + back.stderr
    assert wall.host.run(["test", "-e", wall.file]).returncode == 1
    assert wall.open_ports() == [22]


SPLIT_STORE = Path(__file__).parents[1] / "golden/split/debian-12/store1/etc/mailprov/open-ports"
EACH_FAMILY = """flush ruleset
table inet both {
    chain input {
        type filter hook input priority filter; policy drop;
        tcp dport 22 accept
    }
}
table ip four {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 22 accept
        reject
    }
}
table ip6 six {
    chain input {
        type filter hook input priority filter; policy drop;
        tcp dport 22 accept
    }
}
"""


def test_delivery_between_hosts_is_let_in_from_the_sites_own_in_a_table_of_each_family(
    open_site: tuple[DeployedSite, str],
) -> None:
    host = open_site[0].host("mail")
    host.write_file("/root/each.nft", EACH_FAMILY)
    host.write_file("/root/open-ports", SPLIT_STORE.read_text())
    try:
        # The second run replaces what the first one let in.
        host.check_run(
            ["sh", "-ec", "nft -f /root/each.nft; for _ in 1 2; do sh /root/open-ports; done"]
        )
        rules = host.check_run(["nft", "list", "ruleset"])
    finally:
        host.check_run(["nft", "flush", "ruleset"])
    let_in = {
        table.split()[1]: re.findall(r"(ip6?) saddr (\S+) tcp dport 24 accept", table)
        for table in rules.split("table ")[1:]
    }
    four = [("ip", f"10.89.0.{last}") for last in (11, 12, 13, 15)]
    six = [("ip6", f"fd00:89::{last}") for last in (12, 15)]
    assert sorted(let_in["both"]) == sorted([*four, *six])
    assert let_in["four"] == four
    assert let_in["six"] == six
    assert "dport 24" not in re.sub(r"saddr \S+ tcp dport 24", "", rules)

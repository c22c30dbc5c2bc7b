"""Hosts whose /etc/resolv.conf is somebody's already, and whose port 53 is.

systemd-resolved listens on 127.0.0.53 and has made the file a link, as on Ubuntu; resolvconf
has made it a link, and openresolv writes over whatever is there.
"""

from __future__ import annotations

import pytest
from support.deployed import DeployedSite, LabFactory
from support.release import needs_debian

from provisioner.lab import HostSpec, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.matrix, needs_debian]

KINDS = ("systemd-resolved", "resolvconf", "openresolv")
LINKS = {
    "systemd-resolved": "../run/systemd/resolve/stub-resolv.conf",
    "resolvconf": "../run/resolvconf/resolv.conf",
}
LIMITS = "submission: {logins_per_minute: 1000}\n"
SWITCH = "/etc/default/unbound"


@pytest.fixture(scope="module", params=KINDS)
def managed(
    request: pytest.FixtureRequest, lab_factory: LabFactory, beginner_text: str
) -> DeployedSite:
    """Return the beginner's site for a bare host that has a manager of resolv.conf."""
    kind = str(request.param)
    lab = lab_factory(f"has-{kind}", [HostSpec("mail", ("10.89.0.4",), fqdn="mail.example.org")])
    path = lab.home / "site.yaml"
    path.write_text(lab.site(beginner_text) + LIMITS, encoding="utf-8")
    host = lab.host("mail")
    host.check_run(["apt-get", "-q", "update"])
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", kind]
    host.check_run(["env", "DEBIAN_FRONTEND=noninteractive", *install])
    assert link_of(host) == LINKS.get(kind, "")
    return DeployedSite(lab, path, {"ALICE_PASSWORD": "four words of hers"})


def link_of(host: LabHost) -> str:
    return host.run(["readlink", "/etc/resolv.conf"]).stdout.strip()


def kind_of(host: LabHost) -> str:
    return next(kind for kind in KINDS if host.run(["dpkg", "-s", kind]).returncode == 0)


def lines_of(host: LabHost, command: str) -> list[str]:
    return host.check_run(["sh", "-c", command]).splitlines()


def named(host: LabHost) -> list[str]:
    return lines_of(host, "grep ^nameserver /etc/resolv.conf")


def comes_up(host: LabHost) -> None:
    """Tell each manager of an interface that comes up with a name server of its own."""
    host.run(["sh", "-c", "echo nameserver 192.0.2.53 | resolvconf -a eth0"])
    host.run(["resolvectl", "dns", "host0", "192.0.2.53"])


def test_the_hosts_resolver_is_the_sites_and_stays_so(managed: DeployedSite) -> None:
    host = managed.host("mail")
    before = host.read_file("/etc/resolv.conf"), link_of(host)
    report = managed.apply()
    assert report["verify"]["passed"] is True
    assert (named(host), link_of(host)) == (["nameserver 127.0.0.1"], "")
    # Whenever Unbound starts, Debian's helper tells resolvconf(8) of it; and whenever an
    # interface comes up, resolvconf has Unbound ask that network's name servers.
    forwards = lines_of(host, "unbound-control list_forwards")
    host.check_run(["systemctl", "restart", "unbound"])
    comes_up(host)
    assert named(host) == ["nameserver 127.0.0.1"]
    assert lines_of(host, "unbound-control list_forwards") == forwards
    assert not any("192.0.2.53" in line for line in forwards)
    assert lines_of(host, "systemctl --failed --no-legend") == []
    assert managed.mailprov("plan").returncode == 0
    assert managed.apply()["changes"] == 0
    back = managed.mailprov("rollback", "--to", "0")
    assert back.returncode == 0, back.stdout + back.stderr
    assert link_of(host) == before[1]
    if kind_of(host) == "systemd-resolved" or not before[1]:
        assert host.read_file("/etc/resolv.conf") == before[0]
    else:
        # Its own, with what has come up since, and nothing of Unbound's.
        assert "nameserver 192.0.2.53" in named(host)
        assert "nameserver 127.0.0.1" not in named(host)
    assert host.run(["test", "-e", SWITCH]).returncode == 1


@pytest.mark.parametrize("managed", ["systemd-resolved"], indirect=True)
def test_an_unbound_on_all_addresses_is_told_of_the_stub_and_how_to_be_rid_of_it(
    managed: DeployedSite,
) -> None:
    host = managed.host("mail")
    everywhere = managed.edited(
        "everywhere.yaml", ("  server:\n", '  server:\n    interface: "0.0.0.0"\n')
    )
    done = managed.mailprov("apply", site=everywhere)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "wanted by Unbound: systemd-resolve" in done.stderr
    assert host.run(["systemctl", "is-active", "unbound"]).returncode != 0
    # What the message says, as it stands there.
    command = done.stderr.partition("on mail: `")[2].partition("`")[0]
    host.check_run(["sh", "-c", command])
    host.check_run(["ln", "-sf", "../run/systemd/resolve/resolv.conf", "/etc/resolv.conf"])
    report = managed.apply(site=everywhere)
    assert report["verify"]["passed"] is True

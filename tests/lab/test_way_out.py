"""Whether mail can leave, found out by a real host: in a network with a way out, and without."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from support.deployed import DeployedSite
from support.elsewhere import serve_elsewhere

from provisioner.lab.addresses import outside_address

pytestmark = pytest.mark.lab

REACH = "leave.reach@mail"
# A provider that refuses answers at once.
BLOCK = """\
table inet provider {
    chain out {
        type filter hook output priority 0
        tcp dport 25 meta oif != "lo" reject with icmpx type admin-prohibited
    }
}
"""


@pytest.fixture(scope="module")
def sending(beginner: DeployedSite) -> Iterator[DeployedSite]:
    """Return the beginner's site with mail for another one, which is there."""
    mail, elsewhere = beginner.host("mail"), beginner.host("elsewhere")
    serve_elsewhere(elsewhere)
    alias = "aliases: {away: partner@outside.example}\nqueue_warning: 1s\ndomain: example.org\n"
    path = beginner.edited("connected.yaml", ("domain: example.org\n", alias))
    # What other tests of this site left waiting.
    mail.check_run(["postsuper", "-d", "ALL"])
    beginner.apply(site=path)
    yield DeployedSite(beginner.lab, path, beginner.environment)
    mail.check_run(["postsuper", "-d", "ALL"])
    elsewhere.check_run(["systemctl", "stop", "postfix"])
    beginner.apply()


@pytest.fixture
def connected(sending: DeployedSite) -> Iterator[DeployedSite]:
    """Give its host a default route.

    That leads to a lab host that passes nothing on: this lab has no way out either.
    """
    mail = sending.host("mail")
    mail.check_run(["ip", "route", "add", "default", "via", sending.lab.internet.address])
    yield sending
    mail.check_run(["ip", "route", "del", "default"])


@pytest.fixture
def blocked(connected: DeployedSite) -> Iterator[DeployedSite]:
    """Have a provider refuse what goes out to port 25."""
    mail = connected.host("mail")
    mail.check_run(["sh", "-c", f"nft -f - <<'END'\n{BLOCK}END"])
    yield connected
    mail.check_run(["nft", "delete", "table", "inet", "provider"])


def found(report: dict[str, list[dict[str, str]]]) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in report["findings"] if row["id"].startswith("leave.")}


def test_a_network_without_a_way_out_costs_a_private_site_nothing(beginner: DeployedSite) -> None:
    code, report = beginner.verify()
    rows = found(report)
    assert (code, {row["status"] for row in rows.values()}) == (0, {"skipped"})
    assert "no default route" in rows[REACH]["got"]


def test_a_server_elsewhere_that_greets_is_the_proof(connected: DeployedSite) -> None:
    code, report = connected.verify()
    assert (code, found(report)[REACH]["status"]) == (0, "passed")
    assert "220 mail.outside.example" in found(report)[REACH]["got"]


def test_the_name_of_the_address_that_the_world_sees(connected: DeployedSite) -> None:
    lab, host = connected.lab, connected.host("mail")
    public = ip_address(outside_address(lab.number, 77))
    told = f"address: {host.address}, public_address: {public}"
    path = connected.edited("translated.yaml", (f"address: {host.address}", told))
    name = f"leave.name.{public}@mail"
    _, report = connected.verify(site=path)
    assert (found(report)[name]["status"], "no PTR" in found(report)[name]["got"]) == (
        "failed",
        True,
    )
    zone = public.reverse_pointer.partition(".")[2]
    (before,) = [one for one in lab.internet.zones() if one.name == f"{zone}."]
    pointer = f"{public.reverse_pointer}. IN PTR mail.example.org."
    lab.internet.add_zone(zone, [*before.records, pointer])
    try:
        # What the resolver remembers of the name's absence.
        host.check_run(["unbound-control", "reload"])
        _, report = connected.verify(site=path)
    finally:
        lab.internet.add_zone(zone, before.records)
    assert found(report)[name]["status"] == "passed"


def test_a_port_that_the_provider_keeps_closed_is_named(blocked: DeployedSite) -> None:
    """People's port 25 was closed outward; everything passed, and their mail waited for days."""
    done = blocked.mailprov("verify")
    assert done.returncode == 1
    assert "outgoing port 25 is blocked" in done.stdout
    assert "; mail cannot leave: outgoing port 25 is blocked" in done.stdout.splitlines()[-1]


def test_an_apply_says_so_and_is_not_refused(blocked: DeployedSite) -> None:
    path = blocked.edited("slower.yaml", ("logins_per_minute: 1000", "logins_per_minute: 999"))
    done = blocked.mailprov("apply", site=path)
    assert done.returncode == 0, done.stderr
    assert "; mail cannot leave: outgoing port 25 is blocked" in done.stdout.splitlines()[-1]


def test_status_says_why_mail_waits(blocked: DeployedSite) -> None:
    sent = blocked.mailprov("send", "--from", "alice", "--to", "away", "--wait", "60")
    assert "deferred" in sent.stdout
    done = blocked.mailprov("status")
    headline = next(line for line in done.stdout.splitlines() if line.startswith("mail: "))
    assert "mail: 1 waiting, oldest since " in headline
    assert ":25: No route to host" in headline
    assert done.returncode == 1

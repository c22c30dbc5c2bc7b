"""Two providers on their own hosts find each other through the lab's internet.

The sites are inventories/lab/north.yaml and south.yaml, brought up as an operator would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite
from support.people import Person
from support.release import RELEASE

from provisioner.lab import Lab, take_down

pytestmark = pytest.mark.lab

INVENTORIES = Path(__file__).parents[2] / "inventories/lab"
PASSWORDS = {
    "ANN_PASSWORD": "ann's own",
    "AXEL_PASSWORD": "axel's own",
    "BEA_PASSWORD": "bea's own",
    "BEN_PASSWORD": "ben's own",
}


@dataclass(frozen=True)
class Providers:
    north: DeployedSite
    south: DeployedSite

    def person(self, name: str) -> Person:
        site, store, domain = (
            (self.north, "north-mail", "north.example")
            if name.startswith("a")
            else (self.south, "south", "south.example")
        )
        return Person(site, store, f"{name}@{domain}", PASSWORDS[f"{name.upper()}_PASSWORD"])

    def log(self, key: str, *words: str) -> list[str]:
        """Return the lines of a mail host's journal that have all the words."""
        lines = self.north.host(key).check_run(["journalctl", "-o", "cat", "--no-pager"])
        return [line for line in lines.splitlines() if all(word in line for word in words)]


@pytest.fixture(scope="module")
def providers(lab_name: Callable[[str], str]) -> Iterator[Providers]:
    name = lab_name("two")
    files = [str(INVENTORIES / f"{site}.yaml") for site in ("north", "south")]
    command = [sys.executable, "-m", "provisioner", "lab", "up", "--release", RELEASE.name]
    try:
        done = subprocess.run([*command, name, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lab = Lab.attach(name)
        assert f"HOME={lab.home} mailprov apply {lab.home}/south.yaml" in done.stdout
        sites = [
            DeployedSite(lab, lab.home / f"{site}.yaml", PASSWORDS) for site in ("north", "south")
        ]
        with ThreadPoolExecutor() as pool:
            for report in pool.map(DeployedSite.apply, sites):
                assert report["verify"]["passed"]
        yield Providers(*sites)
    finally:
        if not os.environ.get("MAILPROV_KEEP_LABS"):
            take_down(name)


def test_mail_goes_there_and_back(providers: Providers) -> None:
    ann, bea = providers.person("ann"), providers.person("bea")
    ann.submit(bea.address, subject="there")
    bea.wait_for("there")
    bea.submit(ann.address, subject="and back")
    ann.wait_for("and back")
    relay = f"relay=mail.south.example[{providers.south.host('south').address}]:25"
    assert providers.log("north-mail", "to=<bea@south.example>", relay, "status=sent")


def test_the_headers_name_every_hop_and_the_tls_between_the_providers(
    providers: Providers,
) -> None:
    ann, ben = providers.person("ann"), providers.person("ben")
    ann.submit(ben.address, subject="hops")
    (message,) = ben.wait_for("hops")
    delivered, relayed, submitted = [
        " ".join(str(header).split()) for header in message.get_all("Received", [])
    ]
    north = providers.north.host("north-mail").address
    assert "by mail.south.example with LMTP" in delivered
    assert relayed.startswith(f"from mail.north.example (mail.north.example [{north}])")
    assert "using TLSv1.3" in relayed
    assert "by mail.south.example (Postfix) with ESMTPS" in relayed
    assert "by mail.north.example" in submitted
    assert providers.log(
        "north-mail", "TLS connection established to mail.south.example", "TLSv1.3"
    )
    assert providers.log("south", "TLS connection established from mail.north.example", "TLSv1.3")


def test_nobody_is_refused_at_the_door_and_the_sender_hears_of_it(providers: Providers) -> None:
    ann = providers.person("ann")
    ann.submit("nobody-here@south.example", subject="to nobody")
    (bounce,) = ann.wait_for("nobody-here@south.example")
    assert "MAILER-DAEMON@north.example" in str(bounce["From"])
    text = " ".join(bounce.as_string().split())
    assert "550 5.1.1" in text
    assert "in reply to RCPT TO command" in text
    north = f"mail.north.example[{providers.north.host('north-mail').address}]"
    assert providers.log("south", f"NOQUEUE: reject: RCPT from {north}: 550 5.1.1")


def test_aliases_lead_across(providers: Providers) -> None:
    ann, axel, bea = (providers.person(name) for name in ("ann", "axel", "bea"))
    bea.submit("friends@north.example", subject="to both of you")
    axel.wait_for("to both of you")
    bea.wait_for("to both of you")
    ann.submit("up-north@south.example", subject="home again")
    ann.wait_for("home again")


def test_mail_to_a_dead_provider_waits_and_goes_out_when_it_is_back(providers: Providers) -> None:
    ann, bea = providers.person("ann"), providers.person("bea")
    south = providers.south.host("south")
    south.kill()
    try:
        ann.submit(bea.address, subject="patience")
        queue = wait_for_reason(providers.north)
        shown = providers.north.mailprov("status")
        gone = providers.south.mailprov("status", "--json")
    finally:
        south.boot()
        south.wait_until_ready()
    (message,) = queue["messages"]
    (recipient,) = message["recipients"]
    assert (queue["total"], message["sender"]) == (1, ann.address)
    assert recipient["address"] == bea.address
    assert "connect to mail.south.example" in recipient["reason"]
    assert 0 <= message["age_seconds"] < 300
    assert message["size"] > 100
    # Waiting mail is no fault of the host that keeps it.
    assert shown.returncode == 0, shown.stdout
    assert "queue        1 message waiting" in shown.stdout
    lines = shown.stdout.splitlines()
    (row,) = [number for number, line in enumerate(lines) if message["id"] in line]
    assert [ann.address, bea.address] == lines[row].split()[-2:]
    assert "connect to mail.south.example" in lines[row + 1]
    assert "`/usr/sbin/postqueue -f` on north-mail" in shown.stdout
    assert gone.returncode == 4
    assert json.loads(gone.stdout)["errors"]
    south.wait_until_settled()
    providers.north.host("north-mail").check_run(["postqueue", "-f"])
    bea.wait_for("patience")
    assert status(providers.north, "north-mail")["queue"]["total"] == 0


def test_status_names_drift_and_a_service_that_is_down(providers: Providers) -> None:
    host = providers.south.host("south")
    host.check_run(["systemctl", "stop", "dovecot"])
    host.check_run(["chmod", "666", "/etc/postfix/main.cf"])
    try:
        done = providers.south.mailprov("status")
        told = status(providers.south, "south")
    finally:
        host.check_run(["chmod", "644", "/etc/postfix/main.cf"])
        host.check_run(["systemctl", "start", "dovecot"])
    assert done.returncode == 1
    assert "/etc/postfix/main.cf: mode is 0666, wanted 0644" in done.stdout
    assert [unit["name"] for unit in told["units"] if unit["problem"]] == ["dovecot.service"]
    assert [one["path"] for one in told["drift"]] == ["/etc/postfix/main.cf"]
    assert providers.south.mailprov("status").returncode == 0


def status(site: DeployedSite, host: str) -> dict[str, Any]:
    done = site.mailprov("status", "--json")
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout)["hosts"][host])


def wait_for_reason(site: DeployedSite) -> dict[str, Any]:
    """Return north's queue once Postfix has said why a message waits."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        queue = status(site, "north-mail")["queue"]
        if any(one["reason"] for row in queue["messages"] for one in row["recipients"]):
            return dict(queue)
        time.sleep(0.5)
    raise AssertionError(queue)

"""A daemon is one folder: `tests/lab/rooms/echod` is put into a copy, and nothing else is changed.

What an operator gets of any daemon is there at once: its files in a plan, its checker before they
go live, its port, a question of `verify`, an explained failure, and the way back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.deployed import DeployedSite, failed_ids, passed_ids
from support.release import needs_debian

from provisioner.lab import LabHost

pytestmark = [pytest.mark.lab, needs_debian]


CONFIG = "/etc/echod/echod.conf"
KEY = "/etc/echod/key"
PASSWORDS = {"ALICE_PASSWORD": "a password of alice"}


@pytest.fixture(scope="module")
def deployed(extended: Callable[..., DeployedSite]) -> DeployedSite:
    """Return a site whose program has one more daemon, before the first apply."""
    return extended("echod", ("rooms/echod", "daemons/echod"))


def word_of(host: LabHost) -> str:
    return host.check_run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7007; echo x >&3; cat <&3"])


def test_it_is_planned_applied_proven_broken_explained_and_rolled_back(
    deployed: DeployedSite,
) -> None:
    host = deployed.host("mail")
    planned = json.loads(deployed.mailprov("plan", "--json").stdout)
    names = {change["name"] for change in planned["hosts"]["mail"]["changes"]}
    assert {CONFIG, "echod.service"} <= names
    first = deployed.apply()["hosts"]["mail"]["generation"]
    assert word_of(host).strip() == "mail"
    code, report = deployed.verify()
    assert "echod.word@mail" in passed_ids(report)
    assert "check.echod--c@mail" in passed_ids(report)

    key = host.check_run(["cat", KEY])
    assert key.startswith("mail ")
    assert host.check_run(["stat", "-c", "%U:%G %a", KEY]).strip() == "root:root 600"

    host.write_file(CONFIG, "nothing\n")
    host.run(["systemctl", "restart", "echod.service"])
    code, report = deployed.verify()
    assert code == 1
    assert {"echod.word@mail", "check.echod--c@mail"} <= failed_ids(report)
    told = deployed.mailprov("diagnose").stdout
    assert "Echod has no word" in told
    assert f"{CONFIG} on mail" in told

    deployed.apply("--overwrite-drift")
    assert word_of(host).strip() == "mail"
    # Without the folder the daemon goes, and with it, it comes back.
    without = replace(deployed, environment=PASSWORDS)
    without.apply()
    assert host.run(["systemctl", "is-active", "echod.service"]).returncode != 0
    done = deployed.mailprov("rollback", "--to", first)
    assert done.returncode == 0, done.stdout + done.stderr
    assert word_of(host).strip() == "mail"
    # What the host made itself was neither made anew nor taken back.
    assert host.check_run(["cat", KEY]) == key
    assert deployed.mailprov("plan").returncode == 0


def test_it_goes_with_mailprov(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    done = deployed.mailprov("destroy", "--yes-destroy")
    assert done.returncode == 0, done.stdout + done.stderr
    left = host.run(["find", "/etc/echod", "/etc/systemd/system/echod.service", "-type", "f"])
    assert left.stdout.split() == []
    assert host.run(["systemctl", "cat", "echod.service"]).returncode != 0

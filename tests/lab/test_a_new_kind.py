"""A kind of resource is one module and its shell, and nothing else is changed.

`tests/lab/kinds/timer` is put into a copy, with a room that wants one. It is planned, applied,
seen to drift, taken back and given back as any other.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite, failed_ids
from support.release import SERVICES, needs_debian
from support.under_way import applying, follow, wait_until

from provisioner.lab import LabHost

pytestmark = [pytest.mark.lab, needs_debian]


TIMER = "ticker-tidy.timer"
PASSWORDS = {"ALICE_PASSWORD": "a password of alice"}


@pytest.fixture(scope="module")
def deployed(extended: Callable[..., DeployedSite]) -> DeployedSite:
    """Return a site whose program has one more kind, and a room that wants one of it."""
    return extended(
        "timer",
        ("rooms/ticker", "daemons/ticker"),
        ("kinds/timer.py", "resources/timer.py"),
        ("kinds/timer.sh", "resources/timer.sh"),
    )


def timer_on(host: LabHost) -> str:
    """Return whether the timer starts at boot, whether it runs, and when, as systemd has it."""
    enabled = host.run(["systemctl", "is-enabled", TIMER]).stdout.strip()
    active = host.run(["systemctl", "is-active", TIMER]).stdout.strip()
    shown = host.check_run(["systemctl", "show", "-p", "TimersCalendar", "--value", TIMER])
    calendar = re.search(r"OnCalendar=(.*?) ;", shown)
    return f"{enabled} {active} {calendar[1] if calendar else ''}"


def planned(site: DeployedSite, path: Path | None = None) -> list[dict[str, Any]]:
    """Return the changes of timers that are planned."""
    done = site.mailprov("plan", "--json", site=path)
    changes = json.loads(done.stdout)["hosts"]["mail"]["changes"]
    return [change for change in changes if change["kind"] == "timer"]


def test_it_is_planned_applied_seen_to_drift_and_rolled_back(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    (change,) = planned(deployed)
    assert (change["name"], change["action"]) == (TIMER, "create")
    first = deployed.apply()["hosts"]["mail"]["generation"]
    assert timer_on(host) == "enabled active *-*-* 03:00:00"
    assert deployed.mailprov("plan").returncode == 0
    assert planned(deployed) == []

    later = deployed.edited("later.yaml", ("domain:", "queue_warning: 5h\ndomain:"))
    (change,) = planned(deployed, later)
    assert change["action"] == "update"
    assert "03:00:00" in change["reason"]
    deployed.apply(site=later)
    assert timer_on(host) == "enabled active *-*-* 05:00:00"

    host.check_run(["systemctl", "disable", "--now", TIMER])
    (change,) = planned(deployed, later)
    assert "disabled inactive" in change["drift"]["what"]
    assert f"file.{TIMER}@mail" in failed_ids(deployed.verify(site=later)[1])
    assert deployed.mailprov("apply", site=later).returncode == 5
    assert timer_on(host).startswith("disabled inactive")
    deployed.apply("--keep-drift", site=later)
    assert timer_on(host).startswith("disabled inactive")
    (change,) = planned(deployed, later)
    assert "drift" in change
    deployed.apply("--overwrite-drift", site=later)
    assert timer_on(host).startswith("enabled active")

    done = deployed.mailprov("rollback", "--to", first)
    assert done.returncode == 0, done.stdout + done.stderr
    assert timer_on(host) == "enabled active *-*-* 03:00:00"
    assert deployed.mailprov("plan").returncode == 0


def test_it_returns_with_a_configuration_that_is_not_confirmed(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    deployed.apply()
    host.check_run(["systemctl", "stop", TIMER])
    broken = "queue_warning: 7h\npostfix: {main: {smtpd_client_restrictions: rejekt}}\n"
    changed = deployed.edited("broken.yaml", ("domain:", f"{broken}domain:"))
    done = deployed.mailprov("apply", "--overwrite-drift", site=changed)
    assert done.returncode == 1
    assert "returned" in done.stdout
    # As it was, which is how somebody had left it.
    assert timer_on(host) == "enabled inactive *-*-* 03:00:00"
    deployed.apply("--overwrite-drift")
    assert timer_on(host).startswith("enabled active")


def test_it_returns_on_a_host_that_goes_down_meanwhile(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    changed = deployed.edited("changed.yaml", ("domain:", "queue_warning: 9h\ndomain:"))
    with applying(deployed, changed) as process:
        follow(process, "testing the new configuration")
        process.send_signal(signal.SIGSTOP)
        assert timer_on(host) == "enabled active *-*-* 09:00:00"
        host.kill()
        host.boot()
    host.wait_until_ready()
    for unit in (TIMER, *SERVICES):
        wait_until(host, f"systemctl is-active -q {unit}")
    assert timer_on(host) == "enabled active *-*-* 03:00:00"
    assert deployed.mailprov("plan").returncode == 0


def test_a_version_that_does_not_know_it_leaves_the_host_alone(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    before = timer_on(host)
    done = DeployedSite(deployed.lab, deployed.path, PASSWORDS).mailprov("plan")
    assert done.returncode == 5
    assert f"timer {TIMER}" in done.stderr
    assert timer_on(host) == before


def test_it_goes_with_mailprov(deployed: DeployedSite) -> None:
    host = deployed.host("mail")
    done = deployed.mailprov("destroy", "--yes-destroy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run(["systemctl", "cat", TIMER]).returncode != 0
    left = ["find", "/etc/systemd/system", "-name", "ticker*"]
    assert host.check_run(left) == ""
    assert host.run(["systemctl", "is-active", TIMER]).stdout.strip() == "inactive"

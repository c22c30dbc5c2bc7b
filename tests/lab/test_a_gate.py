"""A run with an action of the site and a gate, which opens once the world has seen a record.

The room is `tests/lab/rooms/echod` with the behaviour of `echod_with_gate`. Before the gate its
daemon says `private`, behind it `public`. The record is one of the lab's public DNS.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest
from support.deployed import DeployedSite, passed_ids
from support.release import needs_debian
from support.under_way import applying, follow

pytestmark = [pytest.mark.lab, needs_debian]


GATE = "echod.seen"


@pytest.fixture(scope="module")
def deployed(extended: Callable[..., DeployedSite]) -> DeployedSite:
    """Return a site whose program has a daemon with a gate, before the first apply."""
    return extended(
        "gate",
        ("rooms/echod", "daemons/echod"),
        ("rooms/echod/behaviour.py", "daemons/echod/plain.py"),
        ("rooms/echod_with_gate/behaviour.py", "daemons/echod/behaviour.py"),
    )


def word_of(site: DeployedSite) -> str:
    ask = "exec 3<>/dev/tcp/127.0.0.1/7007; echo x >&3; cat <&3"
    return site.host("mail").check_run(["bash", "-c", ask]).strip()


def publish(site: DeployedSite) -> None:
    """Have the public DNS say what the gate waits for."""
    site.lab.internet.add_zone("echod.example", ['@ 5 IN TXT "mail.example.org"'])


def withdraw(site: DeployedSite) -> None:
    site.lab.internet.remove_zone("echod.example")


def published(site: DeployedSite) -> int:
    """Return how often the action was done."""
    return len(site.host("mail").run(["cat", "/root/published"]).stdout.splitlines())


def phases_of(site: DeployedSite, verb: str, *options: str) -> tuple[int, list[tuple[str, ...]]]:
    """Return the exit code of a command, and kind and standing of each phase that it tells."""
    done = site.mailprov(verb, "--json", *options)
    assert done.stdout, done.stderr
    rows = json.loads(done.stdout)["phases"]
    return done.returncode, [
        (row["kind"], str(row.get("status", row.get("waiting", "")))) for row in rows
    ]


def serial_of(site: DeployedSite) -> str:
    return site.host("mail").check_run(["cat", "/var/lib/mailprov/head"]).split("\t")[0]


def test_a_run_goes_as_far_as_the_gate_and_says_when_to_come_back(deployed: DeployedSite) -> None:
    code, phases = phases_of(deployed, "plan")
    assert code == 2
    assert phases == [
        ("transactions", ""), ("action", "False"), ("gate", "False"), ("transactions", ""),
    ]  # fmt: skip
    done = deployed.mailprov("apply")
    assert done.returncode == 6, done.stdout + done.stderr
    assert word_of(deployed) == "private"
    assert published(deployed) == 1
    assert "closed until" in done.stdout
    for told in (
        "(echod.seen): a gate is still closed",
        "got:  echod.seen@public: NXDOMAIN",
        "(in 5m)",
    ):
        assert told in done.stderr


def test_a_closed_gate_is_asked_again_and_nothing_is_done_twice(deployed: DeployedSite) -> None:
    before = serial_of(deployed)
    assert phases_of(deployed, "plan") == (2, [("gate", "True"), ("transactions", "")])
    status = deployed.mailprov("status")
    assert status.returncode == 0, status.stdout
    assert f"waiting for {GATE}" in status.stdout
    code, phases = phases_of(deployed, "apply")
    assert (code, phases) == (6, [("transactions", "unchanged"), ("gate", "closed")])
    assert (serial_of(deployed), published(deployed)) == (before, 1)
    assert deployed.verify()[0] == 0


def test_a_name_server_that_nobody_reaches_keeps_the_gate_closed(deployed: DeployedSite) -> None:
    inet = deployed.host("inet")
    inet.check_run(["systemctl", "stop", "named"])
    try:
        done = deployed.mailprov("apply", "--json")
    finally:
        inet.check_run(["systemctl", "start", "named"])
        deployed.lab.internet.wait_until_ready()
    assert done.returncode == 6, done.stdout + done.stderr
    (error,) = json.loads(done.stdout)["errors"]
    assert error["got"].startswith("echod.seen@public: the connection failed: direct: refused")


def test_ctrl_c_ends_the_waiting_and_the_host_knows_how_far_the_run_came(
    deployed: DeployedSite,
) -> None:
    before = serial_of(deployed)
    with applying(deployed, deployed.path, "--wait") as process:
        follow(process, f"waiting for {GATE}")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "interrupted while a gate was closed" in told
    assert "Traceback" not in told
    assert serial_of(deployed) == before


def test_patience_that_ends_before_the_gate_passes_ends_the_run_as_ever(
    deployed: DeployedSite,
) -> None:
    code, phases = phases_of(deployed, "apply", "--wait", "1s")
    assert (code, phases[-1]) == (6, ("gate", "closed"))


def test_who_waits_goes_on_by_himself_once_the_world_has_seen_it(deployed: DeployedSite) -> None:
    with applying(deployed, deployed.path, "--wait", "5m") as process:
        follow(process, f"waiting for {GATE}")
        publish(deployed)
        out, told = process.communicate(timeout=120)
    assert process.returncode == 0, out + told
    assert word_of(deployed) == "public"
    assert published(deployed) == 1
    code, report = deployed.verify()
    assert code == 0
    assert "echod.word@mail" in passed_ids(report)


def test_a_gate_that_was_passed_is_not_asked_again(deployed: DeployedSite) -> None:
    withdraw(deployed)
    before = serial_of(deployed)
    assert phases_of(deployed, "plan") == (0, [])
    assert phases_of(deployed, "apply") == (0, [("transactions", "unchanged")])
    assert serial_of(deployed) == before


def test_a_rollback_goes_back_before_the_gate_and_the_next_apply_asks_it_again(
    deployed: DeployedSite,
) -> None:
    done = deployed.mailprov("rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    assert word_of(deployed) == "private"
    assert phases_of(deployed, "plan") == (2, [("gate", "True"), ("transactions", "")])
    assert phases_of(deployed, "apply")[0] == 6
    publish(deployed)
    code, phases = phases_of(deployed, "apply")
    assert code == 0
    assert phases == [
        ("transactions", "unchanged"), ("gate", "passed"), ("transactions", "done"),
    ]  # fmt: skip
    assert word_of(deployed) == "public"
    assert published(deployed) == 1


def test_what_the_gate_was_about_changes_and_it_is_asked_again(deployed: DeployedSite) -> None:
    moved = deployed.edited("moved.yaml", ("mail: {", "mail: {fqdn: mx.example.org, "))
    done = deployed.mailprov("apply", site=moved)
    assert done.returncode == 6, done.stdout + done.stderr
    assert word_of(deployed) == "private"
    assert published(deployed) == 2
    deployed.lab.internet.add_zone("echod.example", ['@ 5 IN TXT "mx.example.org"'])
    assert deployed.mailprov("apply", site=moved).returncode == 0
    assert word_of(deployed) == "public"


def test_nothing_of_it_stays_when_mailprov_goes(deployed: DeployedSite) -> None:
    done = deployed.mailprov("destroy", "--yes-destroy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert deployed.host("mail").run(["test", "-e", "/var/lib/mailprov"]).returncode == 1

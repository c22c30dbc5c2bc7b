"""Real faults on lab hosts, recognised from what the real daemons then logged.

With MAILPROV_RECORD=1 each fault's whole log is written to its release's folder in
tests/recorded/diagnosis, where the unit tests of the catalogue read it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.breaking import (
    BLOCKLIST,
    BLOCKLIST_RECORDS,
    PREPARE_NS,
    RECORDS,
    RESTORE_NS,
    ZONE,
    Fault,
    main_cf,
)
from support.deployed import DeployedSite
from support.logs import recordings_of
from support.mail_faults import FAULTS
from support.release import RELEASE, needs_debian

from provisioner.diagnosis.catalogue import builtin_catalogue
from provisioner.remote.program import remote_programs
from provisioner.verbs.mail_log import request_rows

pytestmark = pytest.mark.lab
REFUSING = Path(__file__).parent / "faults/refusing_smtp.py"
BOOT = datetime(2020, 1, 1, tzinfo=UTC)
DEADLINE = 12.0  # seconds until a daemon has logged what it was provoked to


@pytest.fixture(scope="module")
def site(tutorial: DeployedSite) -> Iterator[DeployedSite]:
    """Return the tutorial's site, in a world where mail can fail in every way."""
    lab = tutorial.lab
    lab.internet.add_zone(ZONE, [lab.site(record) for record in RECORDS])
    lab.internet.add_zone(BLOCKLIST, BLOCKLIST_RECORDS)
    shell(tutorial, "ns", PREPARE_NS)
    yield tutorial
    shell(tutorial, "ns", RESTORE_NS)
    lab.internet.remove_zone(ZONE)
    lab.internet.remove_zone(BLOCKLIST)


def shell(site: DeployedSite, host: str, command: str) -> str:
    # systemd refuses a unit that is started more than five times in ten seconds.
    text = f"systemctl reset-failed; {site.lab.site(command)}"
    return site.host(host).check_run(["sh", "-c", text])


def diagnose(site: DeployedSite, *options: str) -> tuple[int, dict[str, Any]]:
    done = site.mailprov("diagnose", "--json", *options)
    assert done.stdout, done.stderr
    return done.returncode, dict(json.loads(done.stdout))


@contextmanager
def refusing_server(site: DeployedSite, reply: str) -> Iterator[None]:
    """Run a mail server on `client` that refuses everybody in these words."""
    client = site.host("client")
    command = [sys.executable, str(REFUSING), client.address, "25", reply]
    with subprocess.Popen(
        ["ip", "netns", "exec", client.namespace, *command], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            server.terminate()


@contextmanager
def broken(site: DeployedSite, fault: Fault) -> Iterator[str]:
    """Break a host and provoke the fault; yield the moment before it, for --since."""
    before = datetime.now(UTC).isoformat()
    try:
        shell(site, fault.host, fault.breaks)
        if fault.answer:
            with refusing_server(site, fault.answer):
                shell(site, fault.at, fault.provokes)
                # The other end has to be there until Postfix has called it.
                await_ids(site, fault, before)
        else:
            shell(site, fault.at, fault.provokes)
        yield before
    finally:
        shell(site, fault.host, fault.mends)


def await_ids(site: DeployedSite, fault: Fault, since: str) -> tuple[int, dict[str, Any]]:
    """Diagnose until the fault's ids are found, or the deadline has passed."""
    deadline = time.monotonic() + DEADLINE
    while True:
        code, report = diagnose(site, "--since", since, "--limit", fault.host)
        found = {row["id"] for row in report["hosts"][fault.host]["diagnoses"]}
        if set(fault.finds) <= found or time.monotonic() > deadline:
            return code, report
        time.sleep(0.3)


def record(site: DeployedSite, host: str, name: str, since: datetime, pattern: str = "") -> None:
    """Keep all that the host logged, as the reading program tells it, in lab 0's addresses."""
    rows = request_rows(
        since, pattern, checks=("unbound",) if host == "ns" else ("dovecot", "postfix")
    )
    program = ["sh", "-c", remote_programs()["log"]]
    answer = site.host(host).check_run(program, stdin=rows.decode())
    number = site.lab.number
    for old, new in ((f"10.89.{number}.", "10.89.0."), (f"198.18.{number}.", "198.18.0.")):
        answer = answer.replace(old, new)
    (recordings_of(RELEASE.name) / f"{name}.log").write_text(answer, encoding="utf-8")


@pytest.mark.parametrize("name", ["tutorial", "beginner"])
def test_a_healthy_host_yields_nothing_from_its_boot_on(
    name: str, request: pytest.FixtureRequest
) -> None:
    healthy: DeployedSite = request.getfixturevalue(name)
    if os.environ.get("MAILPROV_RECORD") and name == "tutorial":
        for host in ("mail", "ns"):
            # The mail host's log is long; the name server's would be nothing.
            pattern = builtin_catalogue().selection if host == "mail" else ""
            record(healthy, host, f"healthy-{host}", BOOT, pattern)
    report = json.loads(healthy.path.with_name("first-diagnosis.json").read_text(encoding="utf-8"))
    assert report["errors"] == []
    assert set(report["counts"].values()) == {0}, report
    assert all(host["sources"] == ["journal"] for host in report["hosts"].values())


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.slug,
            marks=[
                *([pytest.mark.matrix] if fault.rare else []),
                *([needs_debian] if fault.debian else []),
            ],
        )
        for fault in FAULTS
    ],
)
def test_a_fault_is_explained_from_what_the_daemons_logged(
    site: DeployedSite, fault: Fault
) -> None:
    with broken(site, fault) as since:
        code, report = await_ids(site, fault, since)
        if os.environ.get("MAILPROV_RECORD"):
            record(site, fault.host, fault.slug, datetime.fromisoformat(since))
    host = report["hosts"][fault.host]
    found = {row["id"]: row for row in host["diagnoses"]}
    assert set(fault.finds) <= set(found), f"unknown: {host['unknown']}"
    assert host["unknown"] == []
    rows = [found[name] for name in fault.finds]
    lines = " ".join(line for row in rows for line in row["lines"])
    words = " ".join(f"{row['cause']} {row['fix']}" for row in rows)
    assert site.lab.site(fault.shows) in lines
    for text in fault.says:
        assert site.lab.site(text) in words
    assert code == int(any(row["severity"] == "error" for row in found.values()))


def test_a_line_that_matches_nothing_is_listed_as_unknown(site: DeployedSite) -> None:
    since = datetime.now(UTC).isoformat()
    for number in range(3):
        shell(site, "mail", f"logger -p mail.err -t postfix/smtpd 'error: gremlin {number}'")
    code, report = diagnose(site, "--since", since, "--limit", "mail")
    (row,) = report["hosts"]["mail"]["unknown"]
    assert (code, row["count"], report["counts"]["unknown"]) == (1, 3, 1)
    assert row["line"].endswith(": error: gremlin 2")


def test_the_same_is_found_where_postfix_writes_a_file_of_its_own(site: DeployedSite) -> None:
    (relay,) = (fault for fault in FAULTS if fault.finds == ("relay.denied",))
    own = main_cf("maillog_file = /var/log/postfix.log")
    try:
        shell(site, "mail", own["breaks"].replace("postfix reload", "systemctl restart postfix"))
        with broken(site, relay) as since:
            _, report = await_ids(site, relay, since)
    finally:
        back = own["mends"].replace("postfix reload", "systemctl restart postfix")
        shell(site, "mail", f"{back}; rm -f /var/log/postfix.log")
    host = report["hosts"]["mail"]
    assert host["sources"] == ["journal", "/var/log/postfix.log"]
    assert "relay.denied" in {row["id"] for row in host["diagnoses"]}


def test_a_host_that_is_not_reached_does_not_hide_the_others(site: DeployedSite) -> None:
    door = site.lab.site("ns:   {address: 10.89.0.2,")
    # A closed door answers at once.
    elsewhere = site.edited("diagnose-unreachable.yaml", (door, f"{door} ssh: {{port: 9}},"))
    done = site.mailprov("diagnose", "--json", "--since", "1m", site=elsewhere)
    report = json.loads(done.stdout)
    assert done.returncode == 4
    assert set(report["hosts"]) == {"mail"}
    assert report["errors"]


def test_the_passwords_of_users_are_not_needed(site: DeployedSite) -> None:
    bare = DeployedSite(site.lab, site.path)
    done = bare.mailprov("diagnose", "--since", "1s", "--limit", "ns")
    assert (done.returncode, done.stdout) == (0, "diagnose since 1s: nothing found\n")

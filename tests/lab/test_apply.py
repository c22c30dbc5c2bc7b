"""What apply promises when things are not as they should be.

The site is the beginner's: one host, virtual accounts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.deployed import DeployedSite, failed_ids

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

USER = "users:"
TEMPORARY = "/tmp"  # noqa: S108 the host's, which the test closes
LIMITS = "logins_per_minute: 1000"
BOB = "users:\n  bob: {password: {env: BOB_PASSWORD}}"


def test_the_report_of_a_first_apply_names_everything(beginner: DeployedSite) -> None:
    report = json.loads((beginner.path.parent / "first-apply.json").read_text())
    host = report["hosts"]["mail"]
    kinds = {change["kind"] for change in host["changes"]}
    assert host["status"] == "changed"
    assert {"package", "group", "account", "directory", "secret", "file", "unit"} <= kinds
    assert report["verify"]["passed"]
    assert any("postmaster" in notice for notice in host["notices"])


def test_what_the_daemons_refuse_never_goes_live(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    before = host.check_run(["sha256sum", "/etc/postfix/main.cf"])
    wrong = beginner.edited(
        "wrong.yaml", (USER, "postfix: {main: {no_such_parameter: 'yes'}}\n" + USER)
    )
    done = beginner.mailprov("apply", site=wrong)
    assert done.returncode == 1
    assert "unused parameter: no_such_parameter" in done.stderr
    assert "nothing on the host was changed" in done.stderr
    assert host.check_run(["sha256sum", "/etc/postfix/main.cf"]) == before
    assert beginner.mailprov("plan").returncode == 0


def test_a_new_user_touches_no_daemon_but_postfix_maps(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    pids = host.check_run(["systemctl", "show", "-p", "MainPID", "--value", "dovecot", "unbound"])
    more = beginner.edited("more.yaml", (USER, BOB))
    try:
        report = beginner.apply(site=more)
        units = [c for c in report["hosts"]["mail"]["changes"] if c["kind"] == "unit"]
        assert [(c["name"], c["action"]) for c in units] == [("postfix.service", "reload")]
        now = host.check_run(
            ["systemctl", "show", "-p", "MainPID", "--value", "dovecot", "unbound"]
        )
        assert now == pids
        assert "/srv/vmail/example.org/bob" in host.check_run(["doveadm", "user", "bob"])
    finally:
        beginner.apply()


def test_passwords_that_cannot_be_read_keep_nobody_from_looking(beginner: DeployedSite) -> None:
    poor = replace(beginner, environment={})
    for verb in ("status", "verify"):
        done = poor.mailprov(verb)
        assert done.returncode == 0, done.stdout + done.stderr
    plan, applied = poor.mailprov("plan"), poor.mailprov("apply")
    assert (plan.returncode, applied.returncode) == (0, 0), plan.stderr + applied.stderr
    for done in (plan, applied):
        assert "ALICE_PASSWORD is not set): the host keeps its present password" in done.stdout
    more = beginner.edited("more.yaml", (USER, BOB))
    assert poor.mailprov("plan", site=more).returncode == 2
    refused = poor.mailprov("apply", site=more)
    assert refused.returncode == 3
    assert "users.bob.password: the environment variable BOB_PASSWORD is not set" in refused.stderr
    assert "ALICE_PASSWORD" not in refused.stderr
    assert beginner.mailprov("plan").returncode == 0


def test_plan_shows_a_diff_and_no_secret(beginner: DeployedSite) -> None:
    changed = beginner.edited("changed.yaml", (LIMITS, LIMITS + ", message_size: 10M"), (USER, BOB))
    done = beginner.mailprov("plan", site=changed)
    assert done.returncode == 2
    assert "-message_size_limit = 52428800" in done.stdout
    assert "+message_size_limit = 10485760" in done.stdout
    assert "$2b$" not in done.stdout + done.stderr
    assert beginner.environment["BOB_PASSWORD"] not in done.stdout + done.stderr


MAIN_CF = "/etc/postfix/main.cf"


def edit_by_hand(host: LabHost) -> None:
    host.check_run(["sh", "-c", f"echo '# by hand' >>{MAIN_CF}"])
    host.check_run(["chmod", "644", "/etc/dovecot/mailprov/users"])


def test_drift_is_shown_and_not_undone_until_somebody_says_so(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    edit_by_hand(host)
    try:
        code, report = beginner.verify()
        found = failed_ids(report)
        plan = beginner.mailprov("plan")
        applied = beginner.mailprov("apply")
        still = host.check_run(["tail", "-n", "1", MAIN_CF])
    finally:
        beginner.apply("--overwrite-drift")
    assert code == 1
    assert {f"file.{MAIN_CF}@mail", "file./etc/dovecot/mailprov/users@mail"} <= found
    assert plan.returncode == 2
    assert "+# by hand" in plan.stdout
    assert (applied.returncode, still) == (5, "# by hand\n"), applied.stderr
    assert "+# by hand" in applied.stderr
    assert "mode is 0644, wanted 0640" in applied.stderr
    assert "--keep-drift" in applied.stderr
    assert host.check_run(["tail", "-n", "1", MAIN_CF]) != still
    assert beginner.verify()[0] == 0


def test_drift_that_is_kept_stays_and_stays_drift(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    edit_by_hand(host)
    changed = beginner.edited("changed.yaml", (LIMITS, LIMITS + ", message_size: 10M"), (USER, BOB))
    try:
        report = beginner.apply("--keep-drift", site=changed)
        still = host.check_run(["tail", "-n", "1", MAIN_CF])
        bob = host.check_run(["doveadm", "user", "bob"])
        # Site and host have both left what the last apply wrote: the two are told apart.
        plan = json.loads(beginner.mailprov("plan", "--json", site=changed).stdout)
        again = beginner.mailprov("apply", site=changed)
    finally:
        beginner.apply("--overwrite-drift")
    assert (still, "/srv/vmail/example.org/bob" in bob) == ("# by hand\n", True)
    kept = report["hosts"]["mail"]["kept"]
    assert set(kept) == {MAIN_CF, "/etc/dovecot/mailprov/users"}
    warned = {row["id"] for row in report["verify"]["findings"] if row["status"] == "warning"}
    assert f"file.{MAIN_CF}@mail" in warned
    rows = {row["name"]: row for row in plan["hosts"]["mail"]["changes"]}
    assert "message_size_limit" not in rows[MAIN_CF]["drift"]["diff"]
    assert "+message_size_limit = 10485760" in rows[MAIN_CF]["diff"]
    assert again.returncode == 5


def test_a_host_that_cannot_be_reached_stops_the_run_with_exit_code_4(
    beginner: DeployedSite,
) -> None:
    beginner.host("mail").cut_network()
    try:
        done = beginner.mailprov("apply")
    finally:
        beginner.host("mail").restore_network()
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert "fix:" in done.stderr


def test_a_second_apply_at_the_same_time_is_refused(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    changed = beginner.edited("changed.yaml", (LIMITS, LIMITS + ", message_size: 11M"))
    host.check_run(
        ["systemd-run", "--unit=holder", "flock", "/var/lib/mailprov/lock", "sleep", "60"]
    )
    time.sleep(0.5)
    try:
        done = beginner.mailprov("apply", site=changed)
    finally:
        host.check_run(["systemctl", "stop", "holder"])
    assert done.returncode == 5, done.stderr
    assert "another apply is running" in done.stderr


def test_an_unknown_platform_is_refused(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    original = host.read_file("/etc/os-release")
    host.check_run(["cp", "--remove-destination", "/usr/lib/os-release", "/etc/os-release"])
    host.check_run(["sed", "-i", 's/^VERSION_ID=.*/VERSION_ID="7"/', "/etc/os-release"])
    try:
        done = beginner.mailprov("plan")
    finally:
        host.write_file("/etc/os-release", original)
    assert done.returncode == 5
    assert "debian-12" in done.stderr


def test_ctrl_c_ends_quietly_and_the_next_apply_converges(beginner: DeployedSite) -> None:
    changed = beginner.edited("changed.yaml", (LIMITS, LIMITS + ", message_size: 12M"))
    command = [sys.executable, "-m", "provisioner", "apply", str(changed)]
    environment = {**os.environ, **beginner.environment, "HOME": str(beginner.lab.home)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first news: it has begun
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    beginner.apply()
    assert beginner.mailprov("plan").returncode == 0


def test_a_folder_that_is_a_link_is_refused_and_nothing_live_changes(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    changed = beginner.edited("changed.yaml", (USER, "imap: {connections: 38}\n" + USER))
    host.check_run(["sh", "-c", "mv /etc/dovecot /srv/dovecot && ln -s /srv/dovecot /etc/dovecot"])
    before = host.check_run(["sh", "-c", "cat /srv/dovecot/conf.d/*.conf | sha256sum"])
    try:
        done = beginner.mailprov("apply", site=changed)
        after = host.check_run(["sh", "-c", "cat /srv/dovecot/conf.d/*.conf | sha256sum"])
    finally:
        host.check_run(["sh", "-c", "rm /etc/dovecot && mv /srv/dovecot /etc/dovecot"])
    assert done.returncode == 1
    assert "symbolic link" in done.stderr
    assert after == before


def test_checks_that_cannot_run_let_nothing_pass(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    changed = beginner.edited("changed.yaml", (USER, "imap: {connections: 37}\n" + USER))
    host.check_run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", TEMPORARY])
    try:
        done = beginner.mailprov("apply", site=changed)
        code, report = beginner.verify()
    finally:
        host.check_run(["umount", TEMPORARY])
    assert done.returncode == 1
    assert "nothing on the host was changed" in done.stderr
    assert code == 1
    assert "check.doveconf--n@mail" in failed_ids(report)
    assert beginner.mailprov("plan").returncode == 0


def test_output_is_plain_where_it_is_no_terminal(beginner: DeployedSite) -> None:
    done = beginner.mailprov("apply")
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[-2].split() == [
        "HOST",
        "STATUS",
        "CHANGES",
        "GENERATION",
        "SERVICES",
    ]
    assert done.stdout.splitlines()[-1].split()[:3] == ["mail", "unchanged", "0"]

"""What becomes of a host whose new configuration is not confirmed: it returns by itself.

Each test breaks the way from the first live change to the confirmation at another place.
Afterwards the host runs the old configuration in whole, mail works, the history says
what happened, and the next apply converges.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.deployed import DeployedSite
from support.release import POSTFIX
from support.under_way import applying, follow, wait_until

from provisioner.lab import LabHost
from provisioner.remote.program import remote_programs

pytestmark = pytest.mark.lab

LIMITS = "logins_per_minute: 1000"
PENDING = "/var/lib/mailprov/pending"
SECONDS = 10


def sized(beginner: DeployedSite, megabytes: int) -> Path:
    """Return a site with another limit, by which the two configurations can be told apart."""
    return beginner.edited("changed.yaml", (LIMITS, f"{LIMITS}, message_size: {megabytes}M"))


def size_on(host: LabHost) -> int:
    return int(host.check_run(["postconf", "-h", "message_size_limit"])) // 1024**2


def last_outcome(host: LabHost) -> str:
    line = host.check_run(["tail", "-n", "1", "/var/lib/mailprov/history"])
    return line.rstrip("\n").split("\t")[-1]


def assert_returned(site: DeployedSite, host: LabHost) -> None:
    """Fail unless the old configuration is in force in whole, and mail works."""
    assert host.run(["test", "-e", PENDING]).returncode == 1
    assert host.check_run(["find", "/etc", "-name", "*.mailprov-*"]) == ""
    assert size_on(host) == 50
    assert "soft_bounce" not in host.check_run(["cat", "/etc/postfix/main.cf"])
    assert site.mailprov("plan").returncode == 0
    code, report = site.verify()
    assert code == 0, [row for row in report["findings"] if row["status"] == "failed"]


def test_a_configuration_that_passes_every_check_and_breaks_mail_is_taken_back(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    # A word that is no restriction: no check knows it, and every recipient gets a 451.
    broken = "postfix: {main: {smtpd_client_restrictions: rejekt}}\n"
    changed = beginner.edited("changed.yaml", ("domain:", f"{broken}domain:"))
    done = beginner.mailprov("apply", site=changed)
    assert done.returncode == 1
    assert "returned" in done.stdout
    assert "the new configuration does not work" in done.stderr
    assert 'unknown smtpd restriction: "rejekt"' in done.stderr
    assert "Traceback" not in done.stderr
    assert last_outcome(host).startswith("returned: the new configuration does not work")
    assert_returned(beginner, host)


def test_until_it_is_confirmed_postfix_bounces_nothing_and_another_apply_waits(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    with applying(beginner, sized(beginner, 13)) as process:
        follow(process, "testing the new configuration")
        process.send_signal(signal.SIGSTOP)
        soft = host.check_run(["postconf", "-h", "soft_bounce"])
        second = beginner.mailprov("apply", site=sized(beginner, 14))
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=60) == 0
    assert soft == "yes\n"
    assert second.returncode == 5
    assert "the change is not confirmed yet" in second.stderr
    assert (size_on(host), last_outcome(host)) == (13, "confirmed")
    assert host.check_run(["postconf", "-h", "soft_bounce"]) == "no\n"
    beginner.apply()
    assert_returned(beginner, host)


def test_a_killed_controller_leaves_a_host_that_returns_in_time(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    changed = sized(beginner, 15)
    with applying(beginner, changed, "--confirm-within", str(SECONDS)) as process:
        follow(process, "testing the new configuration")
    assert size_on(host) == 15
    wait_until(host, f"[ ! -e {PENDING} ]", SECONDS + 15)
    assert last_outcome(host) == "returned: not confirmed in time"
    assert_returned(beginner, host)


def test_a_host_that_promised_to_wait_returns_when_that_time_is_over(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    with applying(beginner, sized(beginner, 19), "--confirm-within", "3600") as process:
        follow(process, "testing the new configuration")
    about = f'awk \'$1 == "serial" || $1 == "token" {{ print $2 }}\' {PENDING}/about'
    serial, token = host.check_run(["sh", "-c", about]).split()
    settle = remote_programs()["settle"]
    host.check_run(["sh", "-c", settle, "mailprov", "extend", f"{serial}-{token}", "5"])
    wait_until(host, f"[ ! -e {PENDING} ]")
    assert last_outcome(host) == "returned: not confirmed in time"
    assert_returned(beginner, host)


def test_a_connection_that_is_cut_leaves_a_host_that_returns_in_time(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    changed = sized(beginner, 16)
    with applying(beginner, changed, "--confirm-within", str(SECONDS)) as process:
        follow(process, "activating")
        host.cut_network()
        try:
            wait_until(host, f"[ -e {PENDING} ]")
            wait_until(host, f"[ ! -e {PENDING} ]", SECONDS + 15)
        finally:
            host.restore_network()
    assert_returned(beginner, host)


def test_a_host_that_goes_down_meanwhile_comes_up_with_the_old_configuration(
    beginner: DeployedSite,
) -> None:
    host = beginner.host("mail")
    with applying(beginner, sized(beginner, 17)) as process:
        follow(process, "testing the new configuration")
        process.send_signal(signal.SIGSTOP)
        host.kill()
        host.boot()
    host.wait_until_ready()
    wait_until(host, f"systemctl is-active -q {POSTFIX}")
    before = "systemctl show -p ActiveEnterTimestampMonotonic --value"
    recovered = host.check_run(
        ["sh", "-c", "systemctl show -p ExecMainExitTimestampMonotonic --value mailprov-recover"]
    )
    started = host.check_run(["sh", "-c", f"{before} {POSTFIX}"])
    assert 0 < int(recovered) <= int(started)
    assert last_outcome(host) == "returned at boot"
    assert_returned(beginner, host)


def test_a_step_that_fails_puts_the_old_configuration_back(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    override = "/etc/systemd/system/dovecot.service.d/fault.conf"
    text = "domain:"
    changed = beginner.edited("changed.yaml", (text, f"imap: {{connections: 39}}\n{text}"))
    host.check_run(["mkdir", "-p", override.rpartition("/")[0]])
    host.write_file(override, "[Service]\nExecReload=\nExecReload=/bin/false\n")
    host.check_run(["systemctl", "daemon-reload"])
    try:
        done = beginner.mailprov("apply", site=changed)
    finally:
        host.check_run(["rm", override])
        host.check_run(["systemctl", "daemon-reload"])
    assert done.returncode == 1
    assert "`reload dovecot.service` failed; the old configuration is in force again" in done.stderr
    assert_returned(beginner, host)
    beginner.apply(site=changed)
    assert beginner.mailprov("plan", site=changed).returncode == 0
    beginner.apply()


# What the system and the daemons write all the time.
OTHERS = (
    *("/proc", "/sys", "/run", "/var/log", "/var/spool", "/var/lib/systemd"),
    *("/var/lib/unbound", "/var/lib/postfix", "/var/lib/mailprov-probe"),
    # EL: where rsyslog is in the journal, and what rpm(8) writes to read its database.
    *("/var/lib/rsyslog", "/var/lib/rpm"),
)


def test_looking_at_a_host_leaves_no_file_there(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    host.check_run(["rm", "-rf", "/run/mailprov"])
    host.check_run(["touch", "/root/before"])
    for verb in ("plan", "status", "history"):
        assert beginner.mailprov(verb).returncode == 0, verb
    # What other tests broke stands in the log.
    assert beginner.mailprov("diagnose").returncode in {0, 1}
    pruned = [word for path in OTHERS for word in ("-path", path, "-prune", "-o")]
    newer = ["-type", "f", "-newer", "/root/before", "-print"]
    assert host.check_run(["find", "/", *pruned, *newer]) == ""
    assert host.check_run(["find", "/run", "-name", "*mailprov*", "-newer", "/root/before"]) == ""


def test_a_program_that_somebody_spoiled_on_the_host_is_never_run(beginner: DeployedSite) -> None:
    host = beginner.host("mail")
    assert beginner.mailprov("apply", site=sized(beginner, 17)).returncode == 0
    folder = "/run/mailprov/program"
    kept = host.check_run(["ls", folder]).split()
    assert len(kept) == 2
    assert host.check_run(["stat", "-c", "%a %U", folder]) == "700 root\n"
    for name in kept:
        host.check_run(["sh", "-c", f"echo 'touch /root/spoiled' >{folder}/{name}"])
    assert beginner.mailprov("apply").returncode == 0
    assert host.run(["test", "-e", "/root/spoiled"]).returncode == 1
    sums = host.check_run(["sh", "-c", f"cd {folder} && sha256sum *"]).splitlines()
    assert [line.split() for line in sums] == [[name, name] for name in sorted(kept)]

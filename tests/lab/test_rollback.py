"""The way back: to an earlier configuration, to the host as found, and off the host.

The host had a mail server of its own before the first apply. Then came A, and then B, in
which a user is gone, a password and the certificate are new, and a domain has come. Each
test begins with B in force.
"""

from __future__ import annotations

import imaplib
import json
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite, LabFactory
from support.readers import insecure_tls
from support.release import POSTFIX, SERVICES
from support.roster import is_ended
from support.under_way import applying, follow, wait_until

from provisioner.lab import HostSpec, LabHost

pytestmark = pytest.mark.lab


OWN_MAIN_CF = """# Somebody's own.
compatibility_level = 3.6
myhostname = old.example.net
mydestination = old.example.net
inet_interfaces = loopback-only
relayhost = [smart.example.net]
smtp_sasl_password_maps = static:user:never-to-be-told
transport_maps = texthash:/etc/postfix/house-transport
"""
# A letter of somebody's, who is nobody of the site.
OWN_MAIL = """
echo 'example.com smtp:[smart.example.net]' >/etc/postfix/house-transport
chmod 644 /etc/postfix/house-transport
printf 'sales: postcard\n' >>/etc/aliases
printf 'From x\nSubject: old\n\nhello\n' >/var/mail/postcard
chown 1234:mail /var/mail/postcard
"""
REPLACE = "--replace-mail-server"
CHECKS = "/etc/postfix/house-checks"
HARMLESS = "/^Subject: nothing like this$/ WARN\n"
STATE = "/var/lib/mailprov"
OLD, NEW, BOBS = "old one", "new one", "one of bob's"
# What accounts and folders change by themselves is not a file of mailprov's, nor is a key that
# a vendor's unit makes before its daemon starts for the first time.
LISTING = r"""
all() { find /etc -type f ! -name '*passwd*' ! -name '*shadow*' ! -name '*group*' \
    ! -name 'sub?id*' ! -path '/etc/pki/dovecot/*' ! -path '/etc/unbound/unbound_*' "$@"; }
all -exec sha256sum {} +
all -printf '%p %m %u:%g\n'
find /etc -type l -printf '%p -> %l\n'"""
USERS = ("/etc/postfix/mailprov/", "/etc/dovecot/mailprov/")
LOOKED_AT = "/usr/local/sbin/postqueue"
# Whether Postfix takes mail at the moment when the queue is looked at.
LOOK_AT_PORT_25 = """#!/bin/bash
if [ "$1" = -j ] && [ ! -e /root/port-25 ]; then
    if : </dev/tcp/127.0.0.1/25; then echo open; else echo closed; fi >/root/port-25
fi 2>/dev/null
exec /usr/sbin/postqueue "$@"
"""
CHAIN = "/etc/mailprov/tls/site.pem"


def etc_of(host: LabHost) -> set[str]:
    """Return every file of /etc with its content, owner and mode."""
    return set(host.check_run(["sh", "-c", LISTING]).splitlines())


def configuration_of(listing: set[str]) -> set[str]:
    """Return a listing without users' files and keys."""
    return {line for line in listing if CHAIN not in line and not any(u in line for u in USERS)}


def make_certificate(folder: Path, name: str) -> None:
    subject = ["-subj", "/CN=mail.example.org", "-addext", "subjectAltName=DNS:mail.example.org"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    command = ["openssl", "req", "-x509", *kind, *subject, *files]
    subprocess.run(command, check=True, capture_output=True)


def who_logs_in(host: LabHost) -> set[tuple[str, str]]:
    """Return which names and passwords open a mailbox; side by side, for a refusal takes time."""
    known = [("alice", OLD), ("alice", NEW), ("bob", BOBS)]

    def opens(login: tuple[str, str]) -> bool:
        return host.run(["doveadm", "auth", "test", *login]).returncode == 0

    with ThreadPoolExecutor() as pool:
        return {login for login, right in zip(known, pool.map(opens, known), strict=True) if right}


def key_on(host: LabHost) -> str:
    return host.check_run(["openssl", "x509", "-in", CHAIN, "-noout", "-serial"])


def queue_of(host: LabHost) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.check_run(["postqueue", "-j"]).splitlines()]


def leave_waiting(host: LabHost, *recipients: str, start: bool = True) -> None:
    """Send a message to each, which waits in the queue because Dovecot is down a moment.

    start: start Dovecot again.
    """
    host.check_run(["systemctl", "stop", "dovecot"])
    try:
        for who in recipients:
            command = ["sendmail", "-f", "alice@example.org", who]
            host.check_run(command, stdin="Subject: x\n\nhello\n")
        refused = f"$(postqueue -j | grep -c 'Connection refused') = {len(recipients)}"
        wait_until(host, f"[ {refused} ]")
    finally:
        if start:
            host.check_run(["systemctl", "start", "dovecot"])


def mailbox_of_carol(host: LabHost) -> int:
    script = "find /srv/vmail/other.example/carol -path '*/new/*' | wc -l"
    return int(host.check_run(["sh", "-c", script]))


@dataclass(frozen=True)
class Rolled:
    """A host on which A and then B was applied, and /etc as each of them left it."""

    site: DeployedSite
    host: LabHost
    site_b: Path
    found: set[str]
    etc_a: set[str]
    etc_b: set[str]
    key_b: str

    def back(self, *options: str) -> dict[str, Any]:
        """Roll back and return what became of the host; fails the test if it failed."""
        done = self.site.mailprov("rollback", "--json", *options, site=self.site_b)
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout)["hosts"]["mail"])

    def history(self) -> dict[str, Any]:
        done = self.site.mailprov("history", "--json", site=self.site_b)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)["hosts"]["mail"])

    def generations(self) -> tuple[str, str]:
        """Return the ids of A and B, the first two that were confirmed."""
        events = self.history()["events"]
        ids = [row["generation"] for row in events if row["outcome"] == "confirmed"]
        return ids[0], ids[1]


def assert_refused(site: DeployedSite) -> None:
    """Fail unless an apply is refused with what would end, which a plan shows, and no secret."""
    planned, applied = site.mailprov("plan"), site.mailprov("apply")
    assert (planned.returncode, applied.returncode) == (2, 5)
    for said in (planned.stdout, applied.stderr):
        assert (
            "Postfix: 3 parameters of main.cf: relayhost, smtp_sasl_password_maps, transport_maps"
        ) in said
        assert "Postfix: 1 lookup table: /etc/postfix/house-transport" in said
        assert "aliases: 1 alias in /etc/aliases" in said
        assert "mail: 1 mailbox in /var/mail, 1 KiB" in said
        assert REPLACE in said
    assert "never-to-be-told" not in applied.stderr


@pytest.fixture(scope="module")
def deployed(lab_factory: LabFactory, beginner_text: str) -> Rolled:
    spec = HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail")
    lab = lab_factory("rollback", [spec])
    host = lab.host("mail")
    host.write_file("/etc/postfix/main.cf", OWN_MAIN_CF)
    host.write_file(CHECKS, HARMLESS)
    host.check_run(["sh", "-ec", OWN_MAIL])
    host.check_run(["chmod", "644", "/etc/postfix/main.cf", CHECKS])
    host.check_run(["systemctl", "restart", "postfix"])
    found = etc_of(host)
    for name in ("first", "second"):
        make_certificate(lab.home, name)
    text = lab.site(beginner_text)
    users = "users:\n  alice: {password: {env: ALICE_PASSWORD}}\n"
    assert users in text
    tls = "tls: {files: {certificate: CRT, key: KEY}}\nsubmission: {logins_per_minute: 1000}\n"
    extra = f"postfix: {{main: {{header_checks: 'regexp:{CHECKS}'}}}}\nimap: {{connections: 39}}\n"
    bob = "  bob: {password: {env: BOB_PASSWORD}}\n"
    path = lab.home / "site-a.yaml"
    path.write_text(
        text.replace(users, users + bob)
        + extra
        + tls.replace("CRT", "first.crt").replace("KEY", "first.key")
    )
    carol = "domains: {other.example: {}}\nusers:\n  carol@other.example: "
    new = "{password: {env: BOB_PASSWORD}}\n  alice: {password: {env: NEW_PASSWORD}}\n"
    site_b = lab.home / "site-b.yaml"
    site_b.write_text(
        text.replace(users, carol + new)
        + tls.replace("CRT", "second.crt").replace("KEY", "second.key")
    )
    passwords = {"ALICE_PASSWORD": OLD, "NEW_PASSWORD": NEW, "BOB_PASSWORD": BOBS}
    site = DeployedSite(lab, path, passwords)
    assert_refused(site)
    assert etc_of(host) == found
    site.apply(REPLACE)
    etc_a = etc_of(host)
    site.apply(site=site_b)
    return Rolled(site, host, site_b, found, etc_a, etc_of(host), key_on(host))


@pytest.fixture
def rolled(deployed: Rolled) -> Rolled:
    """Return the host with B in force, whatever the test before did to it."""
    if etc_of(deployed.host) != deployed.etc_b:
        deployed.site.apply("--overwrite-drift", REPLACE, site=deployed.site_b)
    return deployed


def assert_users_of_b(rolled: Rolled) -> None:
    assert who_logs_in(rolled.host) == {("alice", NEW)}
    assert key_on(rolled.host) == rolled.key_b


def test_a_rollback_brings_the_configuration_back_and_no_user_password_or_key(
    rolled: Rolled,
) -> None:
    first, second = rolled.generations()
    outcome = rolled.back("--to", first[:6])
    assert outcome["status"] == "changed"
    assert configuration_of(etc_of(rolled.host)) == configuration_of(rolled.etc_a)
    assert_users_of_b(rolled)
    # With another key it is another generation; nothing else is.
    assert outcome["generation"] not in {first, second}
    plan = rolled.site.mailprov("plan", site=rolled.site_b)
    assert plan.returncode == 2
    assert "other.example" in plan.stdout
    forward = rolled.back()
    assert forward["generation"] == second
    assert etc_of(rolled.host) == rolled.etc_b
    assert rolled.site.mailprov("plan", site=rolled.site_b).returncode == 0


def test_a_host_whose_state_is_lost_is_not_taken_for_somebody_elses(rolled: Rolled) -> None:
    rolled.host.check_run(["mv", STATE, "/root/lost"])
    try:
        done = rolled.site.mailprov("plan", "--json", site=rolled.site_b)
    finally:
        rolled.host.check_run(["mv", "/root/lost", STATE])
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["hosts"]["mail"]["ends"] == []


def test_mail_for_a_domain_that_goes_waits_and_is_delivered_when_it_comes_back(
    rolled: Rolled,
) -> None:
    host = rolled.host
    before = mailbox_of_carol(host)
    leave_waiting(host, "carol@other.example", "alice@example.org")
    first, _ = rolled.generations()
    outcome = rolled.back("--to", first)
    (held,) = (row for row in queue_of(host) if row["queue_name"] == "hold")
    host.check_run(["postqueue", "-f"])
    wait_until(host, "[ $(postqueue -j | wc -l) = 1 ]")  # alice's has gone
    assert [row["address"] for row in held["recipients"]] == ["carol@other.example"]
    assert f"postsuper -H {held['queue_id']}" in " ".join(outcome["notices"])
    rolled.site.apply(site=rolled.site_b)
    wait_until(host, "[ $(postqueue -j | wc -l) = 0 ]")
    assert mailbox_of_carol(host) == before + 1
    log = host.check_run(["journalctl", "-q", "-o", "cat", "SYSLOG_FACILITY=2"])
    assert "status=bounced" not in log
    assert host.run(["test", "-e", f"{STATE}/held"]).returncode == 1


def test_generation_0_is_the_host_as_found_and_every_way_forward_stays_open(
    rolled: Rolled,
) -> None:
    host = rolled.host
    rolled.back("--to", "0")
    assert configuration_of(etc_of(host)) - configuration_of(rolled.found) <= {
        line for line in etc_of(host) if "mailprov-recover" in line
    }
    assert configuration_of(rolled.found) <= etc_of(host)
    assert host.check_run(["postconf", "-h", "myhostname"]) == "old.example.net\n"
    assert host.run(["systemctl", "is-active", POSTFIX]).returncode == 0
    _, second = rolled.generations()
    outcome = rolled.back("--to", second)
    assert outcome["generation"] == second
    assert etc_of(host) == rolled.etc_b


def test_a_rollback_that_breaks_mail_returns_and_its_held_mail_goes_on(rolled: Rolled) -> None:
    first, second = rolled.generations()
    before = mailbox_of_carol(rolled.host)
    leave_waiting(rolled.host, "carol@other.example")
    # What A depends on has changed since, and nobody told mailprov.
    rolled.host.write_file(CHECKS, "/^From:/ HOLD\n")
    rolled.host.check_run(["chmod", "644", CHECKS])
    try:
        done = rolled.site.mailprov("rollback", "--to", first, site=rolled.site_b)
    finally:
        rolled.host.write_file(CHECKS, HARMLESS)
        rolled.host.check_run(["chmod", "644", CHECKS])
        rolled.host.check_run(["postsuper", "-d", "ALL", "hold"])
    assert done.returncode == 1, done.stderr
    assert "returned" in done.stdout
    assert "does not work" in done.stderr
    assert etc_of(rolled.host) == rolled.etc_b
    history = rolled.history()
    assert history["generation"] == second
    assert history["events"][-1]["outcome"].startswith("returned")
    wait_until(rolled.host, "[ $(postqueue -j | wc -l) = 0 ]")
    assert mailbox_of_carol(rolled.host) == before + 1


def test_a_return_lets_in_no_mail_that_it_would_bounce_and_tells_what_waits(
    rolled: Rolled,
) -> None:
    host = rolled.host
    before = mailbox_of_carol(host)
    first, _ = rolled.generations()
    rolled.back("--to", first)
    with applying(rolled.site, rolled.site_b) as process:
        follow(process, "testing the new configuration")
        process.send_signal(signal.SIGSTOP)
        # What B takes mail for, and A does not, is in the queue; and B cannot prove itself.
        leave_waiting(host, "carol@other.example", start=False)
        host.write_file(LOOKED_AT, LOOK_AT_PORT_25, mode=0o755)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=120)
    looked = host.check_run(["cat", "/root/port-25"])
    host.check_run(["rm", LOOKED_AT, "/root/port-25"])
    assert process.returncode == 1, err
    assert looked == "closed\n"
    assert "returned" in out
    assert "1 message for other.example waits on hold" in " ".join((out + err).split())
    assert "did not restart" not in err
    assert configuration_of(etc_of(host)) == configuration_of(rolled.etc_a)
    rolled.site.apply(site=rolled.site_b)
    wait_until(host, "[ $(postqueue -j | wc -l) = 0 ]")
    assert mailbox_of_carol(host) == before + 1
    log = host.check_run(["journalctl", "-q", "-o", "cat", "SYSLOG_FACILITY=2"])
    assert "status=bounced" not in log


def test_a_host_that_goes_down_on_its_way_to_generation_0_comes_up_as_it_was(
    rolled: Rolled,
) -> None:
    host = rolled.host
    with applying(rolled.site, rolled.site_b, "--to", "0", verb="rollback") as process:
        follow(process, "removing files")
        process.send_signal(signal.SIGSTOP)
        # It goes on by itself as far as it can without us.
        wait_until(host, f"[ -d {STATE}/pending ] && [ ! -e {STATE}/stage ]", 60)
        assert host.check_run(["postconf", "-h", "myhostname"]) == "old.example.net\n"
        host.kill()
        host.boot()
    host.wait_until_ready()
    for unit in SERVICES:
        wait_until(host, f"systemctl is-active -q {unit}", 60)
    assert etc_of(host) == rolled.etc_b
    assert rolled.history()["events"][-1]["outcome"] == "returned at boot"
    enabled = host.check_run(["systemctl", "is-enabled", "unbound", "dovecot", "postfix"])
    assert enabled == "enabled\n" * 3
    verified = rolled.site.mailprov("verify", site=rolled.site_b)
    assert verified.returncode == 0, verified.stdout
    assert rolled.site.mailprov("plan", site=rolled.site_b).returncode == 0


def test_a_port_that_was_taken_meanwhile_is_told_before_the_way_back(rolled: Rolled) -> None:
    host = rolled.host
    host.check_run(["systemctl", "stop", "dovecot"])
    host.check_run(
        ["systemd-run", "--unit=taker", "--socket-property=ListenStream=143", "sleep", "9"]
    )
    try:
        done = rolled.site.mailprov("rollback", site=rolled.site_b)
        assert done.returncode == 5, done.stdout + done.stderr
        assert (
            "143/tcp on ::, wanted by Dovecot: systemd (process 1 of root, taker.socket"
            in done.stderr
        )
        assert etc_of(host) == rolled.etc_b
    finally:
        host.check_run(["systemctl", "stop", "taker.socket"])
        host.check_run(["systemctl", "start", "dovecot"])


def test_a_damaged_generation_is_refused_and_nothing_changes(rolled: Rolled) -> None:
    first, _ = rolled.generations()
    kept = f"{STATE}/generations/{first}/tree/etc/postfix/main.cf"
    rolled.host.check_run(["sh", "-c", f"cp -p {kept} /root/kept && echo '# edited' >>{kept}"])
    try:
        done = rolled.site.mailprov("rollback", "--to", first, site=rolled.site_b)
    finally:
        rolled.host.check_run(["mv", "/root/kept", kept])
    assert done.returncode == 1
    assert "another content of /etc/postfix/main.cf" in done.stderr
    assert etc_of(rolled.host) == rolled.etc_b


def test_users_come_back_only_where_somebody_asks_for_just_that(rolled: Rolled) -> None:
    events = rolled.history()["events"]
    first, *_, last = (row["number"] for row in events if row["plane"] == "directory")
    session = imaplib.IMAP4_SSL(rolled.host.address, ssl_context=insecure_tls(), timeout=20)
    session.login("alice@example.org", NEW)
    outcome = rolled.back("--directory", "--to", str(first))
    # Her password of today is none any more; carol, who goes, has no session.
    assert "logged out because of changed access: alice@example.org" in outcome["notices"]
    assert is_ended(session)
    session.shutdown()
    assert who_logs_in(rolled.host) == {("alice", OLD), ("bob", BOBS)}
    event = rolled.history()["events"][-1]
    assert (event["plane"], event["outcome"]) == ("directory", f"in force, as of {first}")
    assert rolled.site.mailprov("plan", site=rolled.site_b).returncode == 2
    rolled.back("--directory", "--to", str(last))
    assert etc_of(rolled.host) == rolled.etc_b
    assert rolled.site.mailprov("plan", site=rolled.site_b).returncode == 0


def test_a_snapshot_without_the_second_list_of_passwords_leaves_no_old_one_in_it(
    rolled: Rolled,
) -> None:
    """Dovecot 2.3 got that list with a later version: snapshots from before know nothing of it."""
    host = rolled.host
    users, copy = (f"/etc/dovecot/mailprov/{name}" for name in ("users", "passwords"))
    if host.run(["test", "-e", copy]).returncode != 0:
        pytest.skip("Dovecot 2.4 has one list")
    *_, last = (row for row in rolled.history()["events"] if row["plane"] == "directory")
    kept = f"grep -l ^bob@ {STATE}/directory/*/tree{users} | sort -V | head -n 1"
    before = host.check_run(["sh", "-c", kept]).strip().removesuffix(f"/tree{users}")
    forget = f"sed -i '\\,{copy},d' manifest && rm tree{copy}"
    seal = "sha256sum manifest accounts shadow >whole"
    host.check_run(["sh", "-c", f"cd {before} && {forget} && {seal}"])
    rolled.back("--directory", "--to", Path(before).name)
    assert who_logs_in(host) == {("alice", OLD), ("bob", BOBS)}
    rolled.back("--directory", "--to", str(last["number"]))
    assert who_logs_in(host) == {("alice", NEW)}
    assert etc_of(host) == rolled.etc_b
    assert rolled.site.mailprov("plan", site=rolled.site_b).returncode == 0


def test_destroy_gives_the_host_back_as_it_was_and_leaves_the_mail(rolled: Rolled) -> None:
    host = rolled.host
    host.check_run(["sh", "-c", "mkdir -p /srv/vmail/example.org/kept; touch /srv/vmail/kept"])
    asked = rolled.site.mailprov("destroy", site=rolled.site_b)
    assert (asked.returncode, etc_of(host)) == (5, rolled.etc_b), asked.stderr
    assert "--yes-destroy" in asked.stdout
    done = rolled.site.mailprov("destroy", "--yes-destroy", site=rolled.site_b)
    assert done.returncode == 0, done.stderr
    assert etc_of(host) == rolled.found
    traces = "find /etc /var/lib -name '*mailprov*'; getent passwd mailprov-probe"
    assert host.run(["sh", "-c", traces]).stdout == ""
    assert host.run(["test", "-e", "/run/mailprov"]).returncode == 1
    assert host.run(["test", "-e", "/srv/vmail/kept"]).returncode == 0
    assert host.run(["systemctl", "is-active", POSTFIX]).returncode == 0
    again = rolled.site.mailprov("destroy", "--yes-destroy", "--json", site=rolled.site_b)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["hosts"]["mail"]["status"] == "unchanged"

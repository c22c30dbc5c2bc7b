"""A test message, through real daemons: what arrives, what is refused, what waits."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from support.deployed import DeployedSite
from support.elsewhere import serve_elsewhere

from provisioner.lab.addresses import outside_address

pytestmark = pytest.mark.lab

BOBS_PASSWORD = "Grüße von Bob"
PEOPLE = """\
users:
  bob: {{password: "{{BLF-CRYPT}}{bob}"}}
  carol: {{password: {{env: BOB_PASSWORD}}, enabled: false}}
"""
ALIASES = "aliases: {sales: [alice, bob], away: partner@outside.example}\ndomain: example.org\n"


@dataclass(frozen=True)
class Sent:
    """What `mailprov send` did. report: its JSON document."""

    code: int
    report: dict[str, Any]
    stderr: str

    @property
    def ends(self) -> dict[str, str]:
        return {row["address"]: row["end"] for row in self.report["recipients"]}

    @property
    def texts(self) -> str:
        return "\n".join(step["text"] for step in self.report["steps"])


@dataclass(frozen=True)
class Office:
    """The beginner's site with more people, and somebody else's server that works."""

    site: DeployedSite
    path: Path

    def run(self, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.site.mailprov("send", *options, site=self.path, stdin=stdin)

    def send(self, *options: str, stdin: str = "") -> Sent:
        done = self.run("--json", *options, stdin=stdin)
        assert done.stdout, done.stderr
        return Sent(done.returncode, json.loads(done.stdout), done.stderr)

    def zone(self, name: str, address: str) -> str:
        """Make a domain whose mail server is at an address; return an address in it."""
        self.site.lab.internet.add_zone(name, ["@ IN MX 10 mail", f"mail IN A {address}"])
        return f"x@{name}"


@pytest.fixture(scope="module")
def office(beginner: DeployedSite) -> Iterator[Office]:
    elsewhere, mail = beginner.host("elsewhere"), beginner.host("mail")
    serve_elsewhere(elsewhere)
    bob = bcrypt.hashpw(BOBS_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path = beginner.edited(
        "office.yaml",
        ("domain: example.org\n", ALIASES),
        ("users:\n", PEOPLE.format(bob=bob)),
        ("logins_per_minute: 1000", "logins_per_minute: 1000, message_size: 64K"),
    )
    beginner.apply(site=path)
    yield Office(beginner, path)
    mail.check_run(["postsuper", "-d", "ALL"])
    elsewhere.check_run(["systemctl", "stop", "postfix"])
    beginner.apply()


def test_a_users_mail_is_followed_into_a_system_users_mailbox(tutorial: DeployedSite) -> None:
    done = tutorial.mailprov(
        "send", "--from", "wangsheng", "--to", "xhyhuiying", "--subject", "Grüße", "--body", "-",
        stdin=".\nvon hier\n",
    )  # fmt: skip
    first, *_ = shown = done.stdout.splitlines()
    assert first.startswith("mail  submitted on 587 with TLSv1.3 as wangsheng: queued as ")
    assert "mail  delivered to xhyhuiying@wangsheng.com: INBOX" in shown
    assert shown[-1].split() == ["xhyhuiying@wangsheng.com", "delivered", "INBOX"]
    assert (done.returncode, done.stderr) == (0, "")
    queue_id = first.rpartition(" ")[2]
    find = f"grep -rl 'id {queue_id}$' /home/xhyhuiying/Maildir/new | xargs sed -n '/^$/,$p'"
    assert tutorial.host("mail").check_run(["sh", "-c", find]) == "\n.\nvon hier\n"


def test_an_alias_and_a_detail_lead_to_every_mailbox(office: Office) -> None:
    sent = office.send("--from", "alice", "--to", "sales", "--to", "alice+x", "--port", "465")
    assert sent.ends == {
        "alice@example.org": "delivered",
        "bob@example.org": "delivered",
        "alice+x@example.org": "delivered",
    }
    assert "sales@example.org -> bob@example.org (alias)" in sent.texts
    assert (sent.code, sent.report["finished"]) == (0, True)
    assert (sent.report["handover"]["port"], sent.report["handover"]["tls"]) == (465, "TLSv1.3")


def test_a_user_who_is_disabled_still_receives(office: Office) -> None:
    sent = office.send("--from", "alice", "--to", "carol")
    assert (sent.code, sent.ends) == (0, {"carol@example.org": "delivered"})


def test_one_recipient_who_does_not_exist_is_refused_and_the_other_gets_the_mail(
    office: Office,
) -> None:
    sent = office.send("--from", "alice", "--to", "nobody", "--to", "bob")
    assert sent.ends == {"nobody@example.org": "refused", "bob@example.org": "delivered"}
    (refusal,) = sent.report["refusals"]
    assert (refusal["stage"], refusal["code"]) == ("RCPT", 550)
    assert refusal["reason"] == "nobody@example.org is neither a user nor an alias of the site"
    assert sent.code == 1


def test_a_sender_from_outside_comes_in_on_25_without_login(office: Office) -> None:
    sent = office.send("--from", "someone@outside.example", "--to", "bob")
    assert (sent.code, sent.ends) == (0, {"bob@example.org": "delivered"})
    handover = sent.report["handover"]
    assert (handover["port"], handover["login"], handover["tls"]) == (25, "", "TLSv1.3")


def test_a_sender_from_outside_cannot_have_mail_relayed(office: Office) -> None:
    done = office.run("--from", "someone@outside.example", "--to", "partner@outside.example")
    assert done.returncode == 1
    assert "mail  refused at RCPT for partner@outside.example: 554 5.7.1" in done.stdout
    assert "why: partner@outside.example is at another site" in done.stdout


def test_mail_to_another_server_is_followed_to_its_answer(office: Office) -> None:
    sent = office.send("--from", "alice", "--to", "away")
    assert (sent.code, sent.ends) == (0, {"partner@outside.example": "handed on"})
    (recipient,) = sent.report["recipients"]
    assert recipient["original"] == "away@example.org"
    before, _, taken = recipient["detail"].rpartition(" ")
    server = outside_address(office.site.lab.number, 252)
    assert before == f"mail.outside.example[{server}]:25 (TLSv1.3): 250 2.0.0 Ok: queued as"
    journal = office.site.host("elsewhere").check_run(["journalctl", "-q", "SYSLOG_FACILITY=2"])
    assert f"{taken}: message-id={sent.report['handover']['message_id']}" in journal


def test_what_another_server_refuses_comes_back_to_the_sender(office: Office) -> None:
    sent = office.send("--from", "alice", "--to", "nobody@outside.example")
    assert (sent.code, sent.ends) == (1, {"nobody@outside.example": "bounced"})
    assert "550 5.1.1 <nobody@outside.example>" in sent.report["recipients"][0]["detail"]
    assert "notification delivered to alice@example.org: INBOX" in sent.texts


def test_mail_to_a_server_that_does_not_listen_waits_in_the_queue(office: Office) -> None:
    nowhere = office.zone("shut.example", outside_address(office.site.lab.number, 253))
    done = office.run("--from", "alice", "--to", nowhere)
    assert done.returncode == 1
    assert f"mail  deferred for {nowhere}: connect to mail.shut.example[" in done.stdout
    assert "Connection refused" in done.stdout
    assert "deferred mail waits" in done.stdout
    office.site.host("mail").check_run(["postsuper", "-d", "ALL"])


def test_sending_as_somebody_else_is_refused(office: Office) -> None:
    sent = office.send("--from", "bob", "--login", "alice", "--to", "bob")
    (refusal,) = sent.report["refusals"]
    assert (sent.code, refusal["code"], sent.ends) == (1, 553, {"bob@example.org": "refused"})
    assert "only bob@example.org may send as bob@example.org" in refusal["reason"]


def test_a_message_that_is_too_big_is_refused_before_it_is_sent(office: Office) -> None:
    sent = office.send("--from", "alice", "--to", "bob", "--body", "-", stdin="x" * 70_000)
    (refusal,) = sent.report["refusals"]
    assert (sent.code, refusal["stage"], refusal["code"]) == (1, "MAIL", 552)
    assert refusal["reason"].endswith("submission.message_size is 64K")


def test_a_user_of_whom_the_site_has_a_hash_sends_with_the_password_from_standard_input(
    office: Office,
) -> None:
    options = ("--from", "bob", "--to", "alice", "--password-stdin", "--body", "-")
    sent = office.send(*options, stdin=f"{BOBS_PASSWORD}\nthe text\n")
    assert (sent.code, sent.ends) == (0, {"alice@example.org": "delivered"})


def test_where_the_port_is_closed_to_us_the_way_is_through_ssh(office: Office) -> None:
    mail = office.site.host("mail")
    rule = "table inet shut { chain in { type filter hook input priority 0; tcp dport 587 ip saddr"
    here = f"10.89.{office.site.lab.number}.254"
    mail.check_run(["nft", f"{rule} {here} drop; }}; }}"])
    try:
        done = office.run("--from", "alice", "--to", "bob")
    finally:
        mail.check_run(["nft", "delete table inet shut"])
    first, second, *_ = done.stdout.splitlines()
    assert done.returncode == 0
    unreached = "mail  port 587 cannot be reached from here (timed out), so mailprov connects"
    assert first.startswith(unreached)
    assert second.startswith("mail  submitted on 587 with TLSv1.3 as alice@example.org: queued as ")


@pytest.fixture
def silent_server(office: Office) -> Iterator[str]:
    """Return an address at a server that takes connections and never says a word."""
    address = outside_address(office.site.lab.number, 254)
    with socket.create_server((address, 25)):
        yield office.zone("silent.example", address)


def test_ctrl_c_ends_the_waiting_and_says_that_the_message_is_on_its_way(
    office: Office, silent_server: str
) -> None:
    options = ("--from", "alice", "--to", silent_server)
    process = subprocess.Popen(
        office.site.command("send", *options, site=office.path),
        env=office.site.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
    queue_id = first.split()[-1]
    assert process.returncode == 130
    assert f"tracing stopped; mail has accepted the message as {queue_id}" in stderr
    queued = office.site.host("mail").check_run(["postqueue", "-p"])
    assert queue_id in queued


def test_a_message_that_does_not_end_in_time_is_not_seen(
    office: Office, silent_server: str
) -> None:
    sent = office.send("--from", "alice", "--to", silent_server, "--wait", "0.5")
    assert (sent.code, sent.ends) == (1, {silent_server: "not seen"})
    assert sent.report["finished"] is False


def test_a_wrong_password_is_refused_at_login(office: Office) -> None:
    """The last one here: Dovecot makes an address wait that tried a wrong password."""
    options = ("--from", "alice", "--to", "bob", "--password-stdin")
    sent = office.send(*options, stdin="not the password\n")
    (refusal,) = sent.report["refusals"]
    assert (sent.code, refusal["stage"], refusal["code"]) == (1, "login", 535)
    assert refusal["reason"].startswith("the host has another password for alice@example.org")


def test_a_host_that_keeps_no_mail_log_is_named(office: Office) -> None:
    """With `Storage=none` people were told to wait longer, and that nothing was wrong."""
    mail = office.site.host("mail")
    drop_in = "/etc/systemd/journald.conf.d/none.conf"
    restart = "systemctl restart systemd-journald"
    mail.check_run(["mkdir", "-p", drop_in.rpartition("/")[0]])
    mail.check_run(["sh", "-c", f"printf '[Journal]\\nStorage=none\\n' >{drop_in} && {restart}"])
    try:
        sent = office.run("--from", "bob", "--to", "alice", "--password-stdin", stdin=BOBS_PASSWORD)
        diagnosed = office.site.mailprov("diagnose")
    finally:
        mail.check_run(["sh", "-c", f"rm {drop_in} && {restart}"])
    assert "mail: no mail log is kept there" in sent.stdout
    assert "--wait waits longer" not in sent.stdout
    assert "Storage=auto" in sent.stdout
    assert diagnosed.returncode == 1
    assert "[log.not-kept]" in diagnosed.stdout

"""A machine of nobody's site uses the tutorial's as a desktop does: found by DNS, real clients.

`client` has only `ns` as its resolver. Each program is configured with what the DNS said
and checks the server's certificate.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deployed import DeployedSite
from support.desk import CERTIFICATE, Desk, Server

pytestmark = pytest.mark.lab

DOMAIN = "wangsheng.com"
MAIL = f"mail.{DOMAIN}"
USER = "wangsheng"
ADDRESS = f"{USER}@{DOMAIN}"
FOLDERS = ("Made-here", "Made-there")


@dataclass(frozen=True)
class Office:
    """The desk, where the DNS said that the servers are, and the site."""

    site: DeployedSite
    desk: Desk
    password: str

    def server(self, service: str) -> Server:
        found = self.desk.find(service, DOMAIN)
        assert found is not None
        return found

    def doveadm(self, command: str) -> str:
        """Ask the store itself, past every protocol."""
        return self.site.host("mail").check_run(["sh", "-c", f"doveadm {command}"])

    def submit(self, subject: str, account: str = "implicit") -> None:
        text = f"To: {ADDRESS}\nSubject: {subject}\n\nhello\n"
        self.desk.run(f"msmtp -a {account} {ADDRESS}", stdin=text)


@pytest.fixture(scope="module")
def office(tutorial: DeployedSite) -> Iterator[Office]:
    desk = Desk(tutorial.host("client"))
    office = Office(tutorial, desk, tutorial.environment["WANGSHENG_PASSWORD"])
    before = desk.host.read_file("/etc/resolv.conf")
    clean = f"expunge -u {USER} mailbox '*' all"
    office.doveadm(clean)
    try:
        desk.host.write_file("/etc/resolv.conf", f"nameserver {tutorial.host('ns').address}\n")
        pem = tutorial.host("mail").read_file("/etc/mailprov/tls/site.pem")
        desk.host.write_file(CERTIFICATE, pem[pem.index("-----BEGIN CERTIFICATE") :])
        configure_msmtp(office)
        yield office
    finally:
        desk.host.write_file("/etc/resolv.conf", before)
        office.doveadm(clean)
        for folder in FOLDERS:
            tutorial.host("mail").run(["doveadm", "mailbox", "delete", "-u", USER, folder])


def configure_msmtp(office: Office) -> None:
    accounts = (("implicit", "_submissions", "off"), ("starttls", "_submission", "on"))
    office.desk.configure(
        "/root/.msmtprc",
        "defaults",
        "auth plain",
        f"user {USER}",
        f"password {office.password}",
        f"from {ADDRESS}",
        "tls on",
        f"tls_trust_file {CERTIFICATE}",
        *(
            line
            for name, service, starttls in accounts
            for line in (
                f"account {name}",
                f"host {office.server(service).name}",
                f"port {office.server(service).port}",
                f"tls_starttls {starttls}",
            )
        ),
    )


def test_the_domain_alone_leads_to_every_server(office: Office) -> None:
    assert office.desk.look_up(DOMAIN, "MX") == [f"0 {MAIL}."]
    assert office.desk.look_up(MAIL, "A") == [office.site.host("mail").address]
    got = {
        service: office.server(service)
        for service in (
            "_submissions",
            "_submission",
            "_imaps",
            "_imap",
            "_pop3s",
            "_pop3",
            "_sieve",
        )
    }
    assert got == {
        "_submissions": Server(MAIL, 465),
        "_submission": Server(MAIL, 587),
        "_imaps": Server(MAIL, 993),
        "_imap": Server(MAIL, 143),
        "_pop3s": Server(MAIL, 995),
        "_pop3": Server(MAIL, 110),
        "_sieve": Server(MAIL, 4190),
    }


def test_tls_from_the_first_byte_is_the_first_choice(office: Office) -> None:
    for implicit, starttls in (
        ("_submissions", "_submission"),
        ("_imaps", "_imap"),
        ("_pop3s", "_pop3"),
    ):
        first, second = (
            int(office.desk.look_up(f"{service}._tcp.{DOMAIN}", "SRV")[0].split()[0])
            for service in (implicit, starttls)
        )
        assert first < second


def test_msmtp_believes_this_certificate_and_no_other(office: Office) -> None:
    others = "/etc/ssl/certs/ca-certificates.crt"
    done = office.desk.host.run(
        ["msmtp", "-a", "implicit", f"--tls-trust-file={others}", ADDRESS], stdin="Subject: x\n\n"
    )
    assert done.returncode != 0
    assert "certificate" in done.stderr


def test_mail_left_on_the_server_is_fetched_once_also_after_a_restart(office: Office) -> None:
    for account in ("implicit", "starttls"):
        office.submit(f"by {account}", account)
    server = office.server("_pop3s")
    office.desk.configure(
        "/root/.mpoprc-keep",
        "account default",
        f"host {server.name}",
        f"port {server.port}",
        f"user {USER}",
        f"password {office.password}",
        "tls on",
        "tls_starttls off",
        f"tls_trust_file {CERTIFICATE}",
        "keep on",
        "uidls_file /root/uidls",
        "delivery mbox /root/kept",
    )
    office.desk.run("rm -f /root/uidls /root/kept")
    fetch = "mpop -q -C /root/.mpoprc-keep"
    office.desk.run(
        f"for try in $(seq 50); do {fetch}; "
        "[ $(grep -c '^Subject: by ' /root/kept) -ge 2 ] && exit; sleep 0.2; done; exit 1"
    )
    assert fetched(office) == ["by implicit", "by starttls"]
    known = office.desk.run("sort /root/uidls")
    office.desk.run(fetch)
    assert fetched(office) == ["by implicit", "by starttls"]
    office.site.host("mail").check_run(["systemctl", "restart", "dovecot"])
    office.desk.run(fetch)
    assert fetched(office) == ["by implicit", "by starttls"]
    assert office.desk.run("sort /root/uidls") == known
    assert office.doveadm(f"search -u {USER} subject 'by implicit'")


def fetched(office: Office) -> list[str]:
    lines = office.desk.run("grep '^Subject: ' /root/kept").splitlines()
    return sorted(line.removeprefix("Subject: ") for line in lines)


def test_mbsync_carries_folders_and_flags_both_ways(office: Office) -> None:
    configure_mbsync(office)
    office.submit("flagged here")
    wait_in_store(office, "flagged here")
    office.desk.run("rm -rf /root/two* && mkdir /root/two /root/two.state && mbsync -q two")
    office.desk.run(
        "mkdir -p /root/two/Made-here/cur /root/two/Made-here/new /root/two/Made-here/tmp"
    )
    office.desk.run("file=$(grep -rl 'flagged here' /root/two/INBOX); mv $file ${file%:2,*}:2,F")
    office.doveadm(f"mailbox create -u {USER} Made-there")
    office.submit("answered there")
    wait_in_store(office, "answered there")
    office.desk.run("mbsync -q two")
    office.doveadm(f"flags add -u {USER} '\\Answered' mailbox INBOX subject 'answered there'")
    office.desk.run("mbsync -q two")
    flags = office.doveadm(f"fetch -u {USER} flags mailbox INBOX subject 'flagged here'")
    assert "\\Flagged" in flags
    assert "Made-here" in office.doveadm(f"mailbox list -u {USER}").split()
    assert "Made-there" in office.desk.run("ls /root/two").split()
    (name,) = office.desk.run("grep -rl 'answered there' /root/two/INBOX").split()
    assert "R" in name.rpartition(":2,")[2]


def configure_mbsync(office: Office) -> None:
    server = office.server("_imaps")
    office.desk.configure(
        "/root/.mbsyncrc",
        "IMAPAccount site",
        f"Host {server.name}",
        f"Port {server.port}",
        f"User {USER}",
        f'Pass "{office.password}"',
        "SSLType IMAPS",
        "SystemCertificates no",
        f"CertificateFile {CERTIFICATE}",
        "",
        "IMAPStore server",
        "Account site",
        "",
        "MaildirStore desk",
        "Path /root/two/",
        "Inbox /root/two/INBOX",
        "SubFolders Verbatim",
        "",
        "Channel two",
        "Far :server:",
        "Near :desk:",
        "SyncState /root/two.state/",
        "Patterns *",
        "Create Both",
        "Expunge Both",
        "Sync All",
    )


def wait_in_store(office: Office, subject: str) -> None:
    search = f"doveadm search -u {USER} mailbox INBOX subject {shlex.quote(subject)}"
    office.site.host("mail").check_run(
        [
            "sh",
            "-c",
            f"for try in $(seq 50); do {search} | grep -q . && exit; sleep 0.1; done; exit 1",
        ]
    )


def test_idle_tells_of_new_mail_at_once(office: Office) -> None:
    server = office.server("_imaps")
    program = Path(__file__).parent / "clients/idle.sh"
    office.desk.configure("/root/idle.sh", program.read_text(encoding="utf-8"))
    office.desk.configure("/root/idle.login", f'a LOGIN {USER} "{office.password}"\r')
    send = f"printf 'Subject: pushed\\n\\nhello\\n' | msmtp -a implicit {ADDRESS}"
    got = office.desk.run(
        f"sh /root/idle.sh {server.name} {server.port} {CERTIFICATE} /root/idle.login "
        f"{shlex.quote(send)}"
    )
    told = got.partition("+ idling")[2].partition("c OK")[0]
    assert " EXISTS" in told, got


def test_s_nail_reads_and_searches_by_imap_and_pop3(office: Office) -> None:
    for subject in ("a needle", "some hay"):
        office.submit(subject)
        wait_in_store(office, subject)
    imap, pop3 = office.server("_imaps"), office.server("_pop3s")
    office.desk.configure(
        "/root/mailrc",
        "set v15-compat",
        f"set tls-ca-file={CERTIFICATE} tls-ca-no-defaults tls-verify=strict",
        f'set password-{USER}@{imap.name}:{imap.port}="{office.password}"',
        f'set password-{USER}@{pop3.name}:{pop3.port}="{office.password}"',
    )
    read = "MAILRC=/root/mailrc s-nail -:u"
    found = office.desk.run(
        f"{read} -L '(subject \"needle\")' -f imaps://{USER}@{imap.name}:{imap.port}/INBOX"
    )
    assert "a needle" in found
    assert "some hay" not in found
    listed = office.desk.run(f"{read} -H -f pop3s://{USER}@{pop3.name}:{pop3.port}")
    assert "a needle" in listed
    assert "some hay" in listed


def test_neomutt_sends_in_batch(office: Office) -> None:
    server = office.server("_submissions")
    office.desk.configure(
        "/root/.muttrc",
        f'set from="{ADDRESS}" realname="Wang Sheng" record=""',
        f'set smtp_url="smtps://{USER}@{server.name}:{server.port}" smtp_authenticators="plain"',
        f'set smtp_pass="{office.password}"',
        f'set ssl_force_tls=yes certificate_file="{CERTIFICATE}"',
    )
    office.desk.run(f"neomutt -F /root/.muttrc -s 'from neomutt' {ADDRESS}", stdin="hello\n")
    wait_in_store(office, "from neomutt")

"""The tutorial's site on two bare hosts: applied, verified, and used by real clients.

The judges here share no code with mailprov's own probes: pytest-testinfra for the
hosts, Debian's own mail programs for the service.
"""

from __future__ import annotations

import imaplib
import json
import shlex
import smtplib
import subprocess
from dataclasses import replace
from urllib.parse import quote

import pytest
import testinfra
from support.deployed import DeployedSite, passed_ids
from support.readers import insecure_tls
from support.release import POSTFIX
from support.under_way import wait_for

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

MAIL = "mail.wangsheng.com"


def second_judge(site: DeployedSite, key: str) -> testinfra.host.LabHost:
    return testinfra.get_host(f"ssh://{key}", ssh_config=str(site.lab.home / ".ssh/config"))


def client_run(site: DeployedSite, command: str, key: str = "client", stdin: str = "") -> str:
    done = site.host(key).run(["sh", "-c", command], stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fingerprint_of_everything(host: LabHost) -> str:
    """Return names, owners, modes and times of all that an apply might write."""
    return host.check_run(
        [
            "find",
            "/etc",
            "/var/lib/mailprov",
            "/srv",
            "/home",
            "/usr/sbin",
            "-xdev",
            "-printf",
            "%p %u %g %m %s %C@\n",
        ]
    )


def test_a_second_apply_changes_nothing_and_writes_nothing(tutorial: DeployedSite) -> None:
    before = {key: fingerprint_of_everything(tutorial.host(key)) for key in ("ns", "mail")}
    report = tutorial.apply()
    after = {key: fingerprint_of_everything(tutorial.host(key)) for key in ("ns", "mail")}
    assert report["changes"] == 0
    assert report["verify"] is None
    assert {key: row["status"] for key, row in report["hosts"].items()} == {
        "ns": "unchanged",
        "mail": "unchanged",
    }
    assert after == before


def test_plan_of_an_applied_site_is_empty(tutorial: DeployedSite) -> None:
    done = tutorial.mailprov("plan")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 changes on 2 hosts")


def test_verify_passes_and_leaves_no_message_behind(tutorial: DeployedSite) -> None:
    mail = tutorial.host("mail")
    # What verify could not fetch from a broken host waits for a later run to clean up.
    mail.check_run(["postsuper", "-d", "ALL"])
    mail.check_run(["rm", "-rf", "/var/lib/mailprov-probe/Maildir"])
    code, report = tutorial.verify()
    assert (code, report["counts"]["failed"]) == (0, 0), report
    for wanted in (
        "port.25@mail",
        "tls.imaps@mail",
        "login.pop3s@mail",
        "check.postfix-check@mail",
    ):
        assert wanted in passed_ids(report)
    left = mail.check_run(
        ["find", "/var/lib/mailprov-probe", "-path", "*/cur/*", "-o", "-path", "*/new/*"]
    )
    assert left == ""


def test_the_wrong_passwords_of_verify_hold_up_nobodys_login(tutorial: DeployedSite) -> None:
    mail = tutorial.host("mail")

    def penalties() -> list[str]:
        """Return the addresses whose next login Dovecot delays, with by how much."""
        rows = mail.check_run(["doveadm", "penalty"]).splitlines()[1:]
        return [" ".join(row.split()[:2]) for row in rows]

    # Dovecot forgets when it starts, and goes on counting from what it knows.
    mail.check_run(["systemctl", "restart", "dovecot"])
    code, _ = tutorial.verify()
    assert (code, penalties()) == (0, [])
    with (
        imaplib.IMAP4_SSL(mail.address, ssl_context=insecure_tls(), timeout=20) as people,
        pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"),
    ):
        people.login("wangsheng", "not this one")
    assert len(penalties()) == 1


def test_the_probers_secret_is_for_root_alone(tutorial: DeployedSite) -> None:
    judge = second_judge(tutorial, "mail")
    secret = judge.file("/var/lib/mailprov/probe-secret")
    assert (secret.user, secret.mode) == ("root", 0o600)
    assert judge.file("/var/lib/mailprov").mode == 0o700


def test_limit_leaves_the_other_host_alone(tutorial: DeployedSite) -> None:
    report = tutorial.apply("--limit", "ns")
    assert list(report["hosts"]) == ["ns"]


def test_services_and_ports_to_a_second_judge(tutorial: DeployedSite) -> None:
    mail, ns = second_judge(tutorial, "mail"), second_judge(tutorial, "ns")
    for judge, units in ((mail, (POSTFIX, "dovecot")), (ns, ("unbound",))):
        for unit in units:
            assert judge.service(unit).is_running, unit
    for name in ("postfix", "dovecot"):
        assert mail.service(name).is_enabled
    for port in (25, 110, 143, 465, 587, 993, 995):
        assert mail.socket(f"tcp://0.0.0.0:{port}").is_listening, port
    assert not mail.package("unbound").is_installed
    assert not ns.package("postfix").is_installed


def test_system_users_are_as_the_tutorial_makes_them(tutorial: DeployedSite) -> None:
    judge = second_judge(tutorial, "mail")
    for name in ("wangsheng", "xhyhuiying"):
        user = judge.user(name)
        assert (user.group, user.shell) == ("mailusers", "/sbin/nologin")
        assert user.password.startswith("$2b$")
        assert judge.file(user.home).mode == 0o700


def test_secrets_are_readable_by_nobody_who_need_not(tutorial: DeployedSite) -> None:
    judge = second_judge(tutorial, "mail")
    assert judge.file("/etc/mailprov/tls/site.pem").mode == 0o600
    readable = judge.check_output(
        "find /etc/dovecot /etc/mailprov /var/lib/mailprov -type f -perm -o+r "
        r"-exec grep -lE '\$2b\$|\$6\$|PRIVATE KEY' {} +; true"
    )
    assert readable == ""


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("wangsheng.com", "MX", f"0 {MAIL}."),
        (MAIL, "A", "@mail"),
        ("ns.wangsheng.com", "A", "@ns"),
        ("wangsheng.com", "NS", "ns.wangsheng.com."),
    ],
)
def test_dig_finds_the_sites_records(
    tutorial: DeployedSite, name: str, kind: str, answer: str
) -> None:
    server = tutorial.host("ns").address
    wanted = str(tutorial.host(answer[1:]).address) if answer.startswith("@") else answer
    got = client_run(tutorial, f"dig +short @{server} {name} {kind}")
    assert got.split("\n")[0] == wanted


def test_the_resolver_forwards_and_validates(tutorial: DeployedSite) -> None:
    server = tutorial.host("ns").address
    got = client_run(tutorial, f"dig +dnssec @{server} outside.example MX")
    assert "mail.outside.example." in got
    assert " ad" in got.split("flags:")[1].split(";")[0]


def test_the_resolver_refuses_strangers(tutorial: DeployedSite) -> None:
    server = tutorial.host("ns").address
    got = client_run(tutorial, f"dig @{server} wangsheng.com MX", key="stranger")
    assert "status: REFUSED" in got


def swaks(
    site: DeployedSite, options: str, key: str = "client"
) -> subprocess.CompletedProcess[str]:
    server = site.host("mail").address
    return site.host(key).run(
        ["sh", "-c", f"swaks --server {server} --ehlo {key}.outside.example {options}"]
    )


def login(site: DeployedSite) -> str:
    password = site.environment["WANGSHENG_PASSWORD"]
    return f"--auth-user wangsheng --auth-password {shlex.quote(password)}"


@pytest.mark.parametrize("way", ["--port 587 --tls", "--port 465 --tls-on-connect"])
def test_swaks_submits_and_a_real_client_reads_it_back(tutorial: DeployedSite, way: str) -> None:
    subject = f"via {way}"
    done = swaks(
        tutorial,
        f"{way} {login(tutorial)} --from wangsheng@wangsheng.com "
        f"--to xhyhuiying@wangsheng.com --header 'Subject: {subject}'",
    )
    assert done.returncode == 0, done.stdout
    assert subject in fetched_by_pop3(tutorial)


def test_s_nail_submits_as_a_person_at_a_terminal_would(tutorial: DeployedSite) -> None:
    password = quote(tutorial.environment["WANGSHENG_PASSWORD"], safe="")
    server = tutorial.host("mail").address
    client_run(
        tutorial,
        f"s-nail -:/ -S v15-compat -S tls-verify=ignore -S smtp-auth=plain "
        f"-S mta=submissions://wangsheng:{password}@{server}:465 "
        "-S hostname=client.outside.example -r wangsheng@wangsheng.com "
        "-s 'from s-nail' xhyhuiying@wangsheng.com",
        stdin="hello\n",
    )
    assert "from s-nail" in fetched_by_pop3(tutorial)


def fetched_by_pop3(site: DeployedSite) -> str:
    """Fetch xhyhuiying's mail with mpop over STLS, deleting it on the server; return it."""
    server, password = site.host("mail").address, site.environment["XHYHUIYING_PASSWORD"]
    pinned = certificate_digest(site)
    config = "\n".join(
        [
            "account default",
            f"host {server}",
            "port 110",
            "user xhyhuiying",
            f"password {password}",
            "tls on",
            "tls_starttls on",
            f"tls_fingerprint {pinned}",
            "delivery mbox /root/fetched",
            "keep off",
        ]
    )
    site.host("client").write_file("/root/.mpoprc", config + "\n", mode=0o600)
    return client_run(
        site,
        "rm -f /root/fetched; for try in 1 2 3 4 5 6 7 8 9 10; do "
        "mpop -q && [ -s /root/fetched ] && break; sleep 0.3; done; cat /root/fetched",
    )


def certificate_digest(site: DeployedSite) -> str:
    line = site.host("mail").check_run(
        [
            "openssl",
            "x509",
            "-in",
            "/etc/mailprov/tls/site.pem",
            "-noout",
            "-fingerprint",
            "-sha256",
        ]
    )
    return line.strip().partition("=")[2]


def test_mbsync_reads_by_imap(tutorial: DeployedSite) -> None:
    done = swaks(
        tutorial,
        f"--port 587 --tls {login(tutorial)} --from wangsheng@wangsheng.com "
        "--to wangsheng@wangsheng.com --header 'Subject: for mbsync'",
    )
    assert done.returncode == 0, done.stdout
    password = tutorial.environment["WANGSHENG_PASSWORD"]
    pem = tutorial.host("mail").read_file("/etc/mailprov/tls/site.pem")
    client = tutorial.host("client")
    # As a desktop on the site's network: its resolver knows the mail host's name.
    client.write_file("/etc/resolv.conf", f"nameserver {tutorial.host('ns').address}\n")
    client.write_file("/root/site.crt", pem[pem.index("-----BEGIN CERTIFICATE") :])
    config = "\n".join(
        [
            "IMAPAccount site",
            f"Host {MAIL}",
            "User wangsheng",
            f'Pass "{password}"',
            "SSLType IMAPS",
            "CertificateFile /root/site.crt",
            "",
            "IMAPStore far",
            "Account site",
            "",
            "MaildirStore near",
            "Path /root/mail/",
            "Inbox /root/mail/INBOX",
            "SubFolders Verbatim",
            "",
            "Channel all",
            "Far :far:",
            "Near :near:",
            "Create Near",
            "Sync Pull",
        ]
    )
    client.write_file("/root/.mbsyncrc", config + "\n", mode=0o600)
    client_run(tutorial, "mkdir -p /root/mail && mbsync -q -a")
    assert "Subject: for mbsync" in client_run(tutorial, "cat /root/mail/INBOX/*/*")


def test_a_stranger_cannot_relay_and_a_trusted_host_can(tutorial: DeployedSite) -> None:
    options = "--port 25 --from a@outside.example --to b@outside.example --quit-after RCPT"
    refused = swaks(tutorial, options, key="stranger")
    assert "554 5.7.1" in refused.stdout
    accepted = swaks(tutorial, options, key="client")
    assert accepted.returncode == 0, accepted.stdout


def test_mail_from_outside_is_taken_for_users_and_refused_for_nobody(
    tutorial: DeployedSite,
) -> None:
    options = "--port 25 --from someone@outside.example --quit-after RCPT --to"
    known = swaks(tutorial, f"{options} xhyhuiying@wangsheng.com", key="stranger")
    assert known.returncode == 0, known.stdout
    unknown = swaks(tutorial, f"{options} nobody-here@wangsheng.com", key="stranger")
    assert "550 5.1.1" in unknown.stdout


def test_cleartext_login_is_refused(tutorial: DeployedSite) -> None:
    done = swaks(
        tutorial, f"--port 587 {login(tutorial)} --from a@b.test --to a@b.test", "stranger"
    )
    assert done.returncode != 0
    assert "AUTH" not in done.stdout.split("EHLO")[1].split("QUIT")[0]
    server = tutorial.host("mail").address
    got = client_run(
        tutorial,
        f"printf 'a LOGIN wangsheng x\\r\\nb LOGOUT\\r\\n' | timeout 30 openssl s_client -quiet "
        f"-connect {server}:993 2>/dev/null | head -2",
    )
    assert "AUTHENTICATIONFAILED" in got


def test_old_tls_is_refused_by_openssl(tutorial: DeployedSite) -> None:
    server = tutorial.host("mail").address
    for port, start in ((465, ""), (993, ""), (995, ""), (587, "-starttls smtp")):
        command = (
            f"openssl s_client -connect {server}:{port} {start} -tls1_1 "
            "-cipher DEFAULT@SECLEVEL=0 </dev/null 2>&1"
        )
        done = tutorial.host("client").run(["sh", "-c", command])
        assert "Cipher is (NONE)" in done.stdout, port


def test_local_mail_to_root_reaches_the_first_user(tutorial: DeployedSite) -> None:
    mail = tutorial.host("mail")
    mail.check_run(["sendmail", "root"], stdin="Subject: from cron\n\nhello\n")
    wait = (
        "for try in 1 2 3 4 5 6 7 8 9 10; do "
        "grep -rl 'from cron' /home/wangsheng/Maildir/new && exit 0; sleep 0.3; done; exit 1"
    )
    got = mail.check_run(["sh", "-c", wait])
    assert "/home/wangsheng/Maildir/new/" in got


def test_what_was_found_on_the_host_is_kept(tutorial: DeployedSite) -> None:
    kept = tutorial.host("mail").run(
        ["cat", "/var/lib/mailprov/generations/0/tree/etc/resolv.conf"]
    )
    assert kept.returncode == 0
    assert "nameserver" in kept.stdout


def test_the_open_variant_deploys_and_says_what_it_allows(tutorial_open: DeployedSite) -> None:
    code, report = tutorial_open.verify()
    assert code == 0, json.dumps(report, indent=1)
    warned = {row["id"] for row in report["findings"] if row["status"] == "warning"}
    assert {
        "allowed.open-relay",
        "allowed.open-resolver",
        "allowed.cleartext-login",
        "allowed.no-tls",
        "allowed.weak-hash",
    } <= warned


def test_apply_and_plan_tell_what_the_tutorial_gets_wrong(tutorial_open: DeployedSite) -> None:
    weak = replace(
        tutorial_open, environment={**tutorial_open.environment, "WANGSHENG_PASSWORD": "letmein"}
    )
    for done in (tutorial_open.mailprov("apply"), weak.mailprov("plan")):
        for told in (
            "an open relay",
            "an open resolver",
            "login in cleartext",
            "no TLS",
            "weak password schemes",
            "relay_domains repeats mydestination",
            "no such parameter",
            "SELinux",
            "firewall",
            "587",
        ):
            assert told in done.stderr, told
    # The second environment's password is weak: the last one to have been run.
    assert "a weak password: it has fewer than 8 characters" in done.stderr
    assert "letmein" not in done.stdout + done.stderr


def test_relay_domains_that_repeat_mydestination_take_mail_for_names_that_do_not_exist(
    tutorial_open: DeployedSite,
) -> None:
    mail = tutorial_open.host("mail")
    main = "/etc/postfix/main.cf"
    before = mail.read_file(main)

    def code(recipient: str) -> int:
        with smtplib.SMTP(str(mail.address), 25, "client.outside.example", timeout=30) as session:
            session.ehlo()
            session.mail("someone@outside.example")
            return session.rcpt(recipient)[0]

    try:
        # The open relay would hide it: this one trusts nobody.
        mail.check_run(["postconf", "-e", "mynetworks=127.0.0.0/8"])
        mail.check_run(["postfix", "reload"])
        wait_for(lambda: code("someone@outside.example") == 554, 10, "it is not in force")
        assert code("x@no-such-name.wangsheng.com") == 250
        mail.check_run(["postconf", "-e", "relay_domains="])
        mail.check_run(["postfix", "reload"])
        wait_for(lambda: code("x@no-such-name.wangsheng.com") == 554, 10, "it is not in force")
    finally:
        mail.check_run(["tee", main], stdin=before)
        mail.check_run(["postfix", "reload"])
    assert tutorial_open.mailprov("plan").returncode == 0

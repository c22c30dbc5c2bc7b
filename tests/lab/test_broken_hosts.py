"""Every probe is shown a host that is broken in its way, and must notice.

Each row breaks one thing on the applied site by hand, as a tired operator might,
verifies, and mends it. What is wanted is the id of a probe that has to fail.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.deployed import DeployedSite, failed_ids
from support.release import RELEASE, old_or_new

from provisioner.daemons.unbound.habits import habits as unbound_habits
from provisioner.lab import LabHost

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Fault:
    """A fault on a host: how it comes, how it goes, and the probes that must fail."""

    name: str
    host: str
    breaks: str
    mends: str
    fails: tuple[str, ...]


def postfix(name: str, file: str, postconf: str, fails: tuple[str, ...]) -> Fault:
    """Return a fault that postconf(1) makes in one of Postfix's files, put right afterwards."""
    return Fault(
        name,
        "mail",
        f"cp -p /etc/postfix/{file} /root/{file} && postconf {postconf} && "
        "systemctl restart postfix",
        f"cp -p /root/{file} /etc/postfix/{file} && systemctl restart postfix",
        fails,
    )


def main_cf(name: str, settings: str | tuple[str, ...], *fails: str) -> Fault:
    """Return a fault of parameters in main.cf."""
    setting = shlex.join([settings] if isinstance(settings, str) else settings)
    return postfix(name, "main.cf", f"-e {setting}", fails)


def master_cf(name: str, entry: str, *fails: str) -> Fault:
    """Return a fault of one option of a service in master.cf."""
    return postfix(name, "master.cf", f"-P {entry}", fails)


def dovecot(name: str, setting: str, *fails: str) -> Fault:
    """Return a fault of one setting at the end of dovecot.conf."""
    return Fault(
        name,
        "mail",
        "cp -p /etc/dovecot/dovecot.conf /root/dovecot.conf && "
        f"printf '\\n%s\\n' '{setting}' >>/etc/dovecot/dovecot.conf; "
        "systemctl restart dovecot; true",
        "cp -p /root/dovecot.conf /etc/dovecot/dovecot.conf && systemctl restart dovecot",
        fails,
    )


def unbound(name: str, edit: str, *fails: str) -> Fault:
    """Return a fault of Unbound's parts, made with sed."""
    return Fault(
        name,
        "ns",
        "cp -rp /etc/unbound /root/unbound && "
        f"sed -i '{edit}' {unbound_habits(RELEASE).parts_dir}/mailprov-*.conf && "
        "systemctl restart unbound",
        "cp -rp /root/unbound /etc/ && rm -rf /root/unbound && systemctl restart unbound",
        fails,
    )


OTHER_KEY = old_or_new(
    "ssl_cert = </root/c\nssl_key = </root/k",
    "ssl_server_cert_file = /root/c\nssl_server_key_file = /root/k",
)
RIGHTS = old_or_new(
    "mail_plugins = acl\nplugin {\n acl = vfile:/etc/dovecot/rights\n}",
    "mail_plugins {\n acl = yes\n}\nacl_driver = vfile\nacl_global_path = /etc/dovecot/rights",
)
QUOTA, ALSO_ACL = (
    old_or_new("mail_plugins=quota", "mail_plugins = quota"),
    old_or_new(",acl", " acl"),
)

FAULTS = (
    main_cf("an unused parameter", "no_such_parameter = 1", "check.postconf--n@mail"),
    main_cf("relaying for everybody", "mynetworks = 0.0.0.0/0", "smtp.relay-refused@mail"),
    main_cf(
        "host bits in mynetworks",
        "mynetworks = 10.0.0.5/24",
        "mail.accepted.smtp@mail",
    ),
    main_cf(
        "a bad TLS word", "smtpd_tls_auth_only = maybe", "tls.smtp@mail", "mail.accepted.smtp@mail"
    ),
    main_cf(
        "a missing map",
        "virtual_alias_maps = texthash:/etc/postfix/nowhere",
        "mail.accepted.smtp@mail",
        "check.postmap--q@mail",
    ),
    main_cf(
        "a missing certificate",
        "smtpd_tls_chain_files = /etc/mailprov/tls/nowhere.pem",
        "tls.smtp@mail",
        "tls.submissions@mail",
    ),
    main_cf("nothing listens", "inet_protocols = ", "port.25@mail"),
    main_cf(
        "old TLS",
        (
            "smtpd_tls_protocols = >=TLSv1",
            "smtpd_tls_mandatory_protocols = >=TLSv1",
            "tls_high_cipherlist = ALL:@SECLEVEL=0",
        ),
        "tls.old-refused.smtp@mail",
        "tls.old-refused.submission@mail",
    ),
    master_cf(
        "submission without login",
        "587/inet/smtpd_client_restrictions= 587/inet/smtpd_sender_restrictions= "
        "587/inet/smtpd_relay_restrictions=permit_auth_destination,reject",
        "smtp.login-required.submission@mail",
    ),
    master_cf(
        "a bare postmaster before login",
        "465/inet/smtpd_delay_reject=yes",
        "smtp.login-required.submissions@mail",
    ),
    master_cf(
        "any From after login",
        "465/inet/cleanup_service_name=cleanup",
        "smtp.foreign-from-refused.submissions@mail",
    ),
    master_cf(
        "any sender after login",
        "465/inet/smtpd_sender_restrictions=",
        "smtp.spoof-refused.submissions@mail",
    ),
    main_cf("VRFY answers", "disable_vrfy_command = no", "smtp.vrfy@mail"),
    main_cf("login on port 25", "smtpd_sasl_auth_enable = yes", "smtp.no-auth@mail"),
    main_cf(
        "mail for nobody is taken",
        "local_recipient_maps =",
        "smtp.unknown-recipient.wangsheng.com@mail",
    ),
    main_cf(
        "no way to the mailboxes",
        "mailbox_transport = lmtp:unix:private/nowhere",
        "mail.read.imap@mail",
    ),
    dovecot(
        "old TLS at IMAP",
        "ssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0",
        "tls.old-refused.imaps@mail",
    ),
    dovecot(
        "login before TLS",
        old_or_new("disable_plaintext_auth = no", "auth_allow_cleartext = yes") + "\nssl = yes",
        "login.before-tls.imap@mail",
        "login.before-tls.pop3@mail",
    ),
    dovecot(
        "any password will do",
        old_or_new(
            "passdb {\n driver = static\n args = nopassword=y\n}",
            "passdb anybody {\n driver = static\n fields {\n  nopassword = yes\n }\n}",
        ),
        "login.wrong-password.imap@mail",
    ),
    dovecot("no POP3", "protocols = imap lmtp sieve", "port.110@mail", "port.995@mail"),
    dovecot(
        "a word that is no setting",
        "no_such_setting = 1",
        "check.doveconf--n@mail",
        "unit.dovecot@mail",
    ),
    unbound("a wrong MX", "s/IN MX 0 mail/IN MX 0 male/", "dns.mx.wangsheng.com.tcp@ns"),
    unbound("a lost address", "/mail.wangsheng.com. .*IN A /d", "dns.a.mail.wangsheng.com.tcp@ns"),
    unbound(
        "clients sent to a wrong port",
        "s/IN SRV 0 1 993/IN SRV 0 1 994/",
        "dns.srv._imaps._tcp.wangsheng.com.tcp@ns",
    ),
    unbound(
        "a dead forwarder", "s/forward-addr: .*/forward-addr: 10.89.0.99/", "dns.forward.root@ns"
    ),
    unbound(
        "open to strangers",
        's#"0.0.0.0/0" "refuse"#"0.0.0.0/0" "allow"#',
        "dns.stranger-refused@ns",
    ),
    Fault(
        "Postfix is down",
        "mail",
        "systemctl stop postfix",
        "systemctl start postfix",
        ("unit.postfix@mail", "port.25@mail"),
    ),
    Fault(
        "Dovecot is down",
        "mail",
        "systemctl stop dovecot",
        "systemctl start dovecot",
        ("unit.dovecot@mail", "port.993@mail"),
    ),
    Fault(
        "Unbound is down",
        "ns",
        "systemctl stop unbound",
        "systemctl start unbound",
        ("unit.unbound@ns", "listening.tcp-53@ns", "listening.udp-53@ns"),
    ),
    Fault(
        "a service that does not start at boot",
        "mail",
        "systemctl disable dovecot",
        "systemctl enable dovecot",
        ("unit.dovecot@mail",),
    ),
    Fault(
        "a file with another mode",
        "mail",
        "chmod 666 /etc/postfix/main.cf",
        "chmod 644 /etc/postfix/main.cf",
        ("file./etc/postfix/main.cf@mail",),
    ),
    Fault(
        "a file with another owner",
        "mail",
        "chown wangsheng /etc/postfix/master.cf",
        "chown root /etc/postfix/master.cf",
        ("file./etc/postfix/master.cf@mail",),
    ),
    Fault(
        "a file that is gone",
        "mail",
        "mv /etc/dovecot/conf.d/20-pop3.conf /root/",
        "mv /root/20-pop3.conf /etc/dovecot/conf.d/",
        ("file./etc/dovecot/conf.d/20-pop3.conf@mail", "check.doveconf--n@mail"),
    ),
    Fault(
        "another key than the host's",
        "mail",
        "cp -p /etc/dovecot/dovecot.conf /root/dovecot.conf && "
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /root/k -out /root/c -days 9 "
        "-subj /CN=x 2>/dev/null && "
        f"printf '\\n%s\\n' '{OTHER_KEY}' >>/etc/dovecot/dovecot.conf && "
        "systemctl restart dovecot",
        "cp -p /root/dovecot.conf /etc/dovecot/dovecot.conf && systemctl restart dovecot",
        ("tls.imaps@mail", "tls.pop3@mail"),
    ),
    Fault(
        "a password that is none",
        "mail",
        "cp -p /etc/dovecot/mailprov/probe /root/probe && "
        "sed -i 's/}[^:]*:/}$6$x$y:/' /etc/dovecot/mailprov/probe",
        "cp -p /root/probe /etc/dovecot/mailprov/probe",
        ("login.imaps@mail", "login.pop3@mail", "login.sieve@mail", "login.submission@mail"),
    ),
    Fault(
        "a private key that others can read",
        "mail",
        "chmod 644 /etc/mailprov/tls/site.pem",
        "chmod 600 /etc/mailprov/tls/site.pem",
        ("file./etc/mailprov/tls/site.pem@mail",),
    ),
    Fault(
        "a mailbox nobody can write",
        "mail",
        "chown root:root /var/lib/mailprov-probe",
        "chown mailprov-probe:mailprov-probe /var/lib/mailprov-probe",
        ("file./var/lib/mailprov-probe@mail",),
    ),
    Fault(
        "mail that nobody may delete",
        "mail",
        "cp -p /etc/dovecot/dovecot.conf /etc/dovecot/conf.d/10-auth.conf /root/ && "
        "echo 'INBOX owner lrwsi' >/etc/dovecot/rights && "
        # The prober's mailbox has a list of plugins of its own.
        f"sed -i 's/{QUOTA}/&{ALSO_ACL}/' /etc/dovecot/conf.d/10-auth.conf && "
        f"printf '\\n%s\\n' '{RIGHTS}' >>/etc/dovecot/dovecot.conf && systemctl restart dovecot",
        "rm /etc/dovecot/rights; cp -p /root/dovecot.conf /etc/dovecot/ && "
        "cp -p /root/10-auth.conf /etc/dovecot/conf.d/ && systemctl restart dovecot",
        ("mail.cleaned@mail",),
    ),
    Fault(
        "a stray mail port",
        "mail",
        "systemd-run --unit=stray-port sh -c 'exec smtp-sink -u nobody 0.0.0.0:2525 10'; sleep 0.5",
        "systemctl stop stray-port",
        ("listening.no-other-mail-port@mail",),
    ),
    Fault(
        "a firewall nobody told us of",
        "mail",
        "nft add table inet block && nft add chain inet block in "
        "'{ type filter hook input priority 0; }' && "
        "nft add rule inet block in tcp dport 993 drop",
        "nft delete table inet block",
        ("port.993@mail",),
    ),
    Fault(
        "the prober's account is gone",
        "mail",
        "mv /var/lib/mailprov/probe-secret /root/",
        "mv /root/probe-secret /var/lib/mailprov/",
        ("account.probe@mail",),
    ),
)


@pytest.fixture
def broken(request: pytest.FixtureRequest, tutorial: DeployedSite) -> Iterator[Fault]:
    fault: Fault = request.param
    host = tutorial.host(fault.host)
    try:
        change(host, fault.breaks)
        yield fault
    finally:
        change(host, fault.mends)


def change(host: LabHost, command: str) -> None:
    # systemd refuses a unit that is started more than five times in ten seconds, as the
    # faults of a fast machine would have it.
    host.check_run(["systemctl", "reset-failed"])
    host.check_run(["sh", "-c", command])


@pytest.mark.parametrize("broken", FAULTS, ids=lambda fault: fault.name, indirect=True)
def test_the_probe_notices(tutorial: DeployedSite, broken: Fault) -> None:
    code, report = tutorial.verify()
    missed = set(broken.fails) - failed_ids(report)
    assert not missed, f"failed instead: {sorted(failed_ids(report))}"
    assert code == 1
    for row in report["findings"]:
        if row["status"] == "failed":
            assert row["question"]
            assert row["got"]
            assert row["want"]
            assert row["remedy"]


def test_starttls_injection_is_noticed(tutorial: DeployedSite, tmp_path: Path) -> None:
    host = tutorial.host("mail")
    pem = tmp_path / "site.pem"
    pem.write_text(host.read_file("/etc/mailprov/tls/site.pem"), encoding="ascii")
    program = Path(__file__).parent / "faults/injectable_imap.py"
    arguments = [sys.executable, str(program), str(host.address), "143", str(pem)]
    host.check_run(["systemctl", "stop", "dovecot"])
    with subprocess.Popen(["ip", "netns", "exec", host.namespace, *arguments]) as flawed:
        try:
            _, report = tutorial.verify()
        finally:
            flawed.terminate()
            host.check_run(["systemctl", "start", "dovecot"])
    assert "tls.injection.imap@mail" in failed_ids(report)
    assert "tls.imap@mail" not in failed_ids(report)


SHOWN_ELSEWHERE = {
    "tls.injection",
    "link",  # with `store` in test_unseen_faults.py
    "store",
    "leave",  # in test_relay.py
    "smtp.colleagues-from-refused",  # never asked: it says why
}
SERVICES = {"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve"}
DETAILED = ("smtp", "login", "tls", "mail", "listening")


def kind_of(probe: str) -> str:
    """Return what a probe asks, without whom and about which service."""
    name = probe.partition("@")[0]
    first, _, rest = name.partition(".")
    second = rest.partition(".")[0]
    services = {"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve"}
    detailed = first in DETAILED and second not in services
    return (
        f"{first}.{second.partition('-')[0] if first == 'listening' else second}"
        if detailed
        else first
    )


def test_every_kind_of_probe_has_its_broken_host(tutorial: DeployedSite) -> None:
    _, report = tutorial.verify()
    kinds = {kind_of(row["id"]) for row in report["findings"]}
    shown = {kind_of(wanted) for fault in FAULTS for wanted in fault.fails}
    assert kinds - shown == SHOWN_ELSEWHERE

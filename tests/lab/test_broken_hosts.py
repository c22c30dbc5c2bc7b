"""Every probe is shown a host that is broken in its way, and must notice.

Each row breaks one thing on the applied site by hand, as a tired operator might,
verifies, and mends it. What is wanted is the id of a probe that has to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.deployed import DeployedSite, failed_ids

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Fault:
    """A fault on a host: how it comes, how it goes, and the probes that must fail."""

    name: str
    host: str
    breaks: str
    mends: str
    fails: tuple[str, ...]


def main_cf(name: str, setting: str, *fails: str) -> Fault:
    """Return a fault of one parameter in main.cf, put right again afterwards."""
    return Fault(
        name,
        "mail",
        f"cp -p /etc/postfix/main.cf /root/main.cf && postconf -e '{setting}' && "
        "systemctl restart postfix",
        "cp -p /root/main.cf /etc/postfix/main.cf && systemctl restart postfix",
        fails,
    )


def dovecot(name: str, setting: str, *fails: str) -> Fault:
    """Return a fault of one setting at the end of dovecot.conf."""
    return Fault(
        name,
        "mail",
        "cp -p /etc/dovecot/dovecot.conf /root/dovecot.conf && "
        f"printf '\\n%s\\n' '{setting}' >>/etc/dovecot/dovecot.conf && systemctl restart dovecot",
        "cp -p /root/dovecot.conf /etc/dovecot/dovecot.conf && systemctl restart dovecot",
        fails,
    )


def unbound(name: str, edit: str, *fails: str) -> Fault:
    """Return a fault of Unbound's parts, made with sed."""
    return Fault(
        name,
        "ns",
        "cp -rp /etc/unbound /root/unbound && "
        f"sed -i '{edit}' /etc/unbound/unbound.conf.d/mailprov-*.conf && "
        "systemctl restart unbound",
        "cp -rp /root/unbound /etc/ && rm -rf /root/unbound && systemctl restart unbound",
        fails,
    )


FAULTS = (
    main_cf("an unused parameter", "no_such_parameter = 1", "check.postconf--n@mail"),
    main_cf("relaying for everybody", "mynetworks = 0.0.0.0/0", "smtp.relay-refused@mail"),
    main_cf(
        "host bits in mynetworks",
        "mynetworks = 10.0.0.5/24",
        "mail.from.smtp@mail",
    ),
    main_cf(
        "a bad TLS word",
        "smtpd_tls_auth_only = maybe",
        "tls.submission@mail",
        "mail.from.submission@mail",
    ),
    main_cf(
        "a missing map",
        "virtual_alias_maps = texthash:/etc/postfix/nowhere",
        "mail.from.smtp@mail",
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
        "old TLS", "smtpd_tls_mandatory_protocols = >=TLSv1", "tls.old-refused.submission@mail"
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
        "mail.from.submission@mail",
    ),
    dovecot("old TLS at IMAP", "ssl_min_protocol = TLSv1", "tls.old-refused.imaps@mail"),
    dovecot(
        "login before TLS",
        "disable_plaintext_auth = no\nssl = yes",
        "login.before-tls.imap@mail",
        "login.before-tls.pop3@mail",
    ),
    dovecot(
        "any password will do",
        "passdb {\n driver = static\n args = nopassword=y\n}",
        "login.wrong-password.imap@mail",
    ),
    dovecot("no POP3", "protocols = imap lmtp sieve", "port.110@mail", "port.995@mail"),
    dovecot(
        "a word that is no setting",
        "no_such_setting = 1",
        "check.doveconf--n@mail",
        "unit.dovecot@mail",
    ),
    unbound("a wrong MX", "s/IN MX 0 mail/IN MX 0 male/", "dns.mx.wangsheng.com.udp@ns"),
    unbound("a lost address", "/mail.wangsheng.com. .*IN A /d", "dns.a.mail.wangsheng.com.udp@ns"),
    unbound(
        "a dead forwarder", "s/forward-addr: .*/forward-addr: 10.89.0.99/", "dns.forwarded.udp@ns"
    ),
    unbound(
        "open to strangers",
        "s/access-control: 0.0.0.0\\/0 refuse/access-control: 0.0.0.0\\/0 allow/",
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
        ("unit.unbound@ns",),
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
        "cp -p /etc/mailprov/tls/site.pem /root/ && "
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /root/k -out /root/c -days 9 "
        "-subj /CN=x 2>/dev/null && cat /root/k /root/c >/etc/mailprov/tls/site.pem && "
        "systemctl reload dovecot postfix && cat /root/site.pem >/etc/mailprov/tls/site.pem",
        "systemctl reload dovecot postfix",
        ("tls.imaps@mail",),
    ),
    Fault(
        "a mailbox nobody can write",
        "mail",
        "chown root:root /var/lib/mailprov-probe",
        "chown mailprov-probe:mailprov-probe /var/lib/mailprov-probe",
        ("file./var/lib/mailprov-probe@mail",),
    ),
    Fault(
        "a stray mail port",
        "mail",
        "systemd-run --unit=stray-port sh -c 'exec smtp-sink -u nobody 0.0.0.0:2525 10'; sleep 0.5",
        "systemctl stop stray-port",
        ("sockets.stray@mail",),
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
        host.check_run(["sh", "-c", fault.breaks])
        yield fault
    finally:
        host.check_run(["sh", "-c", fault.mends])


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


def test_every_kind_of_probe_has_its_broken_host(tutorial: DeployedSite) -> None:
    _, report = tutorial.verify()
    kinds = {row["id"].partition("@")[0] for row in report["findings"]}
    themes = {
        ".".join(kind.split(".")[:2])
        if kind.startswith(("smtp", "login", "tls.old"))
        else kind.split(".")[0]
        for kind in kinds
    }
    shown = {wanted for fault in FAULTS for wanted in fault.fails}
    unshown = {theme for theme in themes if not any(w.startswith(theme) for w in shown)}
    assert unshown == {"mail"} - {"mail"}, unshown

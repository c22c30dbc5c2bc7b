"""The probes' clients against real Postfix, Dovecot and Unbound, sound and broken.

Every mutant is a host that its own static checks accept, or nearly; each has to fail
the probes that are there for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest
from support.handmade_site import DOVECOT, UNBOUND, HandmadeSite, handmade_site
from support.release import needs_debian, old_or_new

from provisioner.lab import HostSpec, Lab
from provisioner.model.site import Networks
from provisioner.probes.finding import Status

pytestmark = [pytest.mark.lab, needs_debian]

NEW_KEY = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x"
    " -addext subjectAltName=DNS:www.probe.test -keyout /tmp/k -out /tmp/c 2>/dev/null"
    " && cat /tmp/k /tmp/c >/etc/ssl/private/probe.pem; "
)

ACL = old_or_new(
    "mail_plugins = acl\nplugin {\nacl = vfile:/etc/dovecot/acls\n}",
    "mail_plugins {\nacl = yes\n}\nacl_driver = vfile\nacl_global_path = /etc/dovecot/acls",
)


@pytest.fixture(scope="module")
def handmade(lab_factory: Callable[[str, list[HostSpec]], Lab]) -> Iterator[HandmadeSite]:
    hosts = {"ns": "10.89.0.11", "mail": "10.89.0.10"}
    specs = [HostSpec(key, (address,), tree="debian-12-mail") for key, address in hosts.items()]
    with handmade_site(lab_factory("clients", specs)) as site:
        yield site


def test_a_sound_site_passes_every_probe_quickly_and_is_left_clean(
    handmade: HandmadeSite,
) -> None:
    began = time.monotonic()
    findings = handmade.ask()
    seconds = time.monotonic() - began
    other = {f.id: f"{f.status} {f.got}" for f in findings.values() if f.status != Status.PASSED}
    # This controller is in the resolver's network, and so is every host: no stranger is left.
    assert set(other) == {"dns.stranger-refused@ns"}, other
    assert {f.via for f in findings.values()} - {"", "direct"} == set()
    assert seconds < 20, "typically 2 s, 6 s when Dovecot makes the address wait"
    files = handmade.lab.host("mail").check_run(["find", "/srv/vmail", "-path", "*/[cn][ue][rw]/*"])
    assert files == ""


def postconf(*settings: str) -> str:
    return "postconf -e " + " ".join(f"'{s}'" for s in settings) + " && systemctl restart postfix"


def dovecot(edit: str, more: str = "") -> str:
    return (
        f"sed -i '{edit}' {DOVECOT}; printf '%s\\n' '{more}' >>{DOVECOT}; systemctl restart dovecot"
    )


def unbound(edit: str) -> str:
    return f"sed -i '{edit}' {UNBOUND} && systemctl restart unbound"


Symptoms = list[tuple[str, str]]

# By what is wrong: the host, how to break it, and which probes fail with which words.
# What does not stand in each other's way shares a host, because restarts take seconds.
MUTANTS: dict[str, tuple[str, str, Symptoms]] = {
    "no banner ever": (
        "mail",
        postconf("smtpd_tls_auth_only=maybe"),
        [("mail.accepted.smtp@mail", ""), ("smtp.vrfy@mail", ""), ("tls.smtp@mail", "")],
    ),
    "host bits in mynetworks": (
        "mail",
        postconf("mynetworks=10.0.0.5/24"),
        [("smtp.relay-refused@mail", "451"), ("mail.accepted.smtp@mail", "451")],
    ),
    "a map that is not there": (
        "mail",
        postconf("virtual_mailbox_maps=texthash:/etc/postfix/none"),
        [("smtp.unknown-recipient.probe.test@mail", "451"), ("mail.accepted.smtp@mail", "451")],
    ),
    "a Postfix that is open in many ways": (
        "mail",
        "printf '/^a tab/ REPLACE no tab\\n' >/etc/postfix/body; "
        "postconf -P submission/inet/smtpd_tls_security_level=may"
        " submission/inet/smtpd_sender_restrictions="
        " submission/inet/smtpd_relay_restrictions=check_client_access,static:OK,reject; "
        + postconf(
            "virtual_mailbox_maps=static:anybody",
            "smtpd_relay_restrictions=check_client_access static:OK,reject",
            "disable_vrfy_command=no",
            "smtpd_sasl_auth_enable=yes",
            "smtpd_tls_auth_only=no",
            "body_checks=regexp:/etc/postfix/body",
            "header_checks=",
            "smtpd_tls_protocols=",
            "tls_medium_cipherlist=ALL:@SECLEVEL=0",
        ),
        [
            ("smtp.unknown-recipient.probe.test@mail", "250"),
            ("smtp.relay-refused@mail", "victim@example.com"),
            ("smtp.vrfy@mail", "252"),
            ("smtp.no-auth@mail", "AUTH offered before and inside TLS"),
            ("login.before-tls.submission@mail", "offered before TLS"),
            ("smtp.spoof-refused.submission@mail", "250"),
            ("smtp.login-required.submission@mail", "250"),
            ("smtp.foreign-from-refused.submission@mail", "250"),
            ("mail.read.imap@mail", "was changed"),
            ("tls.old-refused.smtp@mail", "TLSv1.1 was accepted"),
        ],
    ),
    "a mynetworks that is the world": (
        "mail",
        postconf("mynetworks=0.0.0.0/0"),
        [("smtp.relay-refused@mail", "250")],
    ),
    "a submission port that judges at RCPT, where a bare postmaster passes": (
        "mail",
        "postconf -P submission/inet/smtpd_delay_reject=yes && systemctl restart postfix",
        [("smtp.login-required.submission@mail", "RCPT TO:<postmaster> → 250")],
    ),
    "lines that are broken on the way": (
        "mail",
        postconf("lmtp_line_length_limit=998"),
        [("mail.read.imaps@mail", "was changed")],
    ),
    "a SASL socket that is not there": (
        "mail",
        postconf("smtpd_sasl_path=private/no-such-socket"),
        [("login.submission@mail", "closed"), ("mail.accepted.submissions@mail", "closed")],
    ),
    "a certificate file that is not there": (
        "mail",
        "rm /etc/ssl/private/probe.pem && systemctl restart postfix",
        [("tls.smtp@mail", "TLS handshake"), ("tls.submissions@mail", "TLS handshake")],
    ),
    "mail that is thrown away": (
        "mail",
        postconf("virtual_transport=discard:"),
        [
            ("mail.read.imaps@mail", "is not in the mailbox"),
            ("mail.read.pop3@mail", "is not in the mailbox"),
        ],
    ),
    "a Dovecot with another key and old habits": (
        "mail",
        NEW_KEY
        + dovecot(
            "s/ssl_min_protocol.*/ssl_min_protocol = TLSv1/; s/^ssl = .*/ssl = yes/;"
            + old_or_new(
                " s/disable_plaintext_auth.*/disable_plaintext_auth = no/",
                " s/auth_allow_cleartext.*/auth_allow_cleartext = yes/",
            ),
            "ssl_cipher_list=ALL:@SECLEVEL=0",
        ),
        [
            ("tls.imaps@mail", "another certificate"),
            ("tls.pop3@mail", "a certificate for www.probe.test"),
            ("tls.old-refused.imaps@mail", "TLSv1.1 was accepted"),
            ("login.imap@mail", "mailprov sent no password"),
            ("login.before-tls.imap@mail", "offered before TLS"),
            ("login.before-tls.pop3@mail", "offered before TLS"),
        ],
    ),
    "a password file that admits everybody": (
        "mail",
        # A change within the second of the last login would not be noticed.
        (
            "echo 'prober@probe.test:::::::nopassword=y' >/etc/dovecot/users && "
            "systemctl restart dovecot"
        ),
        [
            ("login.wrong-password.imap@mail", "Logged in"),
            ("login.wrong-password.pop3@mail", "Logged in"),
            ("login.wrong-password.submissions@mail", "235"),
        ],
    ),
    "a password file that is gone": (
        "mail",
        "rm /etc/dovecot/users",
        [("login.pop3s@mail", "AUTH")],
    ),
    "a mailbox that cannot be opened": (
        "mail",
        "chmod 0 /srv/vmail",
        [("mail.read.imaps@mail", "NO"), ("mail.read.pop3s@mail", "ERR")],
    ),
    "a mailbox that keeps what it has": (
        "mail",
        "printf 'INBOX owner lrwsip\\n' >/etc/dovecot/acls; " + dovecot("", ACL),
        [("mail.cleaned@mail", "left")],
    ),
    "a Dovecot that is down": (
        "mail",
        "systemctl stop dovecot",
        [("port.993@mail", "refused"), ("tls.imaps@mail", "refused")],
    ),
    "a zone that says something else": (
        "ns",
        unbound('s/\\.10"$/.12"/; / MX /d'),
        [
            ("dns.a.mail.probe.test.udp@ns", "10.89."),
            ("dns.mx.probe.test.tcp@ns", "NOERROR without"),
        ],
    ),
    "a resolver that is closed to all": (
        "ns",
        unbound("/access-control/d"),
        [("dns.txt.probe.test.udp@ns", "REFUSED"), ("dns.ns.probe.test.tcp@ns", "REFUSED")],
    ),
    "a resolver without UDP and with a wrong trust anchor": (
        "ns",
        unbound("s/do-ip6/do-udp: no\\n &/; s/IN DS \\([0-9]*\\) /IN DS 1\\1 /"),
        [("dns.soa.probe.test.udp@ns", "timed out"), ("dns.forward.root@ns", "SERVFAIL")],
    ),
}


@pytest.mark.parametrize("wrong", MUTANTS)
def test_a_broken_host_fails_the_probes_that_are_there_for_it(
    handmade: HandmadeSite, wrong: str
) -> None:
    host, command, symptoms = MUTANTS[wrong]
    asked = {"mail.round-trip@mail" if i.startswith("mail.") else i for i, _ in symptoms}
    with handmade.broken(host, command):
        findings = handmade.ask(lambda each: each in asked)
    for identity, words in symptoms:
        got = findings[identity]
        assert got.status is Status.FAILED, got
        assert words in got.got, got
        assert got.remedy


def test_behind_a_firewall_the_port_fails_and_the_rest_is_asked_through_ssh(
    handmade: HandmadeSite,
) -> None:
    here = handmade.lab.site("10.89.0.254")  # this controller, in the lab's network
    drop = "; ".join(
        f"ip rule add pref 100 to {here} ipproto tcp sport {p} blackhole" for p in (993, 25)
    )
    wanted = {"port.993@mail", "tls.imaps@mail", "mail.round-trip@mail", "smtp.relay-refused@mail"}
    with handmade.broken("mail", drop):
        findings = handmade.ask(lambda each: each in wanted)
    failed = {f.id for f in findings.values() if f.status != Status.PASSED}
    ways = {i: findings[i].via for i in ("tls.imaps@mail", "mail.accepted.smtp@mail")}
    assert failed == {"port.993@mail"}
    assert "timed out" in findings["port.993@mail"].got
    assert set(ways.values()) == {"ssh:mail"}
    assert findings["mail.accepted.submission@mail"].status is Status.PASSED


def test_a_stranger_to_the_resolver_is_refused_and_records_are_asked_from_its_clients(
    handmade: HandmadeSite,
) -> None:
    site = handmade.model(resolver="10.89.0.11/32")
    narrow = unbound(f"s|access-control: .*|access-control: {site.networks.resolver[0]} allow|")
    wanted = {
        "dns.stranger-refused@ns",
        "dns.a.mail.probe.test.tcp@ns",
        "dns.soa.probe.test.udp@ns",
    }
    with handmade.broken("ns", narrow):
        findings = handmade.ask(lambda each: each in wanted, site)
    got = {identity: (f.status, f.via) for identity, f in findings.items()}
    assert got == {
        "dns.stranger-refused@ns": (Status.PASSED, "direct"),
        "dns.a.mail.probe.test.tcp@ns": (Status.PASSED, "ssh:ns"),
        "dns.soa.probe.test.udp@ns": (Status.SKIPPED, "direct"),
    }


def test_a_resolver_that_is_wider_than_the_site_says_fails(handmade: HandmadeSite) -> None:
    site = handmade.model(resolver="10.89.0.11/32")
    findings = handmade.ask(lambda each: each == "dns.stranger-refused@ns", site)
    assert findings["dns.stranger-refused@ns"].status is Status.FAILED


def test_relaying_cannot_be_shown_from_a_network_where_all_are_trusted(
    handmade: HandmadeSite,
) -> None:
    network = ip_network(handmade.lab.site("10.89.0.0/24"))
    site = handmade.model().model_copy(update={"networks": Networks(trusted=(network,))})
    got = handmade.ask(lambda each: each == "smtp.relay-refused@mail", site)
    assert got["smtp.relay-refused@mail"].status is Status.SKIPPED

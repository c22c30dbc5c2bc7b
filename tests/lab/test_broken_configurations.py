"""What becomes of an apply whose configuration is broken, each in a way of its own.

An operator can write all of this under `postfix`, `dovecot` and `unbound`; most of it
passes the daemons' own checkers. Whatever notices it, the host ends wholly on the
configuration before, its services are up, the message names the cause, and the next apply of
a good site file converges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

import pytest
from support.deployed import DeployedSite
from support.release import DOVECOT, old_or_new, resting

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

LIMITS = "logins_per_minute: 1000"
CONFIGURATION = (
    "find /etc/postfix /etc/dovecot /etc/unbound /etc/resolv.conf -type f -exec sha256sum {} +"
)


class Noticed(Enum):
    """Who notices: exit code, and what is said of the host.

    Dovecot takes a reload and dies of it afterwards: at the step or just behind it.
    """

    BY_THE_MODEL = (3, "")
    BY_A_CHECK = (1, "nothing on the host was changed")
    BY_THE_DAEMON = (1, "the old configuration is in force again")
    BY_PROVING_IT = (1, "the new configuration does not work")
    BY_A_STRANGER = (1, "the new configuration is not safe")
    BY_ITS_DEATH = (1, "the old configuration is in force again|the new configuration does not")


@dataclass(frozen=True)
class Broken:
    """A configuration: what it is, where it goes, who notices, and how the cause is named.

    first: what somebody did on the host before.
    """

    name: str
    daemon: str
    text: str
    noticed: Noticed
    says: str
    rare: bool = False
    first: str = ""

    @property
    def edit(self) -> tuple[str, str]:
        """The edit of the beginner's site file."""
        if self.daemon == "unbound":
            return "  server:\n", f"  server:\n    {self.text}\n"
        section = "main" if self.daemon == "postfix" else f"'{DOVECOT}'"
        return "domain:", f"{self.daemon}: {{{section}: {{{self.text}}}}}\ndomain:"


def postfix(name: str, text: str, noticed: Noticed, says: str, *, rare: bool = False) -> Broken:
    return Broken(name, "postfix", text, noticed, says, rare)


def dovecot(name: str, text: str, noticed: Noticed, says: str, *, rare: bool = False) -> Broken:
    return Broken(name, "dovecot", text, noticed, says, rare)


def unbound(name: str, text: str, noticed: Noticed, says: str, *, rare: bool = False) -> Broken:
    return Broken(name, "unbound", text, noticed, says, rare)


MODEL, CHECK, DAEMON, PROOF, STRANGER, DEATH = Noticed

BROKEN = (
    postfix(
        "a word that is no value",
        "smtpd_tls_auth_only: maybe",
        CHECK,
        'smtpd_tls_auth_only: "maybe" is neither yes nor no',
    ),
    postfix(
        "a bad TLS level",
        "smtpd_tls_security_level: sometimes",
        CHECK,
        "smtpd_tls_security_level: no such TLS security level: sometimes",
    ),
    postfix(
        # Mail from outside and to users works with it; all mail that leaves waits.
        "a bad TLS level for mail that leaves",
        "smtp_tls_security_level: sometimes",
        CHECK,
        "smtp_tls_security_level: no such TLS security level: sometimes",
        rare=True,
    ),
    postfix(
        "host bits in mynetworks",
        "mynetworks: '127.0.0.0/8, 10.0.0.5/24'",
        CHECK,
        'mynetworks: non-null host address bits in "10.0.0.5/24", perhaps you should use '
        '"10.0.0.0/24" instead',
    ),
    postfix(
        "IPv6 without brackets",
        "mynetworks: '127.0.0.0/8, fd00::/8'",
        CHECK,
        "mynetworks: fd00::/8: an IPv6 network stands in brackets",
    ),
    postfix(
        "a missing map",
        "transport_maps: 'texthash:/etc/postfix/nothing-there'",
        CHECK,
        "open database /etc/postfix/nothing-there: No such file or directory",
    ),
    postfix(
        "a map of an unknown type",
        "transport_maps: 'nosuch:/etc/postfix/mailprov/aliases'",
        CHECK,
        "transport_maps: no such type of table: nosuch",
    ),
    postfix(
        "a map of an unknown type in a restriction",
        "smtpd_sender_restrictions: 'check_sender_access nosuch:access'",
        CHECK,
        "smtpd_sender_restrictions: no such type of table: nosuch",
        rare=True,
    ),
    postfix(
        "a misspelt restriction",
        "smtpd_recipient_restrictions: 'permit_mynetworks, reject_unauth_destinations'",
        CHECK,
        "smtpd_recipient_restrictions: no such restriction: reject_unauth_destinations",
    ),
    postfix(
        "a word that is no restriction",
        "smtpd_end_of_data_restrictions: rejekt",
        PROOF,
        'unknown smtpd restriction: "rejekt"',
        rare=True,
    ),
    postfix(
        "a missing certificate",
        "smtpd_tls_chain_files: /etc/mailprov/tls/nothing.pem",
        CHECK,
        "smtpd_tls_chain_files: no file /etc/mailprov/tls/nothing.pem",
    ),
    postfix(
        "a missing certificate of the client's",
        "smtp_tls_chain_files: /etc/nothing.pem",
        CHECK,
        "smtp_tls_chain_files: no file /etc/nothing.pem",
        rare=True,
    ),
    postfix(
        "an empty inet_protocols",
        "inet_protocols: ''",
        CHECK,
        "inet_protocols: empty: nothing would listen",
    ),
    postfix(
        "a name that is not ASCII",
        "myhostname: 'mäil.example.org'",
        CHECK,
        "valid_hostname: invalid character",
    ),
    postfix(
        "an address that the host does not have",
        "inet_interfaces: 192.0.2.1",
        CHECK,
        "no local interface found for 192.0.2.1",
        rare=True,
    ),
    postfix(
        "a Postfix that will not start",
        "inet_interfaces: ''",
        DAEMON,
        old_or_new("no valid IP address found: 25", "non-empty inet_interfaces setting"),
    ),
    postfix(
        "a time in unknown units",
        "maximal_queue_lifetime: 2fortnights",
        PROOF,
        "bad time value",
        rare=True,
    ),
    dovecot(
        "a version of TLS that does not exist",
        "ssl_min_protocol: TLSv1.9",
        CHECK,
        "ssl_min_protocol: no such version of TLS: TLSv1.9",
    ),
    dovecot(
        "ciphers that do not exist",
        "ssl_cipher_list: NOSUCH",
        CHECK,
        "ssl_cipher_list: no cipher of OpenSSL's: NOSUCH",
        rare=True,
    ),
    dovecot(
        # A running Dovecot stays with its old configuration, and all looks well until it starts.
        "a missing certificate of Dovecot's",
        old_or_new("ssl_cert: '</etc/nothing.pem'", "ssl_server_cert_file: /etc/nothing.pem"),
        CHECK,
        old_or_new("ssl_cert: Can't open file /etc/nothing.pem", "open(/etc/nothing.pem) failed"),
    ),
    dovecot(
        "a variable that does not exist",
        old_or_new("mail_location: 'maildir:~/%{bogus}'", "mail_path: '~/%{bogus}'"),
        PROOF,
        old_or_new("Unknown variable '%bogus'", "Unknown variable 'bogus'"),
    ),
    dovecot(
        "a variable that does not exist in the greeting",
        "login_greeting: 'ready %{bogus}'",
        PROOF,
        "the server closed the connection",
        rare=True,
    ),
    dovecot(
        # All works with the old configuration, until Dovecot is to start with this one.
        "a Dovecot that goes on with its old configuration",
        "service/stats/executable: nothing-there",
        DAEMON,
        "service(stats) access(/usr/lib/dovecot/nothing-there) failed: No such file",
    ),
    dovecot(
        "a Dovecot that will not start",
        "listen: 192.0.2.1",
        DEATH,
        # 2.4 tells it of every port, and then that it panics: of the last lines, those are left.
        f"(192.0.2.1, {old_or_new('143', '4190')}) failed: Cannot assign requested address",
    ),
    unbound(
        "host bits in access-control",
        "access-control: 10.0.0.5/24 allow",
        MODEL,
        "unbound.server.access-control: a network with host bits",
    ),
    unbound(
        "a domain that is not ASCII",
        "domain-insecure: bücher.example",
        MODEL,
        "write xn--bcher-kva.example",
    ),
    unbound(
        "an absent interface",
        "interface: 192.0.2.77",
        PROOF,
        "the connection failed",
    ),
    unbound(
        "an interface by a name that does not exist",
        "interface: eth77",
        CHECK,
        "cannot parse interface specified as 'eth77'",
        rare=True,
    ),
    unbound(
        "an Unbound that will not start",
        "interface: 192.0.2.77\n    ip-freebind: 'no'",
        DAEMON,
        "can't bind socket: Cannot assign requested address for 192.0.2.77 port 53",
    ),
    # What only the host's own files say, nobody can judge before it is in force.
    Broken(
        "an open relay",
        "postfix",
        "relay_domains: 'texthash:/etc/partners'",
        STRANGER,
        "smtp.relay-refused@mail",
        first="printf 'example.com yes\\nexample.net yes\\n' >/etc/partners",
    ),
    Broken(
        "an open resolver",
        "unbound",
        "include: /etc/partners.conf",
        STRANGER,
        "dns.stranger-refused@mail",
        first="echo 'access-control: 0.0.0.0/0 allow' >/etc/partners.conf",
    ),
)


def configuration(host: LabHost) -> list[str]:
    return sorted(host.check_run(["sh", "-c", CONFIGURATION]).splitlines())


@pytest.fixture(scope="module")
def before(beginner: DeployedSite) -> list[str]:
    """Return the digests of the good configuration."""
    return configuration(beginner.host("mail"))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(one, id=one.name.replace(" ", "-"), marks=[pytest.mark.matrix] * one.rare)
        for one in BROKEN
    ],
)
def test_a_broken_configuration_leaves_the_one_before_in_force(
    beginner: DeployedSite, before: list[str], broken: Broken
) -> None:
    host = beginner.host("mail")
    code, said = broken.noticed.value
    host.check_run(["sh", "-c", broken.first])
    done = beginner.mailprov("apply", site=beginner.edited("broken.yaml", broken.edit))
    assert done.returncode == code, done.stdout + done.stderr
    assert broken.says in done.stderr, done.stderr
    assert re.search(said, done.stderr)
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    assert configuration(host) == before
    assert host.run(["test", "-e", "/var/lib/mailprov/pending"]).returncode == 1
    assert resting(host) == []
    if broken.noticed not in {MODEL, CHECK}:
        assert beginner.mailprov("plan").returncode == 0


def test_after_all_of_them_mail_works_and_a_good_configuration_goes_in(
    beginner: DeployedSite,
) -> None:
    changed = beginner.edited("good.yaml", (LIMITS, f"{LIMITS}, message_size: 18M"))
    try:
        assert beginner.apply(site=changed)["verify"]["passed"]
        assert beginner.mailprov("plan", site=changed).returncode == 0
    finally:
        assert beginner.apply()["verify"]["passed"]

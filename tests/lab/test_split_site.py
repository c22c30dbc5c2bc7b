"""A site whose mail roles are on several hosts works as it is rendered, laid on hosts by hand.

`apply` does not take it yet. Dovecot 2.3 and 2.4 are mixed, so that each passes logins on to the
other.
"""

from __future__ import annotations

import imaplib
import inspect
import poplib
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.by_hand import PROBE_PASSWORD, lay, make_certificate
from support.readers import insecure_tls

from provisioner.directory.inline import directory_of
from provisioner.lab import HostSpec, Lab
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Site
from provisioner.plan.compile import compile_generation
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.render.nature import Nature
from provisioner.site.load import load_site, parse_site

pytestmark = pytest.mark.lab

SITE = Path(__file__).parents[1] / "golden/split/site.yaml"
RELEASES = {
    "ns": "debian-12",
    "mx1": "debian-13",
    "submission": "debian-12",
    "store1": "debian-12",
    "store2": "debian-13",
}
ALICE = ("alice@example.org", "a password of alice")
BOB = ("bob@example.com", "one of bob's")
PROBE = "mailprov-probe@example.org"
_CHECKS = {
    "unbound": "unbound-checkconf >/dev/null",
    "dovecot": "doveconf -n -x >/dev/null",
    "postfix": "postfix check && postconf -n >/dev/null && postconf -M >/dev/null",
}
_STARTS = "systemctl disable --now -q postfix dovecot dovecot.socket unbound; systemctl restart"


def _rcpt(address: str, to: str) -> int:
    with smtplib.LMTP(address, 24, "client.example.net", timeout=30) as server:
        server.ehlo()
        server.docmd("MAIL FROM:<>")
        return server.docmd(f"RCPT TO:<{to}>")[0]


class Split:
    """The lab, and what is asked of it from the machine beside it, which is no host of the site."""

    def __init__(self, lab: Lab, site: Site) -> None:
        self.lab, self.site = lab, site
        self.tls = insecure_tls()

    def address(self, host: str) -> str:
        return str(self.site.host(host).addresses[0])

    def shell(self, host: str, script: str) -> str:
        return self.lab.host(host).check_run(["sh", "-c", script])

    def send(self, host: str, port: int, to: str, login: tuple[str, str] | None = None) -> str:
        """Send a message, and return its subject; smtplib's errors where it is refused."""
        subject = f"{host}-{port}-{time.monotonic_ns()}"
        sender = login[0] if login else ""
        with smtplib.SMTP(self.address(host), port, "client.example.net", timeout=30) as server:
            server.starttls(context=self.tls)
            if login:
                server.login(*login)
            server.sendmail(sender, to, f"From: {sender}\r\nSubject: {subject}\r\n\r\n.\r\n")
        return subject

    def lmtp(self, host: str, to: str) -> int:
        """Return the answer that a stranger gets for a recipient by LMTP."""
        return _rcpt(self.address(host), to)

    def lmtp_from(self, client: str, host: str, to: str) -> int:
        """Return the answer that a host of the site gets."""
        inside = ["ip", "netns", "exec", self.lab.host(client).namespace, sys.executable, "-c"]
        script = f"{inspect.getsource(_rcpt)}\nprint(_rcpt({self.address(host)!r}, {to!r}))"
        done = subprocess.run(
            [*inside, f"import smtplib\n{script}"], check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    def has(self, host: str, login: tuple[str, str], subject: str) -> bool:
        """Tell whether who logs in at a store reads a message there, by IMAP."""
        with imaplib.IMAP4_SSL(self.address(host), 993, ssl_context=self.tls) as client:
            client.login(*login)
            client.select("INBOX", readonly=True)
            return bool(client.search(None, "SUBJECT", subject)[1][0])

    def wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, self.shell("mx1", "mailq") + self.log("mx1")
            time.sleep(0.2)

    def log(self, host: str) -> str:
        return self.shell(host, "journalctl --no-pager -q -u 'postfix*' -u 'dovecot*'")


def _generation(site: Site, host: str, certificates: dict[str, bytes]) -> Generation:
    secrets = SiteSecrets(directory_of(site).hashes(), certificates=certificates)
    nature = Nature(platform_named(RELEASES[host]))
    return compile_generation(site, site.host(host), nature, secrets, {})


@pytest.fixture(scope="module")
def split(lab_as_named: Callable[..., Lab]) -> Split:
    written = load_site(SITE).site
    specs = [
        HostSpec(name, (str(written.host(name).addresses[0]),), tree=f"{release}-mail")
        for name, release in RELEASES.items()
    ]
    lab = lab_as_named("split", specs)
    site = parse_site(lab.site(SITE.read_text()).encode(), str(SITE)).site
    made: dict[str, bytes] = {}
    for name in RELEASES:
        bare = _generation(site, name, {})
        if bare.certificate_path:
            made[name] = make_certificate(lab.host(name), bare)

    def set_up(name: str) -> None:
        generation = _generation(site, name, made)
        host = lab.host(name)
        lay(host, generation)
        for unit in generation.units:
            checked = host.run(["sh", "-c", _CHECKS[unit.daemon]])
            assert (checked.returncode, checked.stderr) == (0, ""), f"{name}: {checked}"
        units = " ".join(unit.running for unit in generation.units)
        host.run(["sh", "-c", f"{_STARTS} {units}"])

    set_up("ns")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(set_up, [name for name in RELEASES if name != "ns"]))
    return Split(lab, site)


@pytest.mark.parametrize(("login", "store"), [(ALICE, "store1"), (BOB, "store2")])
def test_mail_from_outside_reaches_each_users_store_by_verified_tls(
    split: Split, login: tuple[str, str], store: str
) -> None:
    subject = split.send("mx1", 25, login[0].replace("@", "+detail@"))
    split.wait(lambda: split.has(store, login, subject))
    assert f"Verified TLS connection established to {store}.example.org" in split.log("mx1")


@pytest.mark.parametrize("login", [ALICE, BOB])
@pytest.mark.parametrize("store", ["store1", "store2"])
def test_a_client_reads_its_mail_at_whichever_store_it_was_sent_to(
    split: Split, login: tuple[str, str], store: str
) -> None:
    subject = split.send("submission", 587, login[0], ALICE)
    split.wait(lambda: split.has(store, login, subject))
    client = poplib.POP3_SSL(split.address(store), 995, context=split.tls)
    client.user(login[0])
    client.pass_(login[1])
    assert client.stat()[0] > 0
    client.quit()


def test_a_wrong_password_opens_no_store_and_sends_nothing(split: Split) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        split.has("store1", (BOB[0], "wrong"), "x")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        split.send("submission", 587, ALICE[0], (ALICE[0], "wrong"))


def test_the_prober_sends_where_passwords_are_checked(split: Split) -> None:
    subject = split.send("submission", 587, PROBE.replace("@", "+word@"), (PROBE, PROBE_PASSWORD))
    split.wait(lambda: split.has("store1", (PROBE, PROBE_PASSWORD), subject))


@pytest.mark.parametrize("to", [ALICE[0], BOB[0], PROBE, "nobody@example.org"])
@pytest.mark.parametrize("store", ["store1", "store2"])
def test_a_stranger_on_the_port_between_hosts_finds_nobody_and_learns_nothing(
    split: Split, store: str, to: str
) -> None:
    assert split.lmtp(store, to) == 451


def test_a_store_never_files_mail_of_another_stores_user_and_has_it_tried_again(
    split: Split,
) -> None:
    assert split.lmtp_from("mx1", "store1", ALICE[0]) == 250
    assert split.lmtp_from("mx1", "store1", BOB[0]) == 451
    assert split.lmtp_from("mx1", "store2", ALICE[0]) == 451
    assert split.lmtp_from("mx1", "store2", "nobody@example.org") == 550


@pytest.mark.parametrize(("login", "home"), [(ALICE, "store1"), (BOB, "store2")])
@pytest.mark.parametrize("store", ["store1", "store2"])
def test_mail_of_a_stores_own_reaches_users_here_and_there(
    split: Split, store: str, login: tuple[str, str], home: str
) -> None:
    subject = f"from-{store}-{time.monotonic_ns()}"
    split.shell(store, f"printf 'Subject: {subject}\\n\\n' | sendmail -f {ALICE[0]} {login[0]}")
    split.wait(lambda: split.has(home, login, subject))


def test_mail_for_nobody_is_refused_at_the_mx(split: Split) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
        split.send("mx1", 25, "nobody@example.org")


def test_no_password_hash_and_no_dovecot_is_on_the_mx(split: Split) -> None:
    assert split.shell("mx1", "grep -rlF CRYPT /etc/postfix /etc/mailprov || true") == ""
    assert split.shell("mx1", "ss -Htlnp | grep -c dovecot || true").strip() == "0"

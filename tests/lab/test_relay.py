"""Mail that leaves by a smarthost: over TLS, with a login, and the password in one file alone."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.deployed import DeployedSite
from support.release import DOVECOT, RELEASE, needs_debian, old_or_new

pytestmark = [pytest.mark.lab, needs_debian]

HOST = "mail.outside.example"
USER = "site@outside.example"
PASSWORD = "Schlüssel: zum #Relay $1"
# A passwd-file ends the field at a colon, which a password may hold.
HELD = base64.b64encode(PASSWORD.encode()).decode()
SECOND = "another-9f27c1"
RELAY = f"""\
relay:
  host: {HOST}
  user: {USER}
  password: {{env: RELAY_PASSWORD}}
  ca_file: relay-ca.pem
"""
SECRETS = "/etc/postfix/mailprov/secrets"
MAIN_CF = f"""\
compatibility_level = 3.6
myhostname = {HOST}
inet_protocols = ipv4
mydestination =
default_transport = discard:
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/postfix/relay.pem
"""
PASSDB = old_or_new(
    "passdb {\n driver = passwd-file\n args = /etc/dovecot/relay-users\n}",
    "passdb passwd-file {\n passwd_file_path = /etc/dovecot/relay-users\n}",
)
VERSIONS = old_or_new("", "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0")
DOVECOT_CONF = f"""\
{VERSIONS}
protocols =
ssl = no
auth_mechanisms = plain login
{PASSDB}
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0666
  }}
}}
"""
PORTS = """\
postconf -Me '587/inet=587 inet n - y - - smtpd' '465/inet=465 inet n - y - - smtpd'
postconf -Pe 465/inet/smtpd_tls_wrappermode=yes 587/inet/smtpd_tls_security_level=encrypt
systemctl restart dovecot postfix
"""
# Two authorities: one that the site trusts, and one that it does not.
AUTHORITIES = f"""\
cd /root && for ca in good other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=$ca authority" -keyout $ca.key -out $ca.crt
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} -keyout relay.key -out relay.csr
    openssl x509 -req -in relay.csr -CA $ca.crt -CAkey $ca.key -days 30 -copy_extensions copy \
        -out relay.crt
    cat relay.key relay.crt >relay-$ca.pem
done
"""


@dataclass(frozen=True)
class Relayed:
    """The beginner's site, whose mail leaves by `elsewhere`."""

    site: DeployedSite
    path: Path

    def run(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.site.mailprov(verb, *options, site=self.path)

    def with_password(self, password: str | None) -> Relayed:
        environment = dict(self.site.environment)
        environment.pop("RELAY_PASSWORD", None)
        if password is not None:
            environment["RELAY_PASSWORD"] = password
        return replace(self, site=replace(self.site, environment=environment))

    def apply(self, *options: str) -> dict[str, object]:
        return dict(self.site.apply(*options, site=self.path)["hosts"]["mail"])

    def shell(self, command: str, host: str = "mail") -> str:
        return self.site.host(host).check_run(["sh", "-c", command])

    def has_certificate_of(self, authority: str) -> None:
        self.shell(f"cp /root/relay-{authority}.pem /etc/postfix/relay.pem", "elsewhere")
        self.shell("systemctl restart postfix", "elsewhere")

    def sent(self, subject: str) -> dict[str, object]:
        """Send a mail to the world; return what became of it."""
        done = self.run(
            "send", "--json", "--from", "alice", "--to", f"{subject}@world.example", "--wait", "20"
        )
        assert done.stdout, done.stderr
        (recipient,) = json.loads(done.stdout)["recipients"]
        return dict(recipient)

    def way_out(self) -> dict[str, str]:
        """Return what verify finds on the way to the relay, by the probe's name."""
        _, report = self.site.verify(site=self.path)
        rows = {row["id"].partition("@")[0]: row["status"] for row in report["findings"]}
        return {name[6:]: status for name, status in rows.items() if name.startswith("leave.")}

    def empty_queue(self) -> None:
        # Flushed, so that Postfix tries a destination again which failed just before.
        self.shell("postsuper -d ALL && postqueue -f")


@pytest.fixture(scope="module")
def deployed(beginner: DeployedSite) -> Iterator[Relayed]:
    """Make `elsewhere` a smarthost, and give the site that sends by it."""
    elsewhere = beginner.host("elsewhere")
    before = elsewhere.check_run(["cat", "/etc/postfix/master.cf"])
    elsewhere.write_file("/etc/postfix/main.cf", MAIN_CF)
    elsewhere.write_file("/etc/dovecot/dovecot.conf", DOVECOT_CONF)
    elsewhere.write_file("/etc/dovecot/relay-users", f"{USER}:{{PLAIN.b64}}{HELD}::::::\n")
    elsewhere.check_run(["sh", "-c", f"{AUTHORITIES}cp relay-good.pem /etc/postfix/relay.pem"])
    elsewhere.check_run(["sh", "-c", PORTS])
    authority = elsewhere.check_run(["cat", "/root/good.crt"])
    beginner.path.with_name("relay-ca.pem").write_text(authority, encoding="utf-8")
    path = beginner.edited("relay.yaml", ("domain: example.org\n", f"domain: example.org\n{RELAY}"))
    one = Relayed(beginner, path).with_password(PASSWORD)
    yield one
    one.empty_queue()
    beginner.apply()
    elsewhere.write_file("/etc/postfix/master.cf", before)
    elsewhere.check_run(["systemctl", "stop", "postfix", "dovecot"])


@pytest.fixture
def relayed(deployed: Relayed) -> Relayed:
    """Return the site in force, with nothing waiting, whatever the test before did to it."""
    deployed.empty_queue()
    deployed.apply()
    return deployed


def test_mail_leaves_by_the_relay_over_tls_and_logged_in(relayed: Relayed) -> None:
    """The mechanisms' package comes with the login; without it smtp(8) says that there is none."""
    sent = relayed.sent("first")
    assert sent["end"] == "handed on", sent
    assert f"{HOST}[" in str(sent["detail"])
    assert "]:587 (TLSv1.3)" in str(sent["detail"])
    journal = relayed.shell("journalctl -q SYSLOG_FACILITY=2", "elsewhere")
    assert f"sasl_method=PLAIN, sasl_username={USER}" in journal
    trust = relayed.shell("journalctl -q SYSLOG_FACILITY=2 | grep 'TLS connection established'")
    assert f"Verified TLS connection established to {HOST}[" in trust
    assert relayed.way_out() == {"reach": "passed", "certificate": "passed", "login": "passed"}


def test_the_password_is_in_one_file_that_root_alone_reads(relayed: Relayed) -> None:
    """People found it in a main.cf that everybody reads, in plans, and in tickets with those."""
    holds = "grep -rlF -e 'zum #Relay' /etc /var /run /root /home /srv /tmp /usr/local || true"
    (path,) = relayed.shell(holds).split()
    assert path.startswith(f"{SECRETS}/relay-")
    assert relayed.shell(f"stat -c '%a %U:%G' {path}").strip() == "600 root:root"
    said = relayed.shell("postconf; postconf -M; journalctl -q; ps axww")
    for verb in ("plan", "status", "history", "verify"):
        done = relayed.run(verb, "--json")
        said += done.stdout + done.stderr + relayed.run(verb).stdout
    assert "zum #Relay" not in said


def test_what_did_not_change_is_not_sent_again(relayed: Relayed) -> None:
    assert relayed.apply()["changes"] == []


def test_another_password_is_a_change_of_its_own_that_nothing_shows(relayed: Relayed) -> None:
    changed = relayed.with_password(SECOND)
    plan = changed.run("plan")
    assert plan.returncode == 2
    assert f"update file {SECRETS}/relay-" in plan.stdout
    assert "content differs (secret, not shown)" in plan.stdout
    assert SECOND not in plan.stdout + plan.stderr
    before = relayed.apply()["generation"]
    report = changed.apply()
    assert report["generation"] == before
    kinds = [(row["kind"], row["action"]) for row in report["changes"]]  # type: ignore[attr-defined]
    assert kinds == [("file", "update"), ("unit", "reload"), ("record", "update")]
    sent = changed.sent("second")
    assert sent["end"] == "deferred"
    assert "535 5.7.8" in str(sent["detail"])
    told = changed.run("diagnose", "--since", "1m")
    assert "relay.login-refused" in told.stdout
    assert f"{HOST} (the site's relay)" in told.stdout
    assert changed.way_out()["login"] == "failed"
    # Back in history is nothing of it: an earlier state of the users leaves it as it is.
    serials = changed.shell("cd /var/lib/mailprov/directory && ls -d [0-9]* | sort -n").split()
    back = changed.run("rollback", "--directory", "--to", serials[0])
    assert back.returncode == 0, back.stdout + back.stderr
    assert SECOND in changed.shell(f"cat {SECRETS}/relay-*")
    assert PASSWORD not in changed.shell(f"cat {SECRETS}/relay-*")


def test_who_only_looks_needs_no_password_and_is_told(relayed: Relayed) -> None:
    blind = relayed.with_password(None)
    for verb, code in (("plan", 0), ("status", 0), ("verify", 0), ("apply", 0)):
        done = blind.run(verb)
        assert done.returncode == code, done.stdout + done.stderr
    plan = blind.run("plan")
    assert (
        "note: relay.password: the environment variable RELAY_PASSWORD is not set: "
        "mail keeps its present secret" in plan.stdout
    )


def test_a_certificate_of_somebody_else_keeps_mail_waiting(relayed: Relayed) -> None:
    relayed.has_certificate_of("other")
    try:
        sent = relayed.sent("third")
        assert sent["end"] == "deferred"
        assert "Server certificate not verified" in str(sent["detail"])
        assert "relay.certificate" in relayed.run("diagnose", "--since", "1m").stdout
        assert relayed.way_out() == {
            "reach": "passed",
            "certificate": "failed",
            "login": "skipped",
        }
    finally:
        relayed.has_certificate_of("good")


def test_tls_from_the_start_goes_to_465(relayed: Relayed) -> None:
    text = relayed.path.read_text(encoding="utf-8")
    path = relayed.path.with_name("wrapped.yaml")
    path.write_text(text.replace("  user: site@", "  tls: wrapped\n  user: site@"))
    wrapped = replace(relayed, path=path)
    wrapped.apply()
    sent = wrapped.sent("fourth")
    assert sent["end"] == "handed on", sent
    assert "]:465 (TLSv1.3)" in str(sent["detail"])
    assert wrapped.way_out() == {"reach": "passed", "certificate": "passed", "login": "passed"}
    # The file for the way before went with it.
    assert len(wrapped.shell(f"ls {SECRETS}").split()) == 1


def test_a_configuration_that_returns_leaves_the_new_secret(relayed: Relayed) -> None:
    text = relayed.path.read_text(encoding="utf-8")
    path = relayed.path.with_name("broken.yaml")
    path.write_text(f"{text}postfix: {{main: {{virtual_transport: 'lmtp:unix:private/no'}}}}\n")
    done = replace(relayed, path=path).with_password(SECOND).run("apply")
    assert done.returncode == 1
    assert SECOND in relayed.shell(f"cat {SECRETS}/relay-*")
    assert "private/no" not in relayed.shell("postconf -n")


def test_without_the_relay_its_secret_is_gone_and_no_rollback_revives_it(relayed: Relayed) -> None:
    with_relay = relayed.apply()["generation"]
    site = relayed.site
    site.apply()
    assert relayed.shell(f"ls {SECRETS}") == ""
    everywhere = "grep -rlF -e 'zum #Relay' -e relay-user /etc /var/lib/mailprov || true"
    assert relayed.shell(everywhere) == ""
    back = site.mailprov("rollback", "--to", str(with_relay))
    assert back.returncode == 5, back.stdout + back.stderr
    assert "a rollback cannot restore it" in back.stderr
    assert site.mailprov("plan").returncode == 0


ROWS = f"[{HOST}]:587 {USER}:{PASSWORD}"
KEY_PASSWORD = "of a key, 4b1d"
COOKIE = "000102030405060708090a0b0c0d4b1d"
SETTING = old_or_new("ssl_key_password", "ssl_server_key_password")
HATCHES = f"""\
postfix:
  main:
    relayhost: "[{HOST}]:587"
    smtp_sasl_auth_enable: "yes"
    smtp_sasl_password_maps: {{secret: {{env: ROWS}}}}
    smtp_sasl_tls_security_options: noanonymous
    smtp_tls_security_level: encrypt
dovecot:
  "{DOVECOT}": {{{SETTING}: {{secret: {{env: KEY_PASSWORD}}}}}}
"""
COOKIES = "unbound:\n  server:\n    cookie-secret: {secret: {env: COOKIE}}\n"


@pytest.fixture
def in_own_words(relayed: Relayed) -> Relayed:
    """Return the site without `relay`, which says it in Postfix's words, and Dovecot's."""
    path = relayed.path.with_name("words.yaml")
    text = relayed.site.path.read_text(encoding="utf-8")
    path.write_text(f"{text}{HATCHES}", encoding="utf-8")
    secrets = {"ROWS": ROWS, "KEY_PASSWORD": KEY_PASSWORD, "COOKIE": COOKIE}
    site = replace(relayed.site, environment={**relayed.site.environment, **secrets})
    return replace(relayed, site=site, path=path)


def test_secrets_in_the_daemons_own_words_are_read_by_the_daemons_alone(
    in_own_words: Relayed,
) -> None:
    one = in_own_words
    one.apply()
    assert one.sent("fifth")["end"] == "handed on"
    assert KEY_PASSWORD in one.shell("doveconf -n -P")
    # Who else asks Dovecot's configuration goes without.
    other = one.shell("setpriv --reuid nobody --clear-groups doveconf -n -P")
    assert KEY_PASSWORD not in other
    holds = f"grep -rlF -e 'zum #Relay' -e '{KEY_PASSWORD}' /etc /var/lib/mailprov /tmp || true"
    files = one.shell(holds).split()
    assert len(files) == 2
    assert one.shell(f"stat -c '%a %U' {' '.join(files)}").split("\n")[:2] == ["600 root"] * 2
    code, report = one.site.verify(site=one.path)
    assert code == 0, report


def test_a_secret_that_unbound_does_not_know_is_not_in_its_complaint(
    in_own_words: Relayed,
) -> None:
    path = in_own_words.path.with_name("cookie.yaml")
    text = in_own_words.path.read_text(encoding="utf-8")
    at = "unbound:\n  server:\n"
    assert at in text
    path.write_text(text.replace(at, COOKIES), encoding="utf-8")
    done = replace(in_own_words, path=path).run("apply")
    assert COOKIE not in done.stdout + done.stderr
    # DNS cookies with a secret of one's own came with Unbound 1.18.
    if RELEASE.name == "debian-12":
        assert done.returncode == 1
        assert "cookie-secret" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        secret = "/etc/unbound/mailprov/secrets/cookie-secret.conf"
        assert in_own_words.shell(f"stat -c '%a %U:%G' {secret}") == "640 root:unbound\n"
        # It reads the file again when it is root no longer.
        in_own_words.shell("unbound-control reload && unbound-control status")

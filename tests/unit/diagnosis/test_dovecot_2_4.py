"""What Dovecot 2.4 logs in other words than 2.3: lines of a real one, in a log's order."""

from __future__ import annotations

import pytest
from support.logs import log_of

from provisioner.diagnosis.catalogue import builtin_catalogue
from provisioner.diagnosis.matching import diagnose_log
from provisioner.model.site import Site

END = "rip=192.0.2.77, lip=10.89.0.3, session=<A/1wsQlhJah/AAAC>"
USER = f"user=<wangsheng>, method=PLAIN, {END}"
HANDSHAKE = "Login aborted: Connection closed: SSL_accept() failed: error:0A000418:SSL routines::"
BROKEN = f"(disconnected during TLS handshake) (tls_handshake_not_finished): user=<>, {END}"


FAILED = f"Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): {USER}"
TEMPORARY = f"Connection closed (auth service reported temporary failure, 1 attempts): {USER}"
TOO_MANY = (
    "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10) "
    f"(connection limit reached, 1/1 successful auths in 0 secs) (connection_limit): {USER}"
)
CLEARTEXT = f"Login failed: Cleartext authentication disabled: user=<>, {END}"
QUEUED = (
    "auth: Warning: auth-worker: Auth request was queued for 3 seconds, 13 left in queue "
    "(see service auth-worker { process_limit })"
)
CHECKED = "192.0.2.77,sasl:plain)<smsvrglhYtZ/AAAB>: users:"
UNTRUSTED = f"{HANDSHAKE}tlsv1 alert unknown ca: SSL alert number 48 {BROKEN}"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"imap-login: {CLEARTEXT}", "login.before-tls"),
        (f"imap-login: Login aborted: {FAILED}", "login.refused"),
        (f"auth(wangsheng,{CHECKED} Password mismatch", "login.refused"),
        (f"auth(nobody,{CHECKED} unknown user", "login.refused"),
        (QUEUED, "login.queued"),
        (f"imap-login: Login aborted: {TEMPORARY}", "login.temporary-failure"),
        (f"pop3-login: Login aborted: {TOO_MANY}", "limit.readers"),
        (f"imap-login: {UNTRUSTED}", "certificate.untrusted-by-reader"),
        (f"imap-login: {HANDSHAKE}no shared cipher {BROKEN}", "tls.no-shared-cipher-dovecot"),
        (f"imap-login: {HANDSHAKE}unsupported protocol {BROKEN}", "tls.old-version-dovecot"),
    ],
)
def test_the_same_failures_are_known(site: Site, text: str, want: str) -> None:
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(f"dovecot: {text}"))
    assert [one.id for one in got.diagnoses] == [want]
    assert got.unknown == ()


def test_who_reads_by_pop3_and_cannot_by_imap_is_found(site: Site) -> None:
    lines = (
        f"dovecot: pop3-login: Logged in: user=<wangsheng>, method=PLAIN, {END}",
        "dovecot: imap(wangsheng)<77><A/1w>: Error: Failed to load plugins",
    )
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(*lines))
    assert "login.pop3-only" in [one.id for one in got.diagnoses]


OF_VERIFY = "mailprov-probe,192.0.2.77"
PAM = "pam_authenticate() failed: Authentication failure (Password mismatch?)"


@pytest.mark.parametrize(
    "text",
    [
        f"auth({OF_VERIFY},sasl:plain)<jE5ZtiJhzKsKWQT+>: probe: Password mismatch",
        f"auth-worker({OF_VERIFY})<5208>: request [2]: accounts: {PAM}",
    ],
)
def test_what_verify_tries_is_nobodys_wrong_password(site: Site, text: str) -> None:
    lines = (f"dovecot: {text}", f"dovecot: imap-login: Login aborted: {FAILED}")
    lines = (*lines, lines[1].replace("user=<wangsheng>", "user=<>"))
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(*lines))
    # A login without a name from where verify works is verify's; with a name it is somebody's.
    assert [(one.id, one.count) for one in got.diagnoses] == [("login.refused", 1)]
    other = text.replace("mailprov-probe", "mailprov-probes")
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(f"dovecot: {other}"))
    assert [one.id for one in got.diagnoses] == ["login.refused"]


MISTAKE = (
    "config: Fatal: Error in configuration file /etc/dovecot/dovecot.conf line 32: "
    "no_such_setting: Unknown setting: no_such_setting"
)
NOTHING_READ = (
    "anvil: Fatal: Failed to read configuration: fd_read() failed: Connection reset by peer - "
    "Also failed to read config by executing doveconf: /run/dovecot/config is a UNIX socket"
)
THROTTLED = "master: Error: service(config): command startup failed, throttling for 4.000 secs"
DENIED = "lmtp(bob)<1><A/1w>: Error: maildir: stat(/home/bob/Maildir/tmp) failed: Permission denied"
NO_STORAGE = "managesieve(14355): Error: Failed to open Sieve storage."
STOPPING = "stats: Warning: Killed with signal 15 (by pid=1 uid=0 code=kill)"
NO_STATS = (
    "auth: Error: conn unix:/run/dovecot/stats-writer (pid=4460,uid=0): "
    "net_connect_unix(/run/dovecot/stats-writer) failed: Connection refused"
)
NO_STATS_EITHER = NO_STATS.replace("conn unix:/run/dovecot/stats-writer (pid=4460,uid=0): ", "")
NO_PENALTY = (
    "auth: Error: conn unix:anvil-auth-penalty (pid=10527,uid=0): "
    "net_connect_unix(anvil-auth-penalty) failed: Permission denied"
)


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        (MISTAKE, NOTHING_READ),
        (MISTAKE, THROTTLED),
        (DENIED, NO_STORAGE),
        (STOPPING, NO_STATS),
        (STOPPING, NO_STATS_EITHER),
        (STOPPING, NO_PENALTY),
    ],
)
def test_what_follows_is_no_trouble_of_its_own_and_without_its_cause_it_is(
    site: Site, cause: str, consequence: str
) -> None:
    def unknown(*texts: str) -> int:
        lines = log_of(*(f"dovecot: {text}" for text in texts))
        return len(diagnose_log(builtin_catalogue(), site, site.host("mail"), lines).unknown)

    assert (unknown(cause, consequence), unknown(consequence)) == (0, 1)


def test_a_mistake_that_a_running_dovecot_reads_is_known(site: Site) -> None:
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(f"dovecot: {MISTAKE}"))
    assert [one.id for one in got.diagnoses] == ["dovecot.bad-setting"]
    assert "line 32" in got.diagnoses[0].cause


def test_what_dovecot_tells_of_its_own_memory_is_nobodys_business(site: Site) -> None:
    lines = (
        "dovecot: managesieve(14355): Warning: Event 0x5582512934d8 leaked (parent=(nil)): m.c:1",
        "dovecot: managesieve(14355): Warning: Leaked settings: sieve.c:94",
    )
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(*lines))
    assert (got.diagnoses, got.unknown) == ((), ())


def test_a_configuration_that_a_running_dovecot_did_not_take_is_known_until_it_starts(
    site: Site,
) -> None:
    kept = (
        "dovecot: master: Error: Failed to read configuration: Failed to read config: Error in "
        "configuration file /etc/dovecot/mailprov/tables.conf.ext line 5: sqlite_path: "
        "Unknown setting: sqlite_path"
    )
    started = "dovecot: master: Dovecot v2.4.1-4 (7d8c0e5759) starting up for imap, pop3, lmtp"
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(kept))
    assert [one.id for one in got.open] == ["dovecot.keeps-configuration"]
    assert "line 5: sqlite_path: Unknown setting" in got.open[0].cause
    assert got.unknown == ()
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log_of(kept, started))
    assert got.open == ()

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
CHECKED = "192.0.2.77,sasl:plain)<smsvrglhYtZ/AAAB>: users:"
UNTRUSTED = f"{HANDSHAKE}tlsv1 alert unknown ca: SSL alert number 48 {BROKEN}"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"imap-login: {CLEARTEXT}", "login.before-tls"),
        (f"imap-login: Login aborted: {FAILED}", "login.refused"),
        (f"auth(wangsheng,{CHECKED} Password mismatch", "login.refused"),
        (f"auth(nobody,{CHECKED} unknown user", "login.refused"),
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

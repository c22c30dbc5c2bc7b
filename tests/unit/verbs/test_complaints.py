"""What is told of the log when a configuration does not prove itself."""

from __future__ import annotations

from support.logs import log_of

from provisioner.verbs.complaints import complaints_in


def test_each_kind_of_trouble_is_told_once_and_everyday_lines_are_not() -> None:
    log = log_of(
        "postfix/smtpd: connect from unknown[192.0.2.1]",
        "postfix/smtpd: fatal: bad boolean configuration: smtpd_tls_auth_only = maybe",
        "postfix/smtpd: fatal: bad boolean configuration: smtpd_tls_auth_only = maybe",
        "dovecot: master: Warning: SIGHUP received - reloading configuration",
        "dovecot: imap(a)<7><x>: Error: Unknown variable '%bogus'",
    )
    assert complaints_in(log) == (
        "postfix/smtpd: fatal: bad boolean configuration: smtpd_tls_auth_only = maybe",
        "dovecot: imap(a)<7><x>: Error: Unknown variable '%bogus'",
    )


def test_a_few_lines_are_enough() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    log = log_of(*(f"postfix/smtpd: warning: {word}" for word in words))
    assert len(complaints_in(log)) == 6


def test_a_line_cannot_write_to_the_terminal() -> None:
    (got,) = complaints_in(log_of("postfix/smtpd: warning: \x1b[2J"))
    assert "\x1b" not in got


def test_what_the_probes_themselves_have_logged_comes_last() -> None:
    refused = [f"dovecot: {kind}-login: Login failed: no {kind}" for kind in "abcdefgh"]
    refused.append("postfix/smtpd: NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1")
    error = "dovecot: imap(a)<7><x>: Error: Unknown variable '%bogus'"
    warning = 'postfix/smtpd: warning: unknown smtpd restriction: "rejekt"'
    assert complaints_in(log_of(*refused, warning, error))[:2] == (error, warning)

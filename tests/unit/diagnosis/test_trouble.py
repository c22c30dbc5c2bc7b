"""What looks like trouble, and what is alike."""

from __future__ import annotations

import re

import pytest
from support.logs import log_of

from provisioner.diagnosis.trouble import CHECK, looks_like_trouble, shape_of
from provisioner.remote.program import remote_programs

TROUBLE = (
    "postfix/smtpd: warning: x",
    "postfix/cleanup: 4jYgBJ3yJGzQ8jV: warning: x",
    "postfix/submission/smtpd: NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 no",
    "postfix/smtp: 4jYgBJ3yJGzQ8jV: to=<a@e.example>, relay=none, status=deferred (x)",
    "dovecot: imap(alice)<7><abc+/>: Error: x",
    "dovecot: master: Fatal: x",
    "dovecot: Fatal: x",
    "dovecot: imap-login: Disconnected: Aborted login (auth failed, 1 attempts): user=<x>",
    "dovecot: imap-login: read(size=1) failed: Connection reset by peer (auth failed, 1 attempts)",
    "dovecot: auth: passwd-file(x,192.0.2.1): unknown user",
    "unbound: [7:0] error: x",
    "unbound: [1795518134] unbound[762:0] fatal error: x",
    "systemd: dovecot.service: Failed with result 'exit-code'.",
    "postconf -n: whatever it says",
)
EVERYDAY = (
    "postfix/smtpd: connect from unknown[192.0.2.1]",
    "postfix/cleanup: 4jYgBJ3yJGzQ8jV: message-id=<x: warning: y@e.example>",
    "postfix/smtp: 4jYgBJ3yJGzQ8jV: to=<a@e.example>, relay=none, status=sent (250 ok)",
    "dovecot: imap-login: Login: user=<Error: >, method=PLAIN",
    "dovecot: lmtp(a)<7><x>: msgid=<Error: x@e.example>: saved mail to INBOX",
    "dovecot: imap-login: Disconnected: Connection closed (no auth attempts in 0 secs): user=<>",
    "dovecot: imap-login: read(size=1) failed: Connection reset by peer (no auth attempts in 0 s)",
    "unbound: [7:0] info: start of service",
    "systemd: Started dovecot.service - Dovecot.",
    "postfix-impostor: warning: x",
)


@pytest.mark.parametrize("text", TROUBLE)
def test_a_complaint_is_seen(text: str) -> None:
    (line,) = log_of(text).lines
    assert looks_like_trouble(line)


@pytest.mark.parametrize("text", EVERYDAY)
def test_everyday_life_and_what_strangers_write_is_no_complaint(text: str) -> None:
    (line,) = log_of(text).lines
    assert not looks_like_trouble(line)


def test_numbers_ids_and_addresses_make_no_difference() -> None:
    lines = log_of(
        "postfix/smtpd: 4jYgBJ3yJGzQ8jV: warning: 192.0.2.7 and 2001:db8::7, <a@e.example> 7",
        "postfix/smtpd: 4jYgBJ3yJGzQ9aa: warning: 192.0.2.88 and 2001:db8::99:1, <b> 12",
    ).lines
    assert shape_of(lines[0]) == shape_of(lines[1])


def test_every_checker_of_the_remote_program_is_known_by_its_name() -> None:
    names = re.findall(r'run_check "([^"]+)"', remote_programs()["log"])
    assert len(names) > 5
    assert [name for name in names if not CHECK.fullmatch(name)] == []

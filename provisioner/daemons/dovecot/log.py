"""What Dovecot writes to the mail log.

It names a message by its Message-ID, and by the session that LMTP's answer repeats
(`deliver_log_format`). Complaints stand behind the process's name.
"""

from __future__ import annotations

import re

from provisioner.rooms.message_log import Event, Filed, Filing, LogRules

_FILED = re.compile(
    r"(?:lmtp|lda)\((?P<user>[^)]*)\)<\d+><(?P<session>[^>]*)>: "
    r"(?:sieve: )?msgid=(?P<message><[^>]*>|\S*): (?P<what>.*)",
    re.DOTALL,
)
# Dovecot's words for what it did, in the order in which they are looked for.
_FILINGS: tuple[tuple[Filing, re.Pattern[str]], ...] = (
    ("mailbox", re.compile(r"stored mail into mailbox '(?P<where>.*)'")),
    ("mailbox", re.compile(r"saved mail to (?P<where>.*)")),
    ("forwarded", re.compile(r"forwarded to <(?P<where>.*)>")),
    ("rejected", re.compile(r"rejected message from <(?P<where>.*)>")),
    ("answered", re.compile(r"sent vacation response to <(?P<where>.*)>")),
    ("discarded", re.compile(r"discard(?:ed)? action|[Mm]arked message to be discarded")),
    ("failed", re.compile(r"save failed to (?P<where>.*)")),
)


def parse_event(program: str, text: str) -> Event | None:
    """Return what the store did with a message, None if a line says nothing of it."""
    del program
    found = _FILED.fullmatch(text)
    if found is None:
        return None
    for filing, pattern in _FILINGS:
        done = pattern.search(found["what"])
        if done:
            where = done.groupdict().get("where") or ""
            return Filed(found["user"], found["session"], found["message"], filing, where)
    return None


LOG = LogRules(
    program=re.compile("dovecot"),
    complaint=re.compile(
        r"^(?:[a-z][a-z0-9-]*(?:\([^)]*\))?(?:<[^>]*>)*: )?(?:Warning|Error|Fatal|Panic): "
        r"|^[a-z0-9]+-login: [^<]*(?:[Ff]ailed|failure|exceeded)"
        r"|^auth(?:-worker|-submission)?\b.*(?:mismatch|unknown user|\) failed)"
        r"|: save failed to |: sieve: Failed to ",
        re.ASCII,
    ),
    # Strangers who knock and go, or do not speak TLS, are no complaint of Dovecot's.
    harmless=re.compile(
        r": SSL_accept\(\) (?:syscall )?failed"
        r"|: read\(size=\d+\) failed: Connection reset by peer \(no auth attempts"
    ),
    event=parse_event,
)

"""Which lines look like trouble, whatever they are about, and which of them are alike.

Every daemon marks its complaints in a way of its own, which its room knows.
"""

from __future__ import annotations

import re

from provisioner.diagnosis.mail_log import LogLine
from provisioner.rooms.registry import log_of, rooms

# The daemons' own checkers, which the log reading program runs beside the log, and that of the
# certificate. Any word of theirs is a complaint.
CHECK = re.compile(
    "|".join(re.escape(check) for room in rooms() for check in room.checks) + "|openssl pkey"
)

# For grep -E on a host, on whole lines: more than the marks below, never less.
TROUBLE_SELECTION = (
    "(warning|error|fatal|panic): |(Warning|Error|Fatal|Panic): |reject(_warning)?: "
    "|status=(deferred|bounced|expired)|-login: .*(failed|failure|exceeded)"
    "|auth(-worker)?[^ ]*: .*(mismatch|unknown user|failed)|: save failed to |Failed to "
    "|Failed with |exited, code=|OOM killer|repeated too quickly"
)

# systemd's set phrases about units.
_SYSTEMD = re.compile(
    r": Failed with result |^Failed to start |: (?:Main|Control) process exited, code="
    r"|OOM killer|repeated too quickly",
    re.ASCII,
)


def looks_like_trouble(line: LogLine) -> bool:
    """Tell whether a daemon complains in this line."""
    if CHECK.fullmatch(line.program):
        return True
    if line.program == "systemd":
        return _SYSTEMD.search(line.text) is not None
    log = log_of(line.program)
    return log is not None and log.complains(line.text)


# In this order: what is replaced first is not looked at again.
_ALIKE = (
    (re.compile(r"<[^>]*>"), "<…>"),
    (re.compile(r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,}"), "ADDRESS"),
    (re.compile(r"\b[0-9A-Za-z]{10,20}: "), "QUEUE-ID: "),
    (re.compile(r"\d+"), "N"),
)


def shape_of(line: LogLine) -> str:
    """Return what lines of the same kind have in common: numbers, ids and addresses go."""
    return f"{line.program}: {shape_of_text(line.text)}"


def shape_of_text(text: str) -> str:
    """Return a text without numbers, ids and addresses."""
    for pattern, word in _ALIKE:
        text = pattern.sub(word, text)
    return text

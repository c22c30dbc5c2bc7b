"""Which lines look like trouble, whatever they are about, and which of them are alike.

Every daemon marks its complaints: Postfix (postlog(1)) and Unbound before the text,
Dovecot behind the process's name, systemd by its set phrases.
"""

from __future__ import annotations

import re

from provisioner.diagnosis.mail_log import LogLine

# The daemons' own checkers, which the log reading program runs beside the log; see
# provisioner/remote/core/checks.sh for their names. Any word of theirs is a complaint.
CHECK = re.compile(
    r"postfix check|postconf -[nMx]|postmap -q|doveconf -n|unbound-checkconf|openssl pkey"
)

# For grep -E on a host, on whole lines: more than the marks below, never less.
TROUBLE_SELECTION = (
    "(warning|error|fatal|panic): |(Warning|Error|Fatal|Panic): |reject(_warning)?: "
    "|status=(deferred|bounced|expired)|-login: .*(failed|failure|exceeded)"
    "|auth(-worker)?[^ ]*: .*(mismatch|unknown user|failed)|: save failed to |Failed to "
    "|Failed with |exited, code=|OOM killer|repeated too quickly"
)

_POSTFIX = (
    r"^(?:[0-9A-Za-z]+: )?(?:warning|error|fatal|panic): "
    r"|^[0-9A-Za-z]+: (?:milter-)?reject(?:_warning)?: "
    r"|^[0-9A-Za-z]+: to=<.* status=(?:deferred|bounced|expired) "
)
_DOVECOT = (
    r"^(?:[a-z][a-z0-9-]*(?:\([^)]*\))?(?:<[^>]*>)*: )?(?:Warning|Error|Fatal|Panic): "
    r"|^[a-z0-9]+-login: [^<]*(?:[Ff]ailed|failure|exceeded)"
    r"|^auth(?:-worker|-submission)?\b.*(?:mismatch|unknown user|\) failed)"
    r"|: save failed to |: sieve: Failed to "
)
_UNBOUND = r"^(?:\[\d+\] unbound)?\[\d+:\d+\] (?:fatal error|error|warning): "
_SYSTEMD = (
    r": Failed with result |^Failed to start |: (?:Main|Control) process exited, code="
    r"|OOM killer|repeated too quickly"
)
_MARKS = tuple(
    (re.compile(program), re.compile(text, re.ASCII))
    for program, text in (
        (r"postfix(/.*)?", _POSTFIX),
        ("dovecot", _DOVECOT),
        ("unbound", _UNBOUND),
        ("systemd", _SYSTEMD),
    )
)
_KNOCK = re.compile(
    r": SSL_accept\(\) (?:syscall )?failed"
    r"|: read\(size=\d+\) failed: Connection reset by peer \(no auth attempts"
)


def looks_like_trouble(line: LogLine) -> bool:
    """Tell whether a daemon complains in this line."""
    if CHECK.fullmatch(line.program):
        return True
    if line.program == "dovecot" and _KNOCK.search(line.text):
        # Strangers who knock and go, or do not speak TLS, are no complaint of Dovecot's.
        return False
    return any(
        program.fullmatch(line.program) and text.search(line.text) for program, text in _MARKS
    )


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

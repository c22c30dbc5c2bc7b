"""What the daemons said of a configuration that did not prove itself.

A probe sees that mail does not go; why is in the host's log, from the moment on in which
what is pending was begun.
"""

from __future__ import annotations

import re

from provisioner.diagnosis.mail_log import LogLine, MailLog
from provisioner.diagnosis.trouble import TROUBLE_SELECTION, looks_like_trouble, shape_of
from provisioner.diagnostics import Diagnostic, MailprovError, printable
from provisioner.model.site import Host
from provisioner.verbs.mail_log import SINCE_PENDING, read_mail_log
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run

_SHOWN = 6
_WIDTH = 300
_ERROR = re.compile(r"(?:^|: )(?:[Ee]rror|[Ff]atal|[Pp]anic): ")
_REFUSAL = re.compile(r"^[a-z0-9]+-login: |\breject: |^auth[^:]*: .*(?:mismatch|unknown user)")


def read_complaints(run: Run, host: Host, transport: Transport) -> tuple[Diagnostic, ...]:
    """Return one diagnostic with the host's log lines of trouble, none if there are none.

    Raises nothing: a log that cannot be read leaves what the probes found as it is.
    """
    try:
        log = read_mail_log(run, transport, SINCE_PENDING, pattern=TROUBLE_SELECTION)
    except MailprovError:
        return ()
    lines = complaints_in(log)
    if not lines:
        return ()
    return (
        Diagnostic(
            summary="the daemons log errors about the new configuration",
            where=str(host.key),
            got="\n".join(lines),
            fix="correct the cause of these lines in the site file, then apply again",
        ),
    )


def complaints_in(log: MailLog) -> tuple[str, ...]:
    """Return the first line of each kind that looks like trouble, a few at most.

    Errors come first, and last that clients were refused: the probes that have to be refused
    leave many such lines.
    """
    first: dict[str, LogLine] = {}
    for line in log.lines:
        if looks_like_trouble(line) and "SIGHUP received" not in line.text:
            first.setdefault(shape_of(line), line)
    ordered = sorted(first.values(), key=_rank)
    return tuple(printable(f"{line.program}: {line.text}", _WIDTH) for line in ordered[:_SHOWN])


def _rank(line: LogLine) -> tuple[bool, bool]:
    return not _ERROR.search(line.text), bool(_REFUSAL.search(line.text))

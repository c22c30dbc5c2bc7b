"""Reading a host's mail log: one program, nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from provisioner.diagnosis.mail_log import MailLog, parse_mail_log
from provisioner.diagnostics import Diagnostic, MailprovError, quoted
from provisioner.platforms.record import Daemon
from provisioner.platforms.records import known_platforms
from provisioner.remote.protocol import Asked, ExitStatus, Section, rows_text
from provisioner.verbs.ports import Transport
from provisioner.verbs.remote_failure import understanding
from provisioner.verbs.run import Run

READ_SECONDS = 120.0
LINE_LIMIT = 50_000
SINCE_PENDING = "pending"
"""Since the host began what is pending there."""


def read_mail_log(  # noqa: PLR0913 what to read, by name
    run: Run,
    transport: Transport,
    since: datetime | float | str,
    *,
    pattern: str = "",
    context: str = "",
    checks: Sequence[Daemon] = (),
) -> MailLog:
    """Return what a host's mail daemons said since a moment.

    since: by the host's own clock, or a number of seconds before now, or SINCE_PENDING. pattern: an
    extended regular expression (grep(1)) that a line has to match; it is not on any
    command line. context: another one, for lines of which the last of each kind comes as
    well. checks: daemons whose own checkers run beside. Raises MailprovError.
    """
    doing = "reading the mail log"
    with transport.start(run.programs["log"], timeout=READ_SECONDS, doing=doing) as conversation:
        conversation.send(request_rows(since, pattern, context, checks))
        conversation.finish()
        answer = list(conversation.lines())
        completed = conversation.result()
    if completed.status != ExitStatus.DONE or answer[-1:] != [f"@{Section.END}"]:
        said = completed.stderr.decode(errors="replace").strip()
        raise MailprovError(
            Diagnostic(
                summary="mailprov could not read the mail log",
                where=str(transport.host),
                got=f"exit status {completed.status}, {quoted(said, 400)}",
                fix="check on the host whether `/usr/bin/journalctl -n 1` answers",
            )
        )
    with understanding(str(transport.host), doing):
        return parse_mail_log(answer, LINE_LIMIT)


def request_rows(
    since: datetime | float | str,
    pattern: str = "",
    context: str = "",
    checks: Sequence[Daemon] = (),
) -> bytes:
    """Return what the reading program wants to know on its standard input; as `read_mail_log`."""
    moment = since if isinstance(since, str) else _moment(since)
    platforms = known_platforms()
    daemons = [daemon for platform in platforms for daemon in platform.daemons.values()]
    units = {unit for daemon in daemons for unit in (daemon.unit, daemon.running_unit)}
    rows = [(Asked.SINCE, moment), (Asked.LIMIT, str(LINE_LIMIT))]
    if pattern:
        rows.append((Asked.PATTERN, pattern))
    if context:
        rows.append((Asked.CONTEXT, context))
    rows += [(Asked.CHECK, daemon) for daemon in checks]
    rows += [(Asked.UNIT, unit) for unit in sorted(units)]
    rows += [(Asked.FILE, path) for path in sorted({platform.mail_log for platform in platforms})]
    return rows_text(rows)


def _moment(since: datetime | float) -> str:
    return f"{since.timestamp():.6f}" if isinstance(since, datetime) else f"-{int(since)}"

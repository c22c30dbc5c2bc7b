"""How a person says since when: `30m` ago, or a moment."""

from __future__ import annotations

import re
from datetime import datetime

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)


def parse_since(text: str) -> datetime | float:
    """Return a number of seconds before now, or a moment (aware).

    A moment without a zone is in the zone of this machine. Raises MailprovError (wrong
    usage).
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return float(int(ago[1]) * _UNITS[ago[2]])
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        problem = Diagnostic(
            summary="--since is no time",
            got=quoted(text, 60),
            want="30m, 12h, 2d, or a moment like 2026-11-24T10:00 (with Z or +02:00 if not here)",
        )
        raise MailprovError(problem, ExitCode.USAGE) from error

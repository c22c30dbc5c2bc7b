"""How a person says since when: `30m` ago, or a moment."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.model.durations import read_duration

_LONGEST = 3660 * 86400.0  # ten years, in seconds: no host's log reaches further


def parse_since(text: str, now: datetime) -> datetime | float:
    """Return a number of seconds before now, or a moment (aware).

    now: aware. A moment without a zone is in the zone of this machine. Raises MailprovError
    (wrong usage), also for the future and for what is longer ago than ten years.
    """
    ago = read_duration(text)
    if ago is not None:
        seconds = ago.total_seconds()
        _check_range(text, seconds)
        return seconds
    moment = _moment(text)
    _check_range(text, (now - moment).total_seconds())
    return moment


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        problem = Diagnostic(
            summary="--since is no time",
            got=quoted(text, 60),
            want="30m, 12h, 2d, or a moment like 2026-11-24T10:00 (with Z or +02:00 if not here)",
            fix="write it in one of these forms",
        )
        raise MailprovError(problem, ExitCode.USAGE) from error


def _check_range(text: str, seconds: float) -> None:
    if 0 <= seconds <= _LONGEST:
        return
    problem = Diagnostic(
        summary="--since is in the future" if seconds < 0 else "--since is too long ago",
        got=quoted(text, 60),
        want="a time in the past, at most ten years ago",
        fix="a moment without a zone is of this machine's; give it Z or +02:00 if it is not"
        if seconds < 0
        else "give a later time, like 30d",
    )
    raise MailprovError(problem, ExitCode.USAGE)

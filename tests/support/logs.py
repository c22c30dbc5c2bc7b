"""Logs that real hosts wrote, kept in tests/recorded/diagnosis, and lines made for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from provisioner.diagnosis.mail_log import LogLine, MailLog, parse_mail_log

RECORDED = Path(__file__).parents[1] / "recorded/diagnosis"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_ANY_NUMBER = 1_000_000


def recordings_of(release: str) -> Path:
    """Return the folder of what a release's hosts logged."""
    return RECORDED / release


@cache
def recorded(name: str, release: str = "debian-12") -> MailLog:
    """Return a recorded log."""
    text = (recordings_of(release) / f"{name}.log").read_text(encoding="utf-8")
    return parse_mail_log(text.splitlines(), _ANY_NUMBER)


def recorded_names(release: str = "debian-12") -> list[str]:
    """Return the names of all recorded logs of a release."""
    return sorted(path.stem for path in recordings_of(release).glob("*.log"))


def log_of(*texts: str) -> MailLog:
    """Return a log of lines like `dovecot: text`, a second apart, the first at noon."""
    lines = []
    for number, text in enumerate(texts):
        program, _, rest = text.partition(": ")
        lines.append(LogLine(NOON + timedelta(seconds=number), program, 7, rest))
    return MailLog(NOON, tuple(lines), ("journal",))

"""The lines of a host's mail log, from the journal or from a syslog daemon's files.

The reading program (provisioner/remote/core/log.sh) answers in sections: `@now` with the
host's clock and its zone, then one `@source` after the other with the lines it had, each
behind a `|`; last, where asked for, a `@check` for each of the daemons' own checkers with
what it said. Three ways of writing the time occur: the journal's (journalctl(1),
`short-iso-precise`, without host name), RFC 3339 in files, and in older files that of
RFC 3164, which knows neither year nor zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from provisioner.remote.protocol import Section, free_text, split_sections

JOURNAL = "journal"
UNKEPT = "mail log"
"""The checker that has a complaint where a host keeps no log of its mail daemons."""

_SENDER = r"(?P<program>[^\s:\[\]]+)(?:\[(?P<pid>[0-9]{1,10})\])?: ?(?P<text>.*)"
_ISO = r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
_OF_JOURNAL = re.compile(rf"{_ISO} {_SENDER}", re.DOTALL)
_OF_FILE = re.compile(rf"{_ISO} \S+ {_SENDER}", re.DOTALL)
_OF_OLD_FILE = re.compile(
    rf"(?P<time>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d) \S+ {_SENDER}", re.DOTALL
)
# Seconds since 1970, and the zone as date(1) `+%z` has it.
_NOW = re.compile(rf"@{Section.NOW} ([0-9]{{1,11}}) ([+-])([0-2][0-9])([0-5][0-9])")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message of a daemon.

    time: aware, UTC. program: as it calls itself, like `postfix/smtpd` or `dovecot`.
    pid: None where the line has none. text: the message itself.
    """

    time: datetime
    program: str
    pid: int | None
    text: str

    def __str__(self) -> str:
        process = self.program if self.pid is None else f"{self.program}[{self.pid}]"
        return f"{self.time:%Y-%m-%d %H:%M:%S} {process}: {self.text}"


@dataclass(frozen=True, slots=True)
class MailLog:
    """What one host's log holds, in the order of time.

    What the daemons' checkers say now comes last, under the checker's name
    (`postconf -n`) and without a process.

    now: the host's clock when it was read. cut: there were more lines than were asked
    for, and the oldest are missing. sources: where lines came from. unread: lines that
    have no form that is known here.
    """

    now: datetime
    lines: tuple[LogLine, ...]
    sources: tuple[str, ...] = ()
    cut: bool = False
    unread: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the host keeps what its mail daemons say."""
        return not any(line.program == UNKEPT for line in self.lines)


def parse_mail_log(answer: Iterable[str], limit: int) -> MailLog:
    """Return the log from the reading program's answer (without line ends).

    limit: how many lines of each source were asked for. Raises ValueError for an answer
    that does not begin with the host's clock.
    """
    rows = iter(answer)
    now = _parse_now(next(rows, ""))
    lines: list[LogLine] = []
    unread: list[str] = []
    sources: list[str] = []
    cut = False
    said: list[LogLine] = []
    for kind, source, body in split_sections(rows):
        texts = [free_text(line) for line in body]
        if kind == Section.CHECK:
            said += _of_check(source, texts, now)
        if kind != Section.SOURCE:
            continue
        sources.append(source)
        if len(texts) > limit:
            cut = True
            texts = texts[-limit:] if limit else []  # the rest shows only that there were more
        for text in texts:
            line = parse_line(text, now, journal=source == JOURNAL)
            if line:
                lines.append(line)
            elif text.strip():
                unread.append(text)
    lines.sort(key=lambda line: line.time)
    lines += said
    return MailLog(now.astimezone(UTC), tuple(lines), tuple(sources), cut, tuple(unread))


def parse_line(text: str, now: datetime, *, journal: bool) -> LogLine | None:
    """Return the line that a text stands for, None if it has no known form.

    now: the host's clock, aware and in the host's zone: what old files leave out is
    taken from it. A time in the future by more than a day is one of the year before.
    """
    match = (_OF_JOURNAL if journal else _OF_FILE).fullmatch(text)
    old = None if match or journal else _OF_OLD_FILE.fullmatch(text)
    found = match or old
    if found is None:
        return None
    try:
        time = datetime.fromisoformat(found["time"]) if match else _old_time(found["time"], now)
        moment = time.astimezone(UTC)
    except (ValueError, OverflowError):  # month 13, second 60, year 0, a zone of 30 hours
        return None
    pid = found["pid"]
    return LogLine(moment, found["program"], int(pid) if pid else None, found["text"])


def _parse_now(row: str) -> datetime:
    found = _NOW.fullmatch(row)
    if found is None:
        raise ValueError(f"no clock in {row!r}")
    seconds, sign, hours, minutes = found.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return datetime.fromtimestamp(int(seconds), timezone(-ahead if sign == "-" else ahead))


def _of_check(argument: str, texts: list[str], now: datetime) -> Iterator[LogLine]:
    """Yield what a checker said; one that failed without a word failed nevertheless."""
    name, _, status = argument.rpartition(" ")
    if status != "0" and not texts:
        texts = [f"exit status {status}, no message"]
    for text in texts:
        yield LogLine(now.astimezone(UTC), name, None, text)


def _old_time(text: str, now: datetime) -> datetime:
    """Return the time of RFC 3164 that was last; ValueError if there is none."""
    month, day, clock = text.split()
    hour, minute, second = map(int, clock.split(":"))
    for year in (now.year, now.year - 1):
        try:
            time = datetime(
                year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=now.tzinfo
            )
        except ValueError:  # no such month, or 29 February of another year
            continue
        if time <= now + timedelta(days=1):
            return time
    raise ValueError(f"no time: {text!r}")

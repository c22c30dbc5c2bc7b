"""From a host's log to what is wrong there: known failures explained, the rest shown.

The first entry of the catalogue that fits explains a line; lines of one entry (and of
one value of its `by` groups) are one diagnosis. What looks like trouble and fits nothing
is unknown, grouped by shape, so that ten thousand lines alike are one row with a count.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from re import Match

from provisioner.diagnosis.catalogue import Catalogue
from provisioner.diagnosis.known_failure import PLACEHOLDER, KnownFailure, LineCondition, Severity
from provisioner.diagnosis.mail_log import LogLine, MailLog
from provisioner.diagnosis.terms import Terms
from provisioner.diagnosis.trouble import looks_like_trouble, shape_of, shape_of_text
from provisioner.diagnostics import printable
from provisioner.model.site import Host, Site

SAMPLES = 3
_NAMED = 3  # values that a text names, before it counts the rest
# Longer lines are a stranger's work; a pattern looks at no more than this of them.
_LOOKED_AT = 2000
_SHOWN = 600


@dataclass(frozen=True)
class Diagnosis:
    """A known failure in one host's log.

    count: lines of it. first, last: their times. lines: up to three of them, printable.
    resolved: a later line shows that it is over.
    """

    id: str
    title: str
    severity: Severity
    host: str
    count: int
    first: datetime
    last: datetime
    cause: str
    fix: str
    lines: tuple[str, ...]
    resolved: bool = False


@dataclass(frozen=True)
class UnknownLines:
    """Lines alike that look like trouble and that no entry explains; the last is shown.

    Of lines whose form is not known, both times are when the log was read.
    """

    host: str
    count: int
    first: datetime
    last: datetime
    line: str


@dataclass(frozen=True)
class HostDiagnosis:
    """All that one host's log holds: most severe first, then newest first."""

    host: str
    diagnoses: tuple[Diagnosis, ...]
    unknown: tuple[UnknownLines, ...]
    log: MailLog = field(repr=False)

    @property
    def open(self) -> tuple[Diagnosis, ...]:
        """The diagnoses that nothing shows to be over."""
        return tuple(one for one in self.diagnoses if not one.resolved)


@dataclass
class _Found:
    """What there is of one diagnosis while lines are read."""

    entry: KnownFailure
    lines: list[LogLine] = field(default_factory=list)
    matches: list[Match[str]] = field(default_factory=list)


def diagnose_log(catalogue: Catalogue, site: Site, host: Host, log: MailLog) -> HostDiagnosis:
    """Return what a host's log says, in the terms of the site."""
    terms = Terms(site, host)
    index = _Index(log.lines)
    found: dict[tuple[str, ...], _Found] = {}
    unknown: dict[str, list[LogLine]] = defaultdict(list)
    for line in log.lines:
        explained = False
        for entry, match in _fitting(catalogue, line, index):
            explained = True
            if not entry.ignore:
                key = (entry.id, *(match.groupdict().get(name) or "" for name in entry.by))
                kept = found.setdefault(key, _Found(entry))
                kept.lines.append(line)
                kept.matches.append(match)
        if not explained and looks_like_trouble(line):
            unknown[shape_of(line)].append(line)
    diagnoses = [_diagnosis(one, host, terms, index) for one in found.values()]
    return HostDiagnosis(
        host=host.key,
        diagnoses=tuple(sorted(diagnoses, key=_worst_first)),
        unknown=(
            *_unread(host, log),
            *(
                UnknownLines(
                    host.key,
                    len(alike),
                    alike[0].time,
                    alike[-1].time,
                    printable(str(alike[-1]), _SHOWN),
                )
                for alike in sorted(
                    unknown.values(), key=lambda lines: lines[-1].time, reverse=True
                )
            ),
        ),
        log=log,
    )


def _unread(host: Host, log: MailLog) -> Iterator[UnknownLines]:
    """Yield the lines of no known form, by shape.

    The host sent them because they look like trouble. When they were written nobody can
    tell; they count as of the moment when the log was read.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for text in log.unread:
        kinds[shape_of_text(text[:_LOOKED_AT])].append(text)
    for alike in kinds.values():
        yield UnknownLines(
            host.key, len(alike), log.now, log.now, printable(str(alike[-1]), _SHOWN)
        )


def _fitting(
    catalogue: Catalogue, line: LogLine, index: _Index
) -> Iterator[tuple[KnownFailure, Match[str]]]:
    """Yield the entries that a line belongs to: all that stand beside others, and one more."""
    text = line.text[:_LOOKED_AT]
    taken = False
    for entry in catalogue.entries:
        if taken and not entry.beside:
            continue
        match = entry.matches(line.program, text)
        if match is None or not _holds(entry, match, line, index):
            continue
        yield entry, match
        if entry.ignore:
            return
        taken = taken or not entry.beside


def _holds(entry: KnownFailure, match: Match[str], line: LogLine, index: _Index) -> bool:
    return all(index.has(one, match, line.time) for one in entry.also) and not any(
        index.has(one, match, line.time) for one in entry.absent
    )


class _Index:
    """When conditions are met, by the values of their groups; each is looked for once."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self._lines = lines
        self._times: dict[tuple[int, frozenset[str]], Mapping[tuple[str, ...], list[datetime]]] = {}

    def has(self, condition: LineCondition, match: Match[str], time: datetime) -> bool:
        """Tell whether a line meets the condition beside a match at that time."""
        times = self._times_of(condition, match)
        if condition.within is None:
            return bool(times)
        near = bisect_left(times, time.timestamp() - condition.within, key=datetime.timestamp)
        return near < bisect_right(
            times, time.timestamp() + condition.within, key=datetime.timestamp
        )

    def later(self, condition: LineCondition, match: Match[str], time: datetime) -> bool:
        """Tell whether a line meets the condition after that time."""
        times = self._times_of(condition, match)
        return bool(times) and times[-1] > time

    def _times_of(self, condition: LineCondition, match: Match[str]) -> list[datetime]:
        shared = frozenset(match.re.groupindex) & condition.groups
        key = (id(condition), shared)
        if key not in self._times:
            times: dict[tuple[str, ...], list[datetime]] = defaultdict(list)
            for line in self._lines:
                found = condition.matches(line.program, line.text[:_LOOKED_AT])
                if found:
                    times[_values(found, shared)].append(line.time)
            self._times[key] = times
        return self._times[key].get(_values(match, shared), [])


def _values(match: Match[str], names: frozenset[str]) -> tuple[str, ...]:
    groups = match.groupdict()
    return tuple(groups.get(name) or "" for name in sorted(names))


def _diagnosis(found: _Found, host: Host, terms: Terms, index: _Index) -> Diagnosis:
    entry, lines = found.entry, found.lines
    resolving = [index.later(one, found.matches[-1], lines[-1].time) for one in entry.resolved_by]
    # The newest show best how things are; the same words twice show nothing.
    samples = dict.fromkeys(printable(str(line), _SHOWN) for line in reversed(lines[-50:]))
    return Diagnosis(
        id=entry.id,
        title=entry.title,
        severity=entry.severity,
        host=host.key,
        count=len(lines),
        first=lines[0].time,
        last=lines[-1].time,
        cause=_fill(entry.cause, found.matches, terms),
        fix=_fill(entry.fix, found.matches, terms),
        lines=tuple(reversed(list(samples)[:SAMPLES])),
        resolved=any(resolving),
    )


def _fill(text: str, matches: Sequence[Match[str]], terms: Terms) -> str:
    """Return a text of the catalogue with the values of all its lines put in."""

    def value(placeholder: Match[str]) -> str:
        name = placeholder[1]
        if name in terms.values:
            return terms.values[name]
        return _named(name, (match.groupdict().get(name) for match in matches), terms)

    return PLACEHOLDER.sub(value, " ".join(text.split()))


def _named(name: str, values: Iterable[str | None], terms: Terms) -> str:
    counts = Counter(value for value in values if value is not None)
    most = [value for value, _ in counts.most_common(_NAMED)]
    if not most:
        return "unknown"
    words = ", ".join(terms.explain(name, value) for value in most)
    more = len(counts) - len(most)
    return f"{words} and {more} more" if more else words


_ORDER = {severity: number for number, severity in enumerate(Severity)}


def _worst_first(one: Diagnosis) -> tuple[bool, int, float]:
    return one.resolved, _ORDER[one.severity], -one.last.timestamp()

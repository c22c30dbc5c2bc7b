"""Diagnoses as a person reads them, the worst first, and as a program does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from provisioner.cli.terminal import Shown, coloured, stamp
from provisioner.diagnosis.known_failure import Severity
from provisioner.diagnosis.matching import Diagnosis, HostDiagnosis, UnknownLines

# A word of the terminal's that has the colour for each severity.
_COLOUR = {Severity.ERROR: "failed", Severity.WARNING: "warning", Severity.NOTICE: "notice"}
_WIDTH = 100
_UNKNOWN_SHOWN = 20
# What hosts send of their logs begins with this, so that it is never taken for our own word.
_QUOTE = "  | "


def diagnosis_lines(
    hosts: Iterable[HostDiagnosis], since: str, *, everything: bool
) -> Iterator[Shown]:
    """Yield what was found, then what nothing explains, then one line that sums up."""
    hosts = list(hosts)
    found = [one for host in hosts for one in (host.diagnoses if everything else host.open)]
    for one in sorted(found, key=_worst_first):
        yield from _diagnosis(one)
    unknown = sorted(
        (one for host in hosts for one in host.unknown), key=lambda one: one.last, reverse=True
    )
    if unknown:
        yield coloured("possible errors that match no known failure", "warning")
        for lines in unknown[:_UNKNOWN_SHOWN]:
            yield from _unknown(lines)
        if len(unknown) > _UNKNOWN_SHOWN:
            yield f"  and {len(unknown) - _UNKNOWN_SHOWN} other kinds (--json has them all)"
        yield ""
    for host in hosts:
        if host.log.cut:
            yield (
                f"note: the log of {host.host} is too long, so mailprov did not read the "
                "oldest lines"
            )
    yield _summary(hosts, since)


def _worst_first(one: Diagnosis) -> tuple[bool, int, float]:
    return one.resolved, list(Severity).index(one.severity), -one.last.timestamp()


def _diagnosis(one: Diagnosis) -> Iterator[Shown]:
    word = coloured(one.severity.value, _COLOUR[one.severity])
    yield word + f": {one.host}: {one.title} [{one.id}]"
    over = "; resolved since" if one.resolved else ""
    yield f"  {_times(one.count)}, {_span(one.first, one.last)}{over}"
    yield from _wrapped("cause", one.cause)
    yield from _wrapped("fix", one.fix)
    for line in one.lines:
        yield _QUOTE + line
    yield ""


def _unknown(lines: UnknownLines) -> Iterator[str]:
    yield f"  {lines.host}: {_times(lines.count)}, {_span(lines.first, lines.last)}"
    yield _QUOTE + lines.line


def _wrapped(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent=f"  {label + ':':6} ",
        subsequent_indent=" " * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(hosts: Iterable[HostDiagnosis], since: str) -> str:
    counts = counts_of(hosts)
    named = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return f"diagnose since {since}: {named or 'nothing found'}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _span(first: datetime, last: datetime) -> str:
    """Return when, in the zone of whoever reads it."""
    early, late = first.astimezone(), last.astimezone()
    if f"{early:%Y-%m-%d %H:%M:%S}" == f"{late:%Y-%m-%d %H:%M:%S}":
        return f"{late:%Y-%m-%d %H:%M:%S %Z}"
    shown = "%H:%M:%S" if early.date() == late.date() else "%Y-%m-%d %H:%M:%S"
    return f"{early:%Y-%m-%d %H:%M:%S} to {late:{shown} %Z}"


def counts_of(hosts: Iterable[HostDiagnosis]) -> Mapping[str, int]:
    """Return how many diagnoses of each severity are open, and how many kinds of unknown lines."""
    hosts = list(hosts)
    found = [one.severity for host in hosts for one in host.open]
    counts = {severity.value: found.count(severity) for severity in Severity}
    return {**counts, "unknown": sum(len(host.unknown) for host in hosts)}


def host_as_json(host: HostDiagnosis, *, everything: bool) -> dict[str, object]:
    """Return one host's findings as a JSON object; with `everything`, those that are over, too."""
    shown = host.diagnoses if everything else host.open
    return {
        "sources": list(host.log.sources),
        "cut": host.log.cut,
        "diagnoses": [_diagnosis_as_json(one) for one in shown],
        "unknown": [_unknown_as_json(one) for one in host.unknown],
    }


def _diagnosis_as_json(one: Diagnosis) -> dict[str, object]:
    return {
        "id": one.id,
        "severity": one.severity.value,
        "title": one.title,
        "count": one.count,
        "first": stamp(one.first),
        "last": stamp(one.last),
        "resolved": one.resolved,
        "cause": one.cause,
        "fix": one.fix,
        "lines": list(one.lines),
    }


def _unknown_as_json(one: UnknownLines) -> dict[str, object]:
    return {
        "count": one.count,
        "first": stamp(one.first),
        "last": stamp(one.last),
        "line": one.line,
    }

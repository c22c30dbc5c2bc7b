"""What was found, as a program reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from provisioner.diagnosis.known_failure import Severity
from provisioner.diagnosis.matching import Diagnosis, HostDiagnosis, UnknownLines


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


def stamp(time: datetime) -> str:
    """Return a time as RFC 3339 writes it, in UTC, to the second."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"

"""What a probe found out.

A finding is complete in itself: the question, what was got, what was wanted and what
to do about it. A verdict is all the findings of one verification.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

DIRECT = "direct"


class Status(StrEnum):
    """How a probe ended. A warning tells of something unsafe that the site allows."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One probe's result.

    id: stable, `theme.detail@host`. host: the host's key, empty for the site as a whole.
    question: in words. got: what came, in the server's own words where it spoke; the
    reason where a probe was skipped. want: the expected answer. remedy: what to do,
    empty where the probe passed. via: `direct`, or `ssh:KEY` where the question went
    through the SSH connection of that host, or `host` for what the host said of itself.
    """

    id: str
    host: str
    question: str
    status: Status
    got: str = ""
    want: str = ""
    remedy: str = ""
    via: str = "host"

    def as_json(self) -> dict[str, str]:
        """Return the finding as a JSON object; empty fields are left out."""
        fields = {
            "id": self.id,
            "host": self.host,
            "question": self.question,
            "status": self.status.value,
            "got": self.got,
            "want": self.want,
            "remedy": self.remedy,
            "via": self.via,
        }
        return {key: text for key, text in fields.items() if text}


@dataclass(frozen=True)
class Verdict:
    """All the findings of one verification, in the order of the questions."""

    findings: tuple[Finding, ...]

    @cached_property
    def counts(self) -> Mapping[Status, int]:
        """How many findings there are of each status."""
        counter = Counter(finding.status for finding in self.findings)
        return {status: counter[status] for status in Status}

    @property
    def passed(self) -> bool:
        """Whether mail was proven to work: something passed and nothing failed."""
        return bool(self.counts[Status.PASSED]) and not self.counts[Status.FAILED]

    def with_status(self, status: Status) -> tuple[Finding, ...]:
        """Return the findings of one status."""
        return tuple(finding for finding in self.findings if finding.status is status)

    def as_json(self) -> dict[str, object]:
        """Return the verdict as a JSON object."""
        return {
            "passed": self.passed,
            "counts": {status.value: number for status, number in self.counts.items()},
            "findings": [finding.as_json() for finding in self.findings],
        }

"""Whether a server answers a line of clear text as it should.

That is all there is to ask of many a daemon: one that greets, or that answers `PING`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.probes.finding import Finding
from provisioner.probes.question import Question


@dataclass(frozen=True, kw_only=True)
class LineQuestion(Question[str]):
    """What a server says in its first line.

    say: a line that it is told before that, empty where it speaks first. pattern: of the whole
    line that it has to answer. expected: the same in words. help: the remedy.
    """

    pattern: str
    expected: str
    help: str
    say: str = ""

    @property
    def want(self) -> str:
        """The line in words."""
        return self.expected

    @property
    def remedy(self) -> str:
        """For another line."""
        return self.help

    def while_pending(self) -> LineQuestion:
        """Return the question itself: the daemon has to answer before its configuration stays."""
        return self

    def judge(self, answer: str) -> tuple[Finding, ...]:
        """Judge the first line, which has no line end."""
        if re.fullmatch(self.pattern, answer):
            return self.passed(answer)
        return self.failed(answer or "an empty line")

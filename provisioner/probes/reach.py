"""Whether a port can be reached from where mailprov runs.

Open means that a TCP connection came about, no more. A port that cannot be reached is
a finding of its own; everything else is then asked through the host's SSH connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from provisioner.model.site import IPAddress
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import ANYWHERE, Question, Vantage


@dataclass(frozen=True)
class ReachAnswer:
    """How connecting went. source: our own address on that connection, if there was one."""

    outcome: Literal["open", "refused", "timed out", "unreachable"]
    words: str = ""
    source: IPAddress | None = None


@dataclass(frozen=True, kw_only=True)
class ReachQuestion(Question[ReachAnswer]):
    """Whether a TCP port is open to this controller.

    served: from where the port is served at all; a closed one is no fault for others.
    """

    service: str
    served: Vantage = ANYWHERE

    @property
    def want(self) -> str:
        """A connection."""
        return "open"

    @property
    def remedy(self) -> str:
        """For a port that nobody refused."""
        return (
            f"a firewall drops port {self.endpoint.port} between this machine and "
            f"{self.endpoint}: open it on the host (firewalld: `firewall-cmd "
            f"--permanent --add-port={self.endpoint.port}/tcp && firewall-cmd "
            "--reload`) and at the provider; many networks block outgoing port 25, so "
            "try mailprov from another one"
        )

    def judge(self, answer: ReachAnswer) -> tuple[Finding, ...]:
        """Judge the connection."""
        if answer.outcome == "open":
            return self.passed("open")
        got = f"{answer.outcome}: {answer.words}" if answer.words else answer.outcome
        if self.served is not ANYWHERE and (
            answer.source is None or not self.served.admits(answer.source, self.endpoint.address)
        ):
            reason = f"{got}; this machine is in no network that {self.service} serves"
            return (self.finding(Status.SKIPPED, reason),)
        if answer.outcome == "refused":
            return self.failed(
                got,
                remedy=f"no program answers on {self.endpoint}: look for {self.service} with "
                "`ss -ltnp` on the host, and for a firewall that rejects; then apply "
                "again",
            )
        return self.failed(got)

"""`status`: how the hosts are right now. One round trip each, nothing written, nothing probed."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.condition import Condition, judge_condition
from provisioner.plan.manifest import Also
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run


@dataclass(frozen=True)
class SiteStatus:
    """Each host's condition, or the error that stood in its way, in the order of the site."""

    conditions: dict[HostRef, Condition] = field(default_factory=dict)
    errors: dict[HostRef, MailprovError] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Whether every host was reached and has no problem."""
        return not self.errors and not any(one.problems for one in self.conditions.values())


def status_site(run: Run) -> SiteStatus:
    """Observe all hosts side by side and judge them; raises nothing for a host."""

    def work(host: Host, transport: Transport) -> Condition:
        observed = run.observe(host, transport, Also.STATUS)
        condition = judge_condition(*observed, run.site.queue_warning)
        run.progress.tell(host.ref, "observed")
        return condition

    told = run.gather(work)
    return SiteStatus(told.values, told.errors)

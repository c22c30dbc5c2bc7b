"""`status`: how the hosts are right now. One program each, nothing written, nothing probed."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.diagnostics import MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.condition import Condition, judge_condition
from provisioner.plan.manifest import Look
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run, of_site
from provisioner.verbs.runs import Runs


@dataclass(frozen=True)
class SiteStatus:
    """Each host's condition, or the error that stood in its way, in the order of the sites."""

    conditions: dict[HostRef, Condition] = field(default_factory=dict)
    errors: dict[HostRef, MailprovError] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Whether every host was reached and has no problem."""
        return not self.errors and not any(one.problems for one in self.conditions.values())

    def of(self, site: DomainName) -> SiteStatus:
        """Return the part that is about one site."""
        return SiteStatus(of_site(self.conditions, site), of_site(self.errors, site))


def status_sites(runs: Runs) -> SiteStatus:
    """Observe all hosts side by side and judge them; raises nothing for a host.

    MailprovError (refused) where a machine is more than one of the hosts.
    """

    def work(run: Run, host: Host, transport: Transport) -> Condition:
        observed = run.observe(host, transport, Look.COMPARED | Look.STATUS)
        condition = judge_condition(*observed, run.site.queue_warning)
        run.progress.tell(host.ref, "observed")
        return condition

    told = runs.gather(work)
    runs.refuse_shared_machines()
    return SiteStatus(told.values, told.errors)

"""`plan`: what would change, host by host. Nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostKey
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.workflow.ports import Transport
from provisioner.workflow.run import Run


@dataclass(frozen=True)
class SitePlan:
    """Each host's plan, or the error that stood in its way, in the order of the site."""

    plans: dict[HostKey, Plan] = field(default_factory=dict)
    errors: dict[HostKey, MailprovError] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every host is what it should be."""
        return not self.errors and not any(plan.changes for plan in self.plans.values())


def plan_site(run: Run) -> SitePlan:
    """Observe all hosts side by side and return their plans; raises nothing for a host."""

    def work(host: Host, transport: Transport) -> Plan:
        plan = diff_generation(*run.observe(host, transport))
        run.progress.tell(host.key, "nothing to change" if not plan.changes else "compared")
        return plan

    answers = {answer.host.key: answer for answer in run.fleet.each(run.hosts, work)}
    ordered = [answers[host.key] for host in run.hosts]
    return SitePlan(
        plans={answer.host.key: answer.value for answer in ordered if answer.value is not None},
        errors={answer.host.key: answer.error for answer in ordered if answer.error is not None},
    )

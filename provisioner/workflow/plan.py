"""`plan`: what would change, host by host. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostKey
from provisioner.model.site import Host
from provisioner.plan.change import Drift, Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.facts import Pending
from provisioner.plan.port_conflicts import PortConflict, conflict_diagnostic, find_conflicts
from provisioner.plan.secrets_diff import refuse_unread_secrets
from provisioner.workflow.ports import Transport
from provisioner.workflow.run import Run


class DriftDecision(StrEnum):
    """What becomes of files that somebody else changed on a host."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    KEEP = "keep"


@dataclass(frozen=True)
class SitePlan:
    """Each host's plan, or the error that stood in its way, in the order of the site."""

    plans: dict[HostKey, Plan] = field(default_factory=dict)
    errors: dict[HostKey, MailprovError] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every host is what it should be."""
        return not self.errors and not any(plan.changes for plan in self.plans.values())


def plan_host(
    run: Run, host: Host, transport: Transport, drift: DriftDecision, *, settle: bool = False
) -> Plan:
    """Observe one host and return its plan.

    settle: first have the host settle what a transaction that broke off left pending.
    Raises MailprovError (refused) for a port that somebody else holds, and for drift if so
    decided.
    """
    generation, facts = run.observe(host, transport)
    if facts.introduction.pending and settle:
        settle_pending(run, host, transport, facts.introduction.pending)
        generation, facts = run.observe(host, transport)
    plan = diff_generation(generation, facts, keep_drift=drift is DriftDecision.KEEP)
    refuse_unread_secrets(generation, plan.changes)
    # Who holds the ports of a system that is not there yet, nobody knows.
    conflicts = () if run.compiler.ahead else find_conflicts(plan, facts)
    refuse_undecided(host, plan, drift, conflicts)
    return plan


def refuse_undecided(
    host: Host, plan: Plan, drift: DriftDecision, conflicts: Sequence[PortConflict] = ()
) -> None:
    """Raise MailprovError (refused) with all that somebody has to decide first.

    That is edits which the plan would undo although nobody said so, and ports that are taken.
    """
    edits = plan.drift if drift is DriftDecision.REFUSE else ()
    refusals = [_undecided(host, each) for each in edits]
    if conflicts:
        refusals.append(conflict_diagnostic(plan, conflicts))
    if refusals:
        raise MailprovError(refusals, ExitCode.REFUSED)


def settle_pending(run: Run, host: Host, transport: Transport, pending: Pending) -> None:
    """Have the host settle what broke off; MailprovError (refused) if somebody waits for it."""
    if pending.armed:
        raise unsettled(host, pending)
    run.progress.tell(host.key, "settling what an earlier run left")
    for unit in run.session(transport).settle_abandoned().down:
        run.progress.tell(host.key, f"{unit} did not come up with the configuration before")


def unsettled(host: Host, pending: Pending) -> MailprovError:
    """Return the error (refused) that tells of a transaction in force and not confirmed."""
    if pending.armed:
        summary = "another run has changed this host and waits to confirm it"
        fix = "wait: it is confirmed or taken back within about a minute; then run it again"
    else:
        summary = "an earlier run broke off before it confirmed its change; nothing was changed now"
        fix = "`mailprov apply`, or destroy with --yes-destroy, has the host settle it first"
    got = f"{pending.owner}, generation {pending.generation}"
    return MailprovError(Diagnostic(summary, str(host.key), got, fix=fix), ExitCode.REFUSED)


def _undecided(host: Host, drift: Drift) -> Diagnostic:
    return Diagnostic(
        summary="a file was changed on the host since the last apply; nothing was changed there",
        where=f"{host.key}:{drift.path}",
        got=drift.diff.rstrip() or drift.what,
        want="the file as the last apply left it",
        fix="take the edit over into the site file; or run it again with --overwrite-drift to "
        "undo it, with --keep-drift to leave the file as it is",
    )


def plan_site(
    run: Run, drift: DriftDecision = DriftDecision.OVERWRITE, *, settle: bool = False
) -> SitePlan:
    """Observe all hosts side by side and return their plans; raises nothing for a host.

    settle: first have a host settle what a transaction that broke off left pending.
    """

    def work(host: Host, transport: Transport) -> Plan:
        plan = plan_host(run, host, transport, drift, settle=settle)
        run.progress.tell(host.key, "nothing to change" if not plan.changes else "compared")
        return plan

    answers = {answer.host.key: answer for answer in run.fleet.each(run.hosts, work)}
    ordered = [answers[host.key] for host in run.hosts]
    return SitePlan(
        plans={answer.host.key: answer.value for answer in ordered if answer.value is not None},
        errors={answer.host.key: answer.error for answer in ordered if answer.error is not None},
    )

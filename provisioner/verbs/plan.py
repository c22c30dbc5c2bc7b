"""`plan`: what would change, host by host. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.addresses import absent_addresses, address_diagnostics, address_notice
from provisioner.facts.host import Facts, Pending
from provisioner.facts.mail_server import kept_homes, server_diagnostic, what_would_end
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.fixed_files import fixed_diagnostic
from provisioner.plan.generation import Generation
from provisioner.plan.phases import transaction_phases
from provisioner.plan.port_conflicts import conflict_diagnostic, find_conflicts
from provisioner.plan.secrets_diff import refuse_unread_secrets
from provisioner.plan.site_phases import PlannedPhase, planned_phases
from provisioner.render.artifact import Plane
from provisioner.resources.change import Drift
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run, of_site
from provisioner.verbs.runs import Runs


class DriftDecision(StrEnum):
    """What becomes of files that somebody else changed on a host."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    KEEP = "keep"


@dataclass(frozen=True)
class SitePlan:
    """Each host's plan, or the error that stood in its way, in the order of the sites.

    phases: what a run has before it.
    """

    plans: dict[HostRef, Plan] = field(default_factory=dict)
    errors: dict[HostRef, MailprovError] = field(default_factory=dict)
    phases: tuple[PlannedPhase, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every host is what it should be, and no gate is waited for."""
        changed = any(plan.changes for plan in self.plans.values())
        return not (self.errors or self.phases or changed)

    def of(self, site: DomainName) -> SitePlan:
        """Return the part that is about one site."""
        phases = (one.of(site) for one in self.phases)
        return SitePlan(
            of_site(self.plans, site),
            of_site(self.errors, site),
            tuple(one for one in phases if one.hosts),
        )


def plan_host(
    run: Run,
    host: Host,
    transport: Transport,
    drift: DriftDecision,
    *,
    replace_server: bool = True,
) -> Plan:
    """Observe one host and return its plan.

    replace_server: a mail server that somebody set up there may end.
    Raises MailprovError (refused) for what stands in the way of the plan (a port that somebody
    else holds, an address that the host does not have, a file that cannot be replaced), and for
    drift and a mail server that works there, if so decided.
    """
    return _compared(run, host, run.observe(host, transport), drift, replace_server=replace_server)


def _compared(
    run: Run,
    host: Host,
    observed: tuple[Generation, Facts],
    drift: DriftDecision,
    *,
    replace_server: bool,
) -> Plan:
    generation, facts = observed
    plan = diff_generation(generation, facts, keep_drift=drift is DriftDecision.KEEP)
    refuse_unread_secrets(generation, plan.changes)
    absent = absent_addresses(host, facts.addresses)
    if absent:
        notices = (address_notice(host, absent), *plan.generation.notices)
        plan = replace(plan, generation=replace(plan.generation, notices=notices))
    plan = replace(plan, ends=what_would_end(facts.mail_server, host, kept_homes(run.site)))
    obstacles = list(obstacles_of(plan, facts, ahead=bool(run.compiler.ahead)))
    # Users can be changed whatever an address does at the moment.
    if facts.addresses and _changes_configuration(plan):
        obstacles += address_diagnostics(host, absent, facts.addresses)
    if plan.ends and not replace_server:
        obstacles.append(server_diagnostic(host, plan.ends))
    refuse_undecided(host, plan, drift, obstacles)
    return plan


def obstacles_of(plan: Plan, facts: Facts, *, ahead: bool = False) -> Iterator[Diagnostic]:
    """Yield what has to be set right on the host before the plan can be carried out.

    ahead: the plan is for a system that is not there yet; who holds its ports, nobody knows.
    """
    if not ahead and (conflicts := find_conflicts(plan, facts)):
        yield conflict_diagnostic(plan, conflicts)
    if stuck := fixed_diagnostic(plan, facts.fixed):
        yield stuck


def _changes_configuration(plan: Plan) -> bool:
    return any(
        change.plane is Plane.CONFIGURATION and change.kind != "record" for change in plan.changes
    )


def refuse_undecided(
    host: Host, plan: Plan, drift: DriftDecision, obstacles: Iterable[Diagnostic] = ()
) -> None:
    """Raise MailprovError (refused) with all that somebody has to decide or set right first.

    That is edits which the plan would undo although nobody said so, and the obstacles.
    """
    edits = plan.drift if drift is DriftDecision.REFUSE else ()
    refusals = [*(_undecided(host, each) for each in edits), *obstacles]
    if refusals:
        raise MailprovError(refusals, ExitCode.REFUSED)


def settle_pending(run: Run, host: Host, transport: Transport, pending: Pending) -> None:
    """Have the host settle what broke off; MailprovError (refused) if somebody waits for it."""
    if pending.armed:
        raise unsettled(host, pending)
    run.progress.tell(host.ref, "finishing an interrupted transaction")
    for unit in run.session(transport).settle_abandoned().down:
        run.progress.tell(host.ref, f"{unit} did not start with the old configuration")


def unsettled(host: Host, pending: Pending) -> MailprovError:
    """Return the error (refused) that tells of a transaction in force and not confirmed."""
    if pending.armed:
        summary = "another run has changed this host, and the change is not confirmed yet"
        fix = (
            "wait about a minute until the change is confirmed or the host returns, then "
            "run the command again"
        )
    else:
        summary = "an earlier run was interrupted before the confirmation; nothing was changed now"
        fix = "run `mailprov apply`, or destroy with --yes-destroy: both settle that change first"
    got = f"{pending.owner}, generation {pending.generation}"
    return MailprovError(Diagnostic(summary, str(host.key), got, fix=fix), ExitCode.REFUSED)


def _undecided(host: Host, drift: Drift) -> Diagnostic:
    return Diagnostic(
        summary="a file was edited on the host since the last apply; nothing was changed there",
        where=f"{host.key}:{drift.path}",
        got=drift.diff.rstrip() or drift.what,
        want="the file as the last apply wrote it",
        fix="copy the edit to the site file; or run the command again, with "
        "--overwrite-drift to overwrite the edit or --keep-drift to keep it",
    )


def plan_site(run: Run) -> SitePlan:
    """Observe all hosts of a site side by side and return their plans; see `plan_sites`."""
    return plan_sites(Runs.over(run))


def plan_sites(
    runs: Runs,
    drift: DriftDecision = DriftDecision.OVERWRITE,
    *,
    settle: bool = False,
    replace_server: bool = True,
) -> SitePlan:
    """Observe all hosts side by side and return their plans; raises nothing for a host.

    settle: have hosts settle what a transaction that broke off left pending, once all are
    observed. replace_server: as for `plan_host`. Raises MailprovError (refused), with nothing
    changed anywhere, where a machine is more than one of the hosts.
    """

    def look(run: Run, host: Host, transport: Transport) -> Plan | Pending:
        observed = run.observe(host, transport)
        if settle and (pending := observed[1].introduction.pending):
            return pending
        plan = _compared(run, host, observed, drift, replace_server=replace_server)
        return _told(run, host, plan)

    def settled(run: Run, host: Host, transport: Transport) -> Plan:
        settle_pending(run, host, transport, unsettled[host.ref])
        return _told(
            run, host, plan_host(run, host, transport, drift, replace_server=replace_server)
        )

    first = runs.gather(look)
    runs.refuse_shared_machines()
    unsettled = {ref: one for ref, one in first.values.items() if isinstance(one, Pending)}
    second = runs.gather(settled, [host for host in runs.hosts if host.ref in unsettled])
    plans = {ref: one for ref, one in first.values.items() if isinstance(one, Plan)}
    plans.update(second.values)
    errors = {**first.errors, **second.errors}
    order = [host.ref for host in runs.hosts]
    return SitePlan(
        {ref: plans[ref] for ref in order if ref in plans},
        {ref: errors[ref] for ref in order if ref in errors},
        planned_phases(transaction_phases(runs.groups()), plans),
    )


def _told(run: Run, host: Host, plan: Plan) -> Plan:
    run.progress.tell(host.ref, "compared" if plan.changes else "nothing to change")
    return plan

"""`apply`: bring every host to its generation.

All hosts are observed before any of them is changed, so that a host which cannot be
reached stops the run while nothing has happened. Packages come next, on all hosts at
once. Then the transactions, phase after phase (plan/phases.py), and whoever fails stops those
of its site that have not begun. A run with nothing to do ends after the observation: no lock,
nothing written.

Where a room has actions of the site or gates, they come behind the transactions (gates.py). The
hosts that are behind one are compiled for that, compared and changed again, until nothing is left
or a gate is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from provisioner.diagnostics import MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.phases import Group, transaction_phases
from provisioner.plan.site_phases import PhaseOutcome
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.gates import Patience, SiteCourse
from provisioner.verbs.grouping import transact_group
from provisioner.verbs.health import HealthProof
from provisioner.verbs.interruption import AtWork
from provisioner.verbs.outcome import HostOutcome, failed, merged, not_started, phase_status
from provisioner.verbs.plan import DriftDecision, SitePlan, plan_host, plan_sites
from provisioner.verbs.ports import Transport
from provisioner.verbs.runs import Runs, side_by_side
from provisioner.verbs.transacting import Changing, Proof, transact_alone

CONFIRM_WITHIN = 60
"""Seconds; see --confirm-within."""

Replan = Callable[[Host, Transport], Plan]


@dataclass(frozen=True)
class ApplyOptions:
    """How an apply is to go about it.

    drift: what becomes of files that somebody edited. within: seconds that a host waits
    for its new configuration to be confirmed before it returns. replace_server: a mail server
    that somebody set up on a host before mailprov may end. patience: what is done at a closed
    gate.
    """

    drift: DriftDecision = DriftDecision.REFUSE
    within: int = CONFIRM_WITHIN
    replace_server: bool = False
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class Applied:
    """What became of a run: of each host, in the sites' order, and of each phase, in its own."""

    hosts: tuple[HostOutcome, ...]
    phases: tuple[PhaseOutcome, ...]


def apply_sites(runs: Runs, open_asker: OpenAsker, options: ApplyOptions) -> Applied:
    """Apply the sites to the runs' hosts, phase after phase, and say what became of all.

    open_asker: makes the asker by which each host has to prove its new configuration, and which
    asks at gates. Raises MailprovError (refused) where a machine is more than one of the hosts.
    """
    outcomes = {one.host: one for one in change_sites(runs, open_asker, options)}
    phases = list(_told(runs, outcomes))
    course = SiteCourse(runs, open_asker, options.patience)
    while gained := course.go_on(tuple(outcomes.values())):
        phases += course.news()
        behind = runs.over_hosts(gained)
        again = {one.host: one for one in change_sites(behind, open_asker, options)}
        phases += _told(behind, again)
        outcomes |= {ref: merged(outcomes[ref], one) for ref, one in again.items()}
    return Applied(tuple(outcomes.values()), (*phases, *course.news(), *course.closed))


def change_sites(
    runs: Runs, open_asker: OpenAsker, options: ApplyOptions
) -> tuple[HostOutcome, ...]:
    """Bring the runs' hosts to what they should be now, and leave actions and gates alone.

    open_asker: makes the asker by which each host has to prove its new configuration. Raises
    MailprovError (refused) where a machine is more than one of the hosts.
    """

    def replan(host: Host, transport: Transport) -> Plan:
        return plan_host(runs.of(host.ref), host, transport, options.drift)

    survey = plan_sites(runs, options.drift, settle=True, replace_server=options.replace_server)
    return carry_out(runs, options, survey, replan, HealthProof(runs, open_asker))


def carry_out(
    runs: Runs, options: ApplyOptions, survey: SitePlan, replan: Replan, proof: Proof
) -> tuple[HostOutcome, ...]:
    """Carry out the plans of a survey and say what became of each host.

    A site with an error in the survey is left alone, and so is what has not begun of a site
    where a host failed. replan: makes a host's plan once more after its packages have come.
    proof: how new configurations prove themselves. Raises MailprovError (refused) where a
    machine is more than one of the hosts.
    """
    runs.refuse_shared_machines()
    outcomes = {ref: failed(ref, error) for ref, error in survey.errors.items()}
    plans = dict(survey.plans)
    going = _going_on(runs.hosts, outcomes)
    lacking = [host for host in going if plans[host.ref].missing_packages]
    for ref, plan, error in _install(runs, lacking, plans, replan):
        if error:
            outcomes[ref] = failed(ref, error)
        elif plan:
            plans[ref] = plan
    changing = Changing(runs, options.within, plans, survey.plans, proof)
    for phase in transaction_phases(runs.groups()):
        outcomes.update(_transact(changing, phase, outcomes))
    return tuple(outcomes.get(host.ref) or not_started(host.ref) for host in runs.hosts)


def _told(runs: Runs, outcomes: Mapping[HostRef, HostOutcome]) -> Iterator[PhaseOutcome]:
    """Yield what became of each phase of transactions, site by site."""
    for run in runs.runs:
        for phase in transaction_phases(Runs.over(run).groups()):
            refs = tuple(host.ref for group in phase for host in group)
            status = phase_status([outcomes[ref] for ref in refs])
            yield PhaseOutcome(run.site.domain, "transactions", refs, status)


def _transact(
    changing: Changing, phase: Sequence[Group], before: Mapping[HostRef, HostOutcome]
) -> dict[HostRef, HostOutcome]:
    """Change the groups of a phase side by side; return what became of each host."""
    going = {host.ref for host in _going_on([one for group in phase for one in group], before)}
    left = [group for group in phase if group[0].ref in going]
    lone = [group[0] for group in left if len(group) == 1]
    at_work = changing.at_work()
    work = [lambda: transact_alone(changing, at_work, lone)] if lone else []
    work += [partial(transact_group, changing, at_work, group) for group in left if len(group) > 1]
    outcomes: dict[HostRef, HostOutcome] = {}
    # Ctrl-C reaches this thread alone.
    with at_work.told():
        for part in side_by_side(work, lambda one: one()):
            outcomes.update(part)
    return outcomes


def _going_on(hosts: Sequence[Host], outcomes: Mapping[HostRef, HostOutcome]) -> list[Host]:
    """Return those of the hosts in whose site nothing has failed so far."""
    stopped: set[DomainName] = {ref.site for ref, one in outcomes.items() if one.error}
    return [host for host in hosts if host.site not in stopped]


def _install(
    runs: Runs, hosts: Sequence[Host], plans: dict[HostRef, Plan], replan: Replan
) -> Iterator[tuple[HostRef, Plan | None, MailprovError | None]]:
    at_work = AtWork(
        "interrupted during the installation of packages",
        "the host completes the current step; run apply again to continue",
        runs.name,
    )

    def work(host: Host, transport: Transport) -> Plan:
        def tell(text: str) -> None:
            runs.progress.tell(host.ref, text)

        with at_work.on(host.ref):
            runs.of(host.ref).session(transport).install(plans[host.ref], tell)
        # The packages brought files, accounts and versions of their own.
        return replan(host, transport)

    with at_work.told():
        for answer in runs.fleet.each(hosts, work):
            yield answer.host.ref, answer.value, answer.error

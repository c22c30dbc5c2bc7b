"""`apply`: bring every host to its generation.

All hosts are observed before any of them is changed, so that a host which cannot be
reached stops the run while nothing has happened. Packages come next, on all hosts at
once. Then the transactions, phase after phase (plan/phases.py), and whoever fails stops those
of its site that have not begun. A run with nothing to do ends after the observation: no lock,
nothing written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from provisioner.diagnostics import MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.phases import Group, Grouping, groups_of, transaction_phases
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.grouping import transact_group
from provisioner.verbs.health import HealthProof
from provisioner.verbs.interruption import AtWork
from provisioner.verbs.outcome import HostOutcome, failed, not_started
from provisioner.verbs.plan import DriftDecision, SitePlan, plan_host, plan_sites
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run
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
    that somebody set up on a host before mailprov may end.
    """

    drift: DriftDecision = DriftDecision.REFUSE
    within: int = CONFIRM_WITHIN
    replace_server: bool = False


def apply_site(run: Run, open_asker: OpenAsker, options: ApplyOptions) -> tuple[HostOutcome, ...]:
    """Apply one site; see `apply_sites`."""
    return apply_sites(Runs.over(run), open_asker, options)


def apply_sites(
    runs: Runs, open_asker: OpenAsker, options: ApplyOptions
) -> tuple[HostOutcome, ...]:
    """Apply the sites to the runs' hosts and say what became of each, in the sites' order.

    open_asker: makes the asker by which each host has to prove its new configuration. Raises
    MailprovError (refused) where a machine is more than one of the hosts.
    """

    def replan(host: Host, transport: Transport) -> Plan:
        return plan_host(runs.of(host.ref), host, transport, options.drift)

    survey = plan_sites(runs, options.drift, settle=True, replace_server=options.replace_server)
    return carry_out(runs, options, survey, replan, HealthProof(runs, open_asker))


def carry_out(  # noqa: PLR0913 each is another part of the work
    runs: Runs,
    options: ApplyOptions,
    survey: SitePlan,
    replan: Replan,
    proof: Proof,
    *,
    grouping: Grouping = groups_of,
) -> tuple[HostOutcome, ...]:
    """Carry out the plans of a survey and say what became of each host.

    A site with an error in the survey is left alone, and so is what has not begun of a site
    where a host failed. replan: makes a host's plan once more after its packages have come.
    proof: how new configurations prove themselves. grouping: which hosts of a site are
    confirmed together.
    """
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
    for phase in transaction_phases(_groups(runs, grouping)):
        outcomes.update(_transact(changing, phase, outcomes))
    return tuple(outcomes.get(host.ref) or not_started(host.ref) for host in runs.hosts)


def _groups(runs: Runs, grouping: Grouping) -> Iterator[Group]:
    """Yield the groups of all sites, as far as their hosts take part in the run."""
    for run in runs.runs:
        chosen = {host.ref for host in run.hosts}
        for group in grouping(run.site):
            yield tuple(host for host in group if host.ref in chosen)


def _transact(
    changing: Changing, phase: Sequence[Group], before: Mapping[HostRef, HostOutcome]
) -> dict[HostRef, HostOutcome]:
    """Change the groups of a phase side by side; return what became of each host."""
    going = {host.ref for host in _going_on([one for group in phase for one in group], before)}
    left = [group for group in phase if group[0].ref in going]
    lone = [group[0] for group in left if len(group) == 1]
    work = [lambda: transact_alone(changing, lone)] if lone else []
    work += [partial(transact_group, changing, group) for group in left if len(group) > 1]
    outcomes: dict[HostRef, HostOutcome] = {}
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

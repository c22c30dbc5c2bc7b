"""`apply`: bring every host to its generation.

All hosts are observed before any of them is changed, so that a host which cannot be
reached stops the run while nothing has happened. Packages come next, on all hosts at
once. Then the transactions: the resolvers first, because the other hosts will ask
them, and whoever fails stops those that have not begun. A run with nothing to do
ends after the observation: no lock, nothing written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostKey
from provisioner.model.site import Host, Role
from provisioner.plan.change import Change, Plan
from provisioner.workflow.plan import DriftDecision, plan_host, plan_site
from provisioner.workflow.ports import Transport
from provisioner.workflow.run import Run


class HostStatus(StrEnum):
    """Where a host stands after an apply."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    FAILED = "failed"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class HostOutcome:
    """What an apply did to one host. kept: files that drifted and were left alone."""

    host: HostKey
    status: HostStatus
    generation: str = ""
    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    error: MailprovError | None = None


def apply_site(run: Run, drift: DriftDecision = DriftDecision.REFUSE) -> tuple[HostOutcome, ...]:
    """Apply the site to the run's hosts and say what became of each, in the site's order."""
    survey = plan_site(run, drift)
    outcomes = {key: _failed(key, error) for key, error in survey.errors.items()}
    plans = dict(survey.plans)
    waves = _waves(run.hosts)
    if not outcomes:
        lacking = [host for host in run.hosts if plans[host.key].missing_packages]
        for host, plan, error in _install(run, lacking, plans, drift):
            if error:
                outcomes[host] = _failed(host, error)
            elif plan:
                plans[host] = plan
    for wave in waves:
        if any(outcome.error for outcome in outcomes.values()):
            break
        outcomes.update(_transact(run, wave, plans, survey.plans))
    return tuple(outcomes.get(host.key) or _not_started(host.key) for host in run.hosts)


def _waves(hosts: Sequence[Host]) -> tuple[tuple[Host, ...], ...]:
    resolvers = tuple(host for host in hosts if Role.DNS in host.roles)
    others = tuple(host for host in hosts if Role.DNS not in host.roles)
    return resolvers, others


def _install(
    run: Run, hosts: Sequence[Host], plans: dict[HostKey, Plan], drift: DriftDecision
) -> Iterator[tuple[HostKey, Plan | None, MailprovError | None]]:
    def work(host: Host, transport: Transport) -> Plan:
        def tell(text: str) -> None:
            run.progress.tell(host.key, text)

        run.session(transport).install(plans[host.key], tell)
        # The packages brought files, accounts and versions of their own.
        return plan_host(run, host, transport, drift)

    for answer in run.fleet.each(hosts, work):
        yield answer.host.key, answer.value, answer.error


def _transact(
    run: Run, hosts: Sequence[Host], plans: dict[HostKey, Plan], survey: dict[HostKey, Plan]
) -> dict[HostKey, HostOutcome]:
    def work(host: Host, transport: Transport) -> HostOutcome:
        plan = plans[host.key]
        packages = tuple(c for c in survey[host.key].changes if c.kind == "package")
        if plan.changes:
            run.session(transport).transact(
                plan, run.owner, lambda text: run.progress.tell(host.key, text)
            )
        changes = (*packages, *plan.changes)
        status = HostStatus.CHANGED if changes else HostStatus.UNCHANGED
        run.progress.tell(host.key, _summary(changes))
        generation = plan.generation
        return HostOutcome(
            host.key, status, generation.id, changes, tuple(plan.kept), generation.notices
        )

    # Each answer has either a value or an error.
    answers = run.fleet.each(hosts, work)
    return {
        answer.host.key: answer.value or _failed(answer.host.key, answer.error)
        for answer in answers
    }


def _summary(changes: Sequence[Change]) -> str:
    number = len(changes)
    return "nothing to change" if not number else f"{number} change{'s' if number > 1 else ''} made"


def _failed(host: HostKey, error: MailprovError | None) -> HostOutcome:
    return HostOutcome(host, HostStatus.FAILED, error=error)


def _not_started(host: HostKey) -> HostOutcome:
    return HostOutcome(host, HostStatus.NOT_STARTED)

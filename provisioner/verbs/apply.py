"""`apply`: bring every host to its generation.

All hosts are observed before any of them is changed, so that a host which cannot be
reached stops the run while nothing has happened. Packages come next, on all hosts at
once. Then the transactions, wave after wave (waves.py), and whoever fails stops those of its
site that have not begun. A new configuration is pending until it has proven itself and
is confirmed, over a fresh connection; else the host puts the old one back, whether it
hears of us or not. A run with nothing to do ends after the observation: no lock, nothing
written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Change, Plan
from provisioner.plan.held_mail import held_notices
from provisioner.plan.transaction import checks_of
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.health import check_health
from provisioner.verbs.interruption import AtWork
from provisioner.verbs.plan import DriftDecision, SitePlan, plan_host, plan_sites
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs
from provisioner.verbs.transaction_answer import (
    ReturnedError,
    TransactionAnswer,
    down_diagnostics,
)
from provisioner.verbs.waves import waves_of

CONFIRM_WITHIN = 60
"""Seconds; see --confirm-within."""

Replan = Callable[[Host, Transport], Plan]
Check = Callable[[Host, Transport], None]


class HostStatus(StrEnum):
    """Where a host stands after an apply. Returned: the configuration before is in force."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    RETURNED = "returned"
    FAILED = "failed"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class HostOutcome:
    """What an apply did to one host.

    kept: files that drifted and were left alone. checked: whose checkers have passed its files
    (checks_of).
    """

    host: HostRef
    status: HostStatus
    generation: str = ""
    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    error: MailprovError | None = None


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

    def check(host: Host, transport: Transport) -> None:
        check_health(runs.of(host.ref), host, transport, open_asker)

    def replan(host: Host, transport: Transport) -> Plan:
        return plan_host(runs.of(host.ref), host, transport, options.drift)

    survey = plan_sites(runs, options.drift, settle=True, replace_server=options.replace_server)
    return carry_out(runs, options, survey, replan, check)


def carry_out(
    runs: Runs, options: ApplyOptions, survey: SitePlan, replan: Replan, check: Check
) -> tuple[HostOutcome, ...]:
    """Carry out the plans of a survey and say what became of each host.

    A site with an error in the survey is left alone, and so is what has not begun of a site
    where a host failed. replan: makes a host's plan once more after its packages have come.
    check: raises MailprovError where a host's new configuration does not work.
    """
    outcomes = {ref: _failed(ref, error) for ref, error in survey.errors.items()}
    plans = dict(survey.plans)
    going = _going_on(runs.hosts, outcomes)
    lacking = [host for host in going if plans[host.ref].missing_packages]
    for ref, plan, error in _install(runs, lacking, plans, replan):
        if error:
            outcomes[ref] = _failed(ref, error)
        elif plan:
            plans[ref] = plan
    for wave in waves_of(runs.hosts):
        transaction = _Transaction(runs, options, plans, survey.plans, check)
        outcomes.update(transaction.carry_out(_going_on(wave, outcomes)))
    return tuple(outcomes.get(host.ref) or _not_started(host.ref) for host in runs.hosts)


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


@dataclass(frozen=True)
class _Transaction:
    """The transactions of one wave. survey: the plans before packages were installed."""

    runs: Runs
    options: ApplyOptions
    plans: Mapping[HostRef, Plan]
    survey: Mapping[HostRef, Plan]
    check: Check

    def carry_out(self, hosts: Sequence[Host]) -> dict[HostRef, HostOutcome]:
        """Carry out the plans of these hosts side by side and say what became of each."""
        at_work = AtWork(
            "interrupted during the change of the configuration",
            "an unconfirmed configuration is taken back by the host itself, at most "
            f"{self.options.within} s after its activation; `mailprov history` shows the "
            "configuration in force, then apply again",
            self.runs.name,
        )

        def work(host: Host, transport: Transport) -> HostOutcome:
            if not self.plans[host.ref].changes:
                return self._transact(host, transport)
            with at_work.on(host.ref):
                return self._transact(host, transport)

        with at_work.told():
            # Each answer has either a value or an error.
            return {
                answer.host.ref: answer.value or _failed(answer.host.ref, answer.error)
                for answer in self.runs.fleet.each(hosts, work)
            }

    def _transact(self, host: Host, transport: Transport) -> HostOutcome:
        plan = self.plans[host.ref]
        packages = tuple(c for c in self.survey[host.ref].changes if c.kind == "package")
        changes = (*packages, *plan.changes)
        error: MailprovError | None = None
        answers: list[TransactionAnswer] = []
        try:
            if plan.changes:
                answers.append(self._change(host, transport, plan))
            if answers and answers[0].pending:
                error, settled = self._prove(host, answers[0].pending)
                answers.append(settled)
        except ReturnedError as returned:
            error = returned
            answers.append(returned.answer)
        notes = [note for answer in answers for note in answer.notes()]
        held = [row for answer in answers for row in answer.held]
        status = HostStatus.CHANGED if changes else HostStatus.UNCHANGED
        if error:
            status = HostStatus.RETURNED
        self.runs.progress.tell(host.ref, "returned" if error else _summary(changes))
        return HostOutcome(
            host=host.ref,
            status=status,
            generation=plan.name,
            changes=changes,
            kept=tuple(plan.kept),
            notices=(*plan.generation.notices, *notes, *held_notices(host.key, held)),
            checked=checks_of(plan),
            error=error,
        )

    def _change(self, host: Host, transport: Transport, plan: Plan) -> TransactionAnswer:
        run = self.runs.of(host.ref)
        return run.session(transport).transact(
            plan,
            run.owner,
            self.options.within,
            lambda text: run.progress.tell(host.ref, text),
        )

    def _prove(self, host: Host, serial: str) -> tuple[MailprovError | None, TransactionAnswer]:
        """Confirm the host's new configuration, or have it return and say why.

        Returns that, and what the host answered.
        """
        try:
            session = self.runs.of(host.ref).session(self.runs.fleet.reopen(host))
        except MailprovError as error:
            raise self._left_alone(host, error) from error
        try:
            self.check(host, session.transport)
        except MailprovError as error:
            try:
                settled = session.take_back(serial, error.diagnostics[0].summary)
            except MailprovError as other:
                both = [*error.diagnostics, *other.diagnostics]
                raise MailprovError(both, error.exit_code) from error
            down = down_diagnostics(session.where, settled)
            return MailprovError([*error.diagnostics, *down], error.exit_code), settled
        return None, session.confirm(serial)

    def _left_alone(self, host: Host, error: MailprovError) -> MailprovError:
        """Return the error with what becomes of a host that nobody reaches any more."""
        returns = Diagnostic(
            summary="the new configuration could not be confirmed",
            where=str(host.key),
            got="no new connection to the host",
            want="a new connection, to prove that the host is still reachable",
            fix=f"the host restores the old configuration by itself within "
            f"{self.options.within} s; then apply again",
        )
        return MailprovError([*error.diagnostics, returns], error.exit_code)


def _summary(changes: Sequence[Change]) -> str:
    number = len(changes)
    return "nothing to change" if not number else f"{number} change{'s' if number > 1 else ''} made"


def _failed(host: HostRef, error: MailprovError | None) -> HostOutcome:
    return HostOutcome(host, HostStatus.FAILED, error=error)


def _not_started(host: HostRef) -> HostOutcome:
    return HostOutcome(host, HostStatus.NOT_STARTED)

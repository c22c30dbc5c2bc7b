"""One phase of transactions: groups of hosts, changed side by side.

A new configuration is pending until it has proven itself and is confirmed, over a fresh
connection; else the host puts the old one back, whether it hears of us or not. A host that is
alone in its group goes all the way by itself, and waits for no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.held_mail import held_notices
from provisioner.plan.phases import Group
from provisioner.plan.transaction import checks_of
from provisioner.verbs.interruption import AtWork
from provisioner.verbs.outcome import HostOutcome, HostStatus, failed, in_words
from provisioner.verbs.ports import Transport
from provisioner.verbs.runs import Runs
from provisioner.verbs.session import HostSession
from provisioner.verbs.transaction_answer import (
    ReturnedError,
    TransactionAnswer,
    down_diagnostics,
)


class Proof(Protocol):
    """How new configurations prove themselves. Each raises MailprovError with what does not work.

    A host that is alone in its group is asked for the whole proof at once. In a group each host
    proves first what it can prove alone, and then mail goes through all of them.
    """

    def whole(self, host: Host, transport: Transport) -> None:
        """Prove all that a host without a group has to do."""

    def alone(self, host: Host, transport: Transport) -> None:
        """Prove what one host of a group can do without the others."""

    def together(self, group: Group) -> None:
        """Prove what the hosts of a group can do with one another."""


@dataclass(frozen=True)
class Changing:
    """What the transactions of a run share.

    within: seconds until a host takes back what nobody confirms. plans: what is carried out.
    survey: the plans before packages were installed.
    """

    runs: Runs
    within: int
    plans: Mapping[HostRef, Plan]
    survey: Mapping[HostRef, Plan]
    proof: Proof

    def at_work(self) -> AtWork:
        """Return who notes the hosts at work, and what to tell of them after Ctrl-C."""
        return AtWork(
            "interrupted during the change of the configuration",
            "each host returns by itself from an unconfirmed configuration, at most "
            f"{self.within} s after its activation; `mailprov history` shows the "
            "configuration in force, then apply again",
            self.runs.name,
        )

    def transact(self, host: Host, transport: Transport) -> TransactionAnswer:
        """Carry out a host's plan; see `HostSession.transact`."""
        run = self.runs.of(host.ref)
        return run.session(transport).transact(
            self.plans[host.ref],
            run.owner,
            self.within,
            lambda text: run.progress.tell(host.ref, text),
        )

    def reopened(self, host: Host) -> HostSession:
        """Return a session over a fresh connection; MailprovError with what becomes of the host."""
        try:
            return self.runs.of(host.ref).session(self.runs.fleet.reopen(host))
        except MailprovError as error:
            returns = Diagnostic(
                summary="the new configuration could not be confirmed",
                where=str(host.key),
                got="no new connection to the host",
                want="a new connection, to prove that the host is still reachable",
                fix=f"the host restores the old configuration by itself within "
                f"{self.within} s; then apply again",
            )
            raise MailprovError([*error.diagnostics, returns], error.exit_code) from error

    def outcome(
        self,
        host: Host,
        answers: Sequence[TransactionAnswer],
        *,
        error: MailprovError | None = None,
        returned: bool = False,
        notes: Sequence[str] = (),
    ) -> HostOutcome:
        """Return what became of a host, and tell whoever watches.

        answers: what the host said to the transaction and to its end. returned: it is
        back at the configuration before. notes: what is to be told beside.
        """
        plan = self.plans[host.ref]
        packages = tuple(c for c in self.survey[host.ref].changes if c.kind == "package")
        changes = (*packages, *plan.changes)
        told = [note for answer in answers for note in answer.notes()]
        held = [row for answer in answers for row in answer.held]
        status = HostStatus.CHANGED if changes else HostStatus.UNCHANGED
        if returned:
            status = HostStatus.RETURNED
        self.runs.progress.tell(host.ref, status.value if returned else in_words(changes))
        return HostOutcome(
            host=host.ref,
            status=status,
            generation=plan.name,
            changes=changes,
            kept=(*plan.kept, *(name for _, name in plan.kept_lines)),
            notices=(*plan.generation.notices, *told, *held_notices(host.key, held), *notes),
            checked=checks_of(plan),
            ahead=plan.generation.ahead,
            error=error,
        )


def transact_alone(
    changing: Changing, at_work: AtWork, hosts: Sequence[Host]
) -> dict[HostRef, HostOutcome]:
    """Carry out the plans of hosts that are each alone, and say what became of each."""

    def work(host: Host, transport: Transport) -> HostOutcome:
        if not changing.plans[host.ref].changes:
            return changing.outcome(host, ())
        with at_work.on(host.ref):
            return _all_the_way(changing, host, transport)

    # Each answer has either a value or an error.
    return {
        answer.host.ref: answer.value or failed(answer.host.ref, answer.error)
        for answer in changing.runs.fleet.each(hosts, work)
    }


def _all_the_way(changing: Changing, host: Host, transport: Transport) -> HostOutcome:
    error: MailprovError | None = None
    answers: list[TransactionAnswer] = []
    try:
        answers.append(changing.transact(host, transport))
        if answers[0].pending:
            error, settled = _prove(changing, host, answers[0].pending)
            answers.append(settled)
    except ReturnedError as returned:
        error = returned
        answers.append(returned.answer)
    return changing.outcome(host, answers, error=error, returned=error is not None)


def _prove(
    changing: Changing, host: Host, serial: str
) -> tuple[MailprovError | None, TransactionAnswer]:
    """Confirm the host's new configuration, or have it return and say why.

    Returns that, and what the host answered.
    """
    session = changing.reopened(host)
    try:
        changing.proof.whole(host, session.transport)
    except MailprovError as error:
        return returned_because(session, serial, error)
    return None, session.confirm(serial)


def returned_because(
    session: HostSession, serial: str, error: MailprovError
) -> tuple[MailprovError, TransactionAnswer]:
    """Have a host return because of an error; return what is wrong now, and the host's answer."""
    try:
        settled = session.return_now(serial, error.diagnostics[0].summary)
    except MailprovError as other:
        both = [*error.diagnostics, *other.diagnostics]
        raise MailprovError(both, error.exit_code) from error
    down = down_diagnostics(session.where, settled)
    return MailprovError([*error.diagnostics, *down], error.exit_code), settled

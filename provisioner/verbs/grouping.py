"""The transactions of a group: hosts whose proof by mail needs each other are confirmed together.

All of them carry out their transactions, which are pending then. Each proves what it can prove
alone, and then mail goes through all. Before the first confirmation every host is reached once
more, over a fresh connection, and promises to wait: so the confirmations, which are all that is
left, find hosts that were there and could write a moment ago. Up to there whatever fails takes
every host back. From there on a confirmed host keeps what was proven, and only those behind the
one that failed go back (docs/decisions/0043-groups-and-gates.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.phases import Group
from provisioner.verbs.interruption import AtWork
from provisioner.verbs.outcome import HostOutcome, failed
from provisioner.verbs.ports import Transport
from provisioner.verbs.session import HostSession
from provisioner.verbs.transacting import Changing, returned_because
from provisioner.verbs.transaction_answer import ReturnedError, TransactionAnswer


def transact_group(changing: Changing, at_work: AtWork, group: Group) -> dict[HostRef, HostOutcome]:
    """Carry out the plans of a group, and say what became of each of its hosts."""
    return _GroupTransaction(changing, group).carry_out(at_work)


@dataclass
class _Member:
    """A host of the group on its way. pending: the serial of what waits to be confirmed there."""

    host: Host
    pending: str = ""
    session: HostSession | None = None
    answers: list[TransactionAnswer] = field(default_factory=list)
    error: MailprovError | None = None
    returned: bool = False
    notes: list[str] = field(default_factory=list)


class _GroupTransaction:
    def __init__(self, changing: Changing, group: Group) -> None:
        self._changing = changing
        self._group = group
        self._members = {host.ref: _Member(host) for host in group}

    def carry_out(self, at_work: AtWork) -> dict[HostRef, HostOutcome]:
        busy = [host for host in self._group if self._changing.plans[host.ref].changes]
        with ExitStack() as stack:
            for host in busy:
                stack.enter_context(at_work.on(host.ref))
            self._each(busy, self._change)
            if self._pending and not self._error:
                self._each(self._pending, self._prove_alone)
            if self._pending and not self._error:
                self._prove_together()
            if self._pending and not self._error:
                self._each(self._pending, self._extend)
            if self._error:
                self._each(self._pending, self._return)
            else:
                self._confirm()
        return {ref: self._outcome(member) for ref, member in self._members.items()}

    @property
    def _pending(self) -> list[Host]:
        return [one.host for one in self._members.values() if one.pending]

    @property
    def _error(self) -> MailprovError | None:
        return next((one.error for one in self._members.values() if one.error), None)

    def _each(self, hosts: Iterable[Host], step: Callable[[_Member, Transport], None]) -> None:
        """Take a step on these hosts side by side, and keep what goes wrong with each."""

        def work(host: Host, transport: Transport) -> None:
            step(self._members[host.ref], transport)

        for answer in self._changing.runs.fleet.each(list(hosts), work):
            if answer.error:
                self._fail(self._members[answer.host.ref], answer.error)

    def _fail(self, member: _Member, error: MailprovError) -> None:
        member.error = error
        if isinstance(error, ReturnedError):
            member.answers.append(error.answer)
            member.returned = True
            member.pending = ""

    def _change(self, member: _Member, transport: Transport) -> None:
        answer = self._changing.transact(member.host, transport)
        member.answers.append(answer)
        member.pending = answer.pending

    def _prove_alone(self, member: _Member, transport: Transport) -> None:
        del transport
        self._reopen(member)
        self._changing.proof.alone(member.host, self._session(member).transport)

    def _prove_together(self) -> None:
        try:
            self._changing.proof.together(self._group)
        except MailprovError as error:
            self._fail(self._members[self._pending[0].ref], error)

    def _extend(self, member: _Member, transport: Transport) -> None:
        del transport
        self._reopen(member)
        self._session(member).extend(member.pending, self._changing.within)

    def _return(self, member: _Member, transport: Transport) -> None:
        """Take a host back: because of its own error, or of another's."""
        serial, member.pending = member.pending, ""
        if member.error and member.session is None:
            return  # nobody reaches it: it returns by itself
        session = self._changing.runs.of(member.host.ref).session(transport)
        if member.error:
            member.error, answer = returned_because(session, serial, member.error)
        else:
            cause = next(filter(None, (one.error for one in self._members.values())))
            reason = cause.diagnostics[0].summary
            answer = session.return_now(serial, reason)
            told = f"the old configuration is in force again, as on its whole group: {reason}"
            member.notes.append(f"{member.host.key}: {told}")
        member.answers.append(answer)
        member.returned = True

    def _confirm(self) -> None:
        """Confirm one host after another; behind the first that fails, all go back."""
        kept: list[Host] = []
        for host in self._pending:
            member = self._members[host.ref]
            try:
                member.answers.append(self._session(member).confirm(member.pending))
            except MailprovError as error:
                self._fail(member, error)
                member.pending = ""
                break
            member.pending = ""
            kept.append(host)
        if self._error:
            self._each(self._pending, self._return)
            self._tell_split(kept)

    def _reopen(self, member: _Member) -> None:
        member.session = None
        member.session = self._changing.reopened(member.host)

    def _session(self, member: _Member) -> HostSession:
        """Return the session over the host's fresh connection."""
        if member.session is None:
            raise AssertionError(member.host.ref)
        return member.session

    def _tell_split(self, kept: list[Host]) -> None:
        """Say which host has which configuration, where only a part of them was confirmed."""
        culprit = next(one for one in self._members.values() if one.error)
        if not kept or culprit.error is None:
            return
        new = {host.ref for host in kept}
        others = [str(one.key) for one in self._group if one.ref not in new]
        told = Diagnostic(
            summary="only a part of the hosts that belong together has the new configuration",
            where=str(culprit.host.key),
            got=f"new: {', '.join(str(one.key) for one in kept)}; old: {', '.join(others)}",
            want="the new configuration on all of them",
            fix="remove the cause shown above, then apply again; `mailprov history` shows what "
            "each host has",
        )
        errors = [*culprit.error.diagnostics, told]
        culprit.error = MailprovError(errors, culprit.error.exit_code)

    def _outcome(self, member: _Member) -> HostOutcome:
        if member.error and not member.returned:
            return failed(member.host.ref, member.error)
        return self._changing.outcome(
            member.host,
            member.answers,
            error=member.error,
            returned=member.returned,
            notes=member.notes,
        )

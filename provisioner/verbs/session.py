"""One host, as the workflow deals with it: observe, install, transact.

Each of the three is one remote program over one connection; what they say is parsed
by provisioner.plan. Progress is told while it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provisioner import __version__
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts, Introduction
from provisioner.facts.observation import parse_facts, parse_introduction
from provisioner.plan.change import Plan
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Look, observation_rows
from provisioner.plan.secrets_diff import without_secrets
from provisioner.plan.transaction import pack_transaction
from provisioner.remote.program import KEPT
from provisioner.remote.protocol import ExitStatus, Section, follow, free_text, up_to
from provisioner.verbs.ports import Completed, Conversation, Transport
from provisioner.verbs.remote_failure import (
    broken_off,
    cause_in,
    shortened,
    stderr_of,
    understanding,
)
from provisioner.verbs.transaction_answer import (
    ReturnedError,
    TransactionAnswer,
    read_answer,
)

OBSERVE_SECONDS = 120.0
INSTALL_SECONDS = 1800.0
TRANSACT_SECONDS = 300.0
SETTLE_SECONDS = 60.0

Compile = Callable[[Introduction], Generation]
Tell = Callable[[str], None]


class HostSession:
    """A host that is connected.

    transport: the way to it. programs: the remote program's text by verb.
    """

    def __init__(self, transport: Transport, programs: Mapping[str, str]) -> None:
        self.transport = transport
        self._programs = programs

    @property
    def where(self) -> str:
        """The host in a diagnostic's words."""
        return str(self.transport.host)

    def observe(self, compile_for: Compile, look: Look = Look.COMPARED) -> tuple[Generation, Facts]:
        """Return what the host should be and what it is; one program, nothing written.

        compile_for: makes the generation once the host has said what it is. Raises
        MailprovError.
        """
        with self.start("observe", OBSERVE_SECONDS, "observing the host") as conversation:
            introduced = list(up_to(Section.READY, conversation.lines()))
            if introduced[-1:] != [f"@{Section.READY}"]:
                raise self.broken("identifying the host", conversation.result())
            with understanding(self.where, "identifying itself"):
                introduction = parse_introduction(introduced)
            generation = compile_for(introduction)
            rows = observation_rows(generation, introduction, look)
            conversation.send(rows)
            conversation.finish()
            lines = list(conversation.lines())
            completed = conversation.result()
        if lines[-1:] != [f"@{Section.END}"]:
            raise self.broken("observing the host", completed)
        with understanding(self.where, "observing the host"):
            return generation, parse_facts(introduction, lines)

    def install(self, plan: Plan, tell: Tell) -> None:
        """Install the packages that the plan misses; MailprovError with the manager's words."""
        manager = plan.generation.platform.package_manager
        tail: list[str] = []
        held: list[str] = []
        doing = "installing packages"
        units = ",".join(f"{unit.name}:{unit.running}" for unit in plan.generation.units)
        arguments = (manager, units, *plan.missing_packages)
        with self.start("packages", INSTALL_SECONDS, doing, *arguments) as conversation:
            for section, argument, line in follow(conversation.lines()):
                if line is not None:
                    tail = [*tail[-11:], free_text(line)]
                elif section == Section.PROGRESS:
                    tell(argument)
                elif section == Section.HELD:
                    held.append(argument)
            completed = conversation.result()
        if completed.status == ExitStatus.UNFIT_STATE:
            raise self.broken(doing, completed)
        if completed.status == ExitStatus.LOCKED and held:
            raise MailprovError(self._held_diagnostic(manager, held[-1]), ExitCode.REFUSED)
        if completed.status != ExitStatus.DONE:
            said = "\n".join(tail) or stderr_of(completed)
            raise MailprovError(
                Diagnostic(
                    summary=(
                        "the package manager could not install the packages; nothing else "
                        "was changed"
                    ),
                    where=self.where,
                    got=said,
                    want=" ".join(plan.missing_packages),
                    fix=cause_in(said).fix or f"repair {manager} on the host, then apply again",
                )
            )

    def transact(self, plan: Plan, owner: str, within: int, tell: Tell) -> TransactionAnswer:
        """Carry out the plan's transaction; MailprovError if it was refused or failed.

        ReturnedError where a step of the configuration failed and the one before is back.
        owner: who holds the host's lock meanwhile, for whoever finds it taken. within:
        seconds after which a configuration that nobody confirmed returns. Where the answer
        names something pending, it is to be confirmed; else all is in force.
        """
        archive = pack_transaction(plan)
        doing = "running the transaction"
        arguments = (owner, str(within))
        with self.start("transact", TRANSACT_SECONDS, doing, *arguments) as conversation:
            conversation.send(archive)
            conversation.finish()
            with understanding(self.where, doing):
                # A checker may quote what it does not like.
                lines = without_secrets(plan.generation, conversation.lines())
                answer = read_answer(lines, tell)
            completed = conversation.result()
        if completed.status == ExitStatus.UNFIT_STATE:
            raise self.broken(doing, completed)
        if completed.status == ExitStatus.DONE and answer.finished:
            return answer
        diagnostic = self._transaction_diagnostic(answer, completed)
        if completed.status == ExitStatus.RETURNED:
            raise ReturnedError(self.where, diagnostic, answer)
        refused = completed.status == ExitStatus.LOCKED
        raise MailprovError(diagnostic, ExitCode.REFUSED if refused else ExitCode.FAILED)

    def confirm(self, serial: str) -> TransactionAnswer:
        """Keep the pending configuration; MailprovError if that fails.

        ReturnedError where the host could not keep it, or has returned meanwhile.
        """
        return self._settle("confirm", serial)

    def extend(self, serial: str, within: int) -> TransactionAnswer:
        """Have the host wait for the confirmation for so many seconds from now on.

        MailprovError if that fails, ReturnedError where it could not wait or has returned.
        """
        return self._settle("extend", serial, str(within))

    def return_now(self, serial: str, reason: str) -> TransactionAnswer:
        """Have the host put back the configuration before; MailprovError if it did so already."""
        return self._settle("return", serial, reason)

    def settle_abandoned(self) -> TransactionAnswer:
        """Settle what a broken-off transaction left pending; MailprovError if that fails."""
        return self._settle("abandoned")

    def _settle(self, *arguments: str) -> TransactionAnswer:
        with self.start("settle", SETTLE_SECONDS, "ending the transaction", *arguments) as talk:
            talk.finish()
            with understanding(self.where, "ending the transaction"):
                answer = read_answer(talk.lines(), lambda _: None)
            completed = talk.result()
        if completed.status == ExitStatus.DONE and answer.finished:
            return answer
        if completed.status == ExitStatus.LOCKED:
            raise MailprovError(self._unsettled(answer), ExitCode.REFUSED)
        if completed.status == ExitStatus.ABSENT:
            late = Diagnostic(
                summary="the wait for the confirmation timed out, and the host returned to the old "
                "configuration",
                where=self.where,
                got=answer.history.replace("\t", " ") or "no transaction is pending",
                want="a confirmation in time (--confirm-within)",
                fix="remove the cause of the missing confirmation, then apply again",
            )
            raise ReturnedError(self.where, late, answer)
        if completed.status == ExitStatus.RETURNED:
            failure = Diagnostic(
                summary="the host could not confirm its new configuration; the old "
                "configuration is in force again",
                where=self.where,
                got=stderr_of(completed),
                fix=cause_in(stderr_of(completed)).fix
                or "free space on the host's disk, then apply again",
            )
            raise ReturnedError(self.where, failure, answer)
        raise self.broken("ending the transaction", completed)

    def _unsettled(self, answer: TransactionAnswer) -> Diagnostic:
        return Diagnostic(
            summary="another mailprov program is running on this host: the transaction stays open",
            where=self.where,
            got="\n".join(answer.locked),
            want="the host's lock within 20 s",
            fix="wait a minute, check the outcome with `mailprov history`, then apply again",
        )

    def start(self, verb: str, seconds: float, doing: str, *arguments: str) -> Conversation:
        """Run a verb of the remote program; see Transport.start."""
        return self.transport.start(
            self._programs[verb], *arguments, timeout=seconds, doing=doing, keep=verb in KEPT
        )

    def _transaction_diagnostic(
        self, answer: TransactionAnswer, completed: Completed
    ) -> Diagnostic:
        if completed.status == ExitStatus.LOCKED and answer.edited:
            return Diagnostic(
                summary="a file was changed since the host was observed; nothing was changed there",
                where=self.where,
                got="\n".join(answer.edited),
                want="the files as observed",
                fix="read `mailprov plan`, then run the command again",
            )
        if completed.status == ExitStatus.LOCKED:
            return Diagnostic(
                summary="another apply is running on this host, or has just ended",
                where=self.where,
                got="\n".join(answer.locked),
                fix="wait until it has ended, read `mailprov plan`, then run the command again",
            )
        if completed.status == ExitStatus.REFUSED:
            return Diagnostic(
                summary="the daemons' own checks refuse the new configuration; nothing on the "
                "host was changed",
                where=self.where,
                got="\n".join(answer.checks) or stderr_of(completed),
                want="no output on standard error",
                fix="correct the site file; the escape hatches (postfix, dovecot, unbound) "
                "are the usual cause",
            )
        said = "\n".join(answer.output) or stderr_of(completed)
        cause = cause_in(said)
        if answer.failed == "check":
            what = "the new configuration could not be checked"
        elif answer.failed:
            what = f"the step `{answer.failed.strip()}` failed"
        else:
            what = f"the transaction ended with exit status {completed.status}"
        return Diagnostic(
            summary=f"{what}; {_left_behind(answer, completed)}",
            where=self.where,
            got=shortened(said),
            fix=cause.fix or "remove the cause above, then apply again",
        )

    def _held_diagnostic(self, manager: str, holder: str) -> Diagnostic:
        return Diagnostic(
            summary=f"another program holds the host's package manager ({manager}); "
            "nothing was changed",
            where=self.where,
            got=f"{holder}, for longer than a minute",
            want="no other program that installs packages",
            fix="wait until it ends, or end it if it hangs, then apply again; do not "
            "remove its lock file, which is never the cause",
        )

    def broken(self, doing: str, completed: Completed) -> MailprovError:
        """Return the error for a program that ended without saying what is wrong."""
        return broken_off(self.where, doing, completed, f"mailprov {__version__}")


def _left_behind(answer: TransactionAnswer, completed: Completed) -> str:
    """Return in words what a transaction that broke off has changed."""
    if completed.status == ExitStatus.RETURNED:
        return "the old configuration is in force again"
    if not answer.begun:
        return "nothing live was changed"
    return "the steps before it are in force"

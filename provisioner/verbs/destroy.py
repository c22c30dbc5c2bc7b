"""`destroy`: take mailprov off the hosts and leave what is not its own.

First each host goes back to how it was found, by a transaction that is proven and
confirmed over a fresh connection like any other: if it goes wrong, the host returns. Only
then is the rest taken away, users' files and all that remembers them, over that same fresh
connection. That needs no confirmation of its own: nothing the host needs to be reached
hangs on it, and what is interrupted is done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Introduction
from provisioner.model.names import HostKey
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.compile import host_made_paths
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import AS_FOUND, Generation
from provisioner.plan.held_mail import held_notices
from provisioner.plan.phases import Group
from provisioner.plan.recall import generation_as_found
from provisioner.plan.rollback import is_at_rest, without_directory
from provisioner.remote.protocol import Answer, Asked, ExitStatus, Section, rows_text
from provisioner.verbs.apply import ApplyOptions, carry_out
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.ports import Transport
from provisioner.verbs.rollback import WayBack
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs
from provisioner.verbs.session import TRANSACT_SECONDS


def survey_destruction(run: Run, options: ApplyOptions, *, settle: bool = False) -> SitePlan:
    """Return each host's plan back to how it was found.

    settle: first have a host settle what a transaction that broke off left pending; without
    it nothing is written, and such a transaction is that host's error.
    """
    back = WayBack(run, options, AS_FOUND, settle=settle)

    def work(host: Host, transport: Transport) -> Plan:
        def as_found(introduction: Introduction) -> Generation:
            return generation_as_found(host, run.compiler.platform_for(host, introduction))

        run.progress.tell(host.ref, "observing")
        generation, facts = run.observe_as(host, transport, as_found)
        if is_at_rest(facts) and not facts.introduction.pending:
            # The configuration is gone already, or never came: an interrupted destroy.
            plan = diff_generation(generation, without_directory(facts))
            return replace(plan, changes=())
        return back.plan(host, transport)

    told = run.gather(work)
    return SitePlan(told.values, told.errors)


def destroy_site(run: Run, options: ApplyOptions) -> tuple[HostOutcome, ...]:
    """Take mailprov off the run's hosts and say what became of each, in the site's order.

    Raises MailprovError (refused) where a machine is more than one of the hosts.
    """
    survey = survey_destruction(run, options, settle=True)

    def unchanged(host: Host, transport: Transport) -> Plan:
        del transport
        return survey.plans[host.ref]

    # As found, nobody knows what has to work.
    outcomes = carry_out(Runs.over(run), options, survey, unchanged, NoProof())
    if any(outcome.error for outcome in outcomes):
        return outcomes
    return tuple(_take_away(run, outcomes))


class NoProof:
    """The proof of which nothing is asked; satisfies `Proof` of verbs/transacting.py."""

    def whole(self, host: Host, transport: Transport) -> None:
        """Ask nothing."""

    def alone(self, host: Host, transport: Transport) -> None:
        """Ask nothing."""

    def together(self, group: Group) -> None:
        """Ask nothing."""


def _take_away(run: Run, outcomes: Iterable[HostOutcome]) -> Iterable[HostOutcome]:
    before = {outcome.host: outcome for outcome in outcomes}

    def work(host: Host, transport: Transport) -> HostOutcome:
        run.progress.tell(host.ref, "removing the remaining files")
        outcome = _remove(run, host, transport, before[host.ref])
        run.progress.tell(host.ref, "destroyed")
        return outcome

    told = run.gather(work)
    for host in run.hosts:
        failed = replace(
            before[host.ref], status=HostStatus.FAILED, error=told.errors.get(host.ref)
        )
        yield told.values.get(host.ref) or failed


def _remove(run: Run, host: Host, transport: Transport, before: HostOutcome) -> HostOutcome:
    session = run.session(transport)
    paths: list[str] = []

    def as_found(introduction: Introduction) -> Generation:
        platform = run.compiler.platform_for(host, introduction)
        paths.extend(host_made_paths(host, platform))
        return generation_as_found(host, platform)

    session.observe(as_found)
    doing = "removing the remaining files"
    with session.start("destroy", TRANSACT_SECONDS, doing, run.owner) as conversation:
        conversation.send(rows_text((Asked.MADE, path) for path in paths))
        conversation.finish()
        answer = Answer.read(conversation.lines())
        completed = conversation.result()
    if completed.status == ExitStatus.DONE and answer.ends_with(Section.FINISHED):
        untouched = Section.NOTHING in answer.plain
        status = HostStatus.UNCHANGED if untouched else HostStatus.CHANGED
        notices = tuple(held_notices(host.key, answer.lines(Section.HELD)))
        return replace(before, status=status, generation="", notices=notices)
    if completed.status in {ExitStatus.LOCKED, ExitStatus.UNSUITABLE}:
        raise _in_use(host.key, answer)
    raise session.broken(doing, completed)


def _in_use(host: HostKey, answer: Answer) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="another run has changed this host at the same time; the remaining files stay",
            where=str(host),
            got="\n".join(line for part in answer.parts for line in part.lines),
            fix="read `mailprov history`, then run destroy again",
        ),
        ExitCode.REFUSED,
    )

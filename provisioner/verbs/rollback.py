"""`rollback`: bring an earlier configuration back, and leave the users alone.

Each host tells its history and the generation that is meant; from there on it is a
transaction like any other, with the same checks, the same proof and the same way back.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts, Introduction
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.generation import AS_FOUND, Generation
from provisioner.plan.history import choose_generation
from provisioner.plan.recall import (
    generation_as_found,
    recall_generation,
    with_present_secrets,
)
from provisioner.plan.rollback import diff_recalled, refuse_other_users
from provisioner.plan.secrets_diff import refuse_lost_secrets
from provisioner.verbs.apply import ApplyOptions, carry_out
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.health import RecalledProof
from provisioner.verbs.outcome import HostOutcome
from provisioner.verbs.plan import (
    DriftDecision,
    SitePlan,
    obstacles_of,
    refuse_undecided,
    settle_pending,
    unsettled,
)
from provisioner.verbs.ports import Transport
from provisioner.verbs.recall import Recalled, recall
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs


def rollback_site(
    run: Run, open_asker: OpenAsker, options: ApplyOptions, wanted: str | None
) -> tuple[HostOutcome, ...]:
    """Roll the run's hosts back and say what became of each, in the site's order.

    wanted: an id or its beginning, `0` for the hosts as found, None for the generation
    before. open_asker: makes the asker by which each host has to prove itself. Raises
    MailprovError (refused) where a machine is more than one of the hosts.
    """
    way_back = WayBack(run, options, wanted)
    survey = way_back.survey()
    runs = Runs.over(run)
    recalled = {ref: plan.generation for ref, plan in survey.plans.items()}
    proof = RecalledProof(runs, open_asker, recalled)
    return carry_out(runs, options, survey, way_back.plan, proof)


@dataclass(frozen=True)
class WayBack:
    """The plans back to what is wanted.

    settle: first have a host settle what a transaction that broke off left pending; without
    it, that is refused and nothing is written.
    """

    run: Run
    options: ApplyOptions
    wanted: str | None
    settle: bool = True

    def survey(self) -> SitePlan:
        """Return each host's plan back; raises nothing for a host."""
        told = self.run.gather(self.plan)
        return SitePlan(told.values, told.errors)

    def plan(self, host: Host, transport: Transport) -> Plan:
        """Return one host's plan back; MailprovError, for drift (refused) if so decided."""
        self.run.progress.tell(host.ref, "observing")
        recalled = self._recall(host, transport)
        generation, facts = self._observe(host, transport, recalled)
        if facts.introduction.pending:
            if not self.settle:
                raise unsettled(host, facts.introduction.pending)
            settle_pending(self.run, host, transport, facts.introduction.pending)
            recalled = self._recall(host, transport)
            generation, facts = self._observe(host, transport, recalled)
        refuse_other_users(host, generation, facts)
        refuse_lost_secrets(generation, facts)
        keep = self.options.drift is DriftDecision.KEEP
        plan = diff_recalled(generation, facts, keep_drift=keep)
        refuse_undecided(host, plan, self.options.drift, obstacles_of(plan, facts))
        told = "nothing to change" if not plan.changes else "compared"
        self.run.progress.tell(host.ref, told)
        return plan

    def _recall(self, host: Host, transport: Transport) -> Recalled:
        return recall(
            self.run.session(transport),
            lambda history: choose_generation(str(host.key), history, self.wanted),
        )

    def _observe(
        self, host: Host, transport: Transport, recalled: Recalled
    ) -> tuple[Generation, Facts]:
        def generation_for(introduction: Introduction) -> Generation:
            platform = self.run.compiler.platform_for(host, introduction)
            if recalled.chosen == AS_FOUND:
                generation = generation_as_found(host, platform)
            else:
                generation = recall_generation(host, recalled.chosen, recalled.remembered)
            if generation.platform.name != platform.name:
                raise _other_release(host, generation, platform.title)
            return with_present_secrets(generation, host, introduction.left)

        return self.run.observe_as(host, transport, generation_for)


def _other_release(host: Host, generation: Generation, title: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="that generation is for another release of the operating system",
            where=str(host.key),
            got=title,
            want=generation.platform.title,
            fix="apply a site file; mailprov renders it for the present release",
        ),
        ExitCode.REFUSED,
    )

"""Whether a host's new configuration may stay: what has to work before it is confirmed.

Static checks pass nearly anything, so a configuration that is in force and pending has
to prove itself: units up, the resolver answering for its zones, and real mail that goes
in by every path of the host and comes out again. And it has to keep strangers out: an open
relay, a login before TLS or an open resolver is taken back, unless the site names it under
allow_insecure. While a configuration is pending Postfix bounces nothing, so that a refusal
for now (4xx) counts; that it is one for good is `verify`'s business afterwards, with all the
further forms of what is forbidden. A question that cannot be asked takes nothing back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.prober import probe_login
from provisioner.model.site import Host
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Also
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.complaints import read_complaints
from provisioner.verbs.ports import Transport
from provisioner.verbs.probing import (
    Choose,
    Observed,
    ask_hosts,
    observe_service,
    own_findings,
)
from provisioner.verbs.run import Run


def check_health(run: Run, host: Host, transport: Transport, open_asker: OpenAsker) -> None:
    """Return if the host's services work; MailprovError with what does not."""
    run.progress.tell(host.ref, "testing the new configuration")
    # The daemons' checkers have just read these very files, when they were staged.
    observed = observe_service(run, host, transport, Also.SERVICE)
    _judge(run, host, observed, open_asker, vital)


def check_recalled(
    run: Run, host: Host, transport: Transport, open_asker: OpenAsker, generation: Generation
) -> None:
    """Return if the services of a recalled configuration work; MailprovError if not.

    The questions come of the site file, which may be newer than the configuration: only
    mail counts, by the ports that the configuration has, and with the prober's login of
    that time only services.
    """

    def recalled(question: Question[Any]) -> Question[Any] | None:
        return within_ports(question, generation.ports)

    def nothing(_: Question[Any]) -> None:
        return None

    run.progress.tell(host.ref, "testing the new configuration")
    session = run.session(transport)
    generation, facts = session.observe(lambda _: generation, Also.SERVICE)
    logins = {recipe.subject for recipe in generation.recipes if recipe.kind == "probe"}
    choose = recalled if logins == {probe_login(run.site)} else nothing
    _judge(run, host, Observed(generation, facts, transport), open_asker, choose)


def _judge(run: Run, host: Host, observed: Observed, open_asker: OpenAsker, choose: Choose) -> None:
    forbidden: set[str] = set()

    def noted(question: Question[Any]) -> Question[Any] | None:
        chosen = choose(question)
        if chosen is not None and chosen.negative:
            forbidden.add(chosen.id)
        return chosen

    findings = [
        *own_findings(run.site, host, observed),
        *ask_hosts(run, {host.ref: observed}, open_asker, noted),
    ]
    # What an earlier failure left in the prober's mailbox says nothing of this one.
    failed = [
        finding
        for finding in findings
        if finding.status is Status.FAILED and not finding.id.startswith("mail.cleaned")
    ]
    if failed:
        said = read_complaints(run, host, observed.transport)
        told = (_diagnostic(each, unsafe=each.id in forbidden) for each in failed)
        raise MailprovError([*told, *said])


def vital(question: Question[Any]) -> Question[Any] | None:
    """Return the question if its answer decides that a configuration stays."""
    return question.while_pending()


def within_ports(question: Question[Any], ports: Collection[int]) -> Question[Any] | None:
    """Return the question if it is about real mail, cut down to these ports."""
    if not isinstance(question, RoundTripQuestion):
        return None
    paths = tuple(path for path in question.paths if path.endpoint.port in ports)
    readers = tuple(one for one in question.readers if one.endpoint.port in ports)
    if not paths or not readers:
        return None
    endpoint = readers[0].endpoint
    return replace(question.while_pending(), paths=paths, readers=readers, endpoint=endpoint)


def _diagnostic(finding: Finding, *, unsafe: bool) -> Diagnostic:
    fault = "is not safe" if unsafe else "does not work"
    return Diagnostic(
        summary=f"the new configuration {fault}: {finding.question}",
        where=finding.id,
        got=finding.got,
        want=finding.want,
        fix=finding.remedy,
    )

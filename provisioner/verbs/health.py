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

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.names import HostRef
from provisioner.model.prober import probe_login
from provisioner.model.site import Host
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Look
from provisioner.plan.phases import Group
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
from provisioner.verbs.runs import Runs


@dataclass(frozen=True)
class HealthProof:
    """The proof of new configurations; satisfies `Proof` of verbs/transacting.py."""

    runs: Runs
    open_asker: OpenAsker

    def whole(self, host: Host, transport: Transport) -> None:
        """Return if the host's services work; MailprovError with what does not."""
        self._judge(host, transport, vital)

    def alone(self, host: Host, transport: Transport) -> None:
        """Return if what needs no other host works; MailprovError with what does not."""
        self._judge(host, transport, vital_alone)

    def together(self, group: Group) -> None:
        """Return if mail goes through the group; MailprovError with what does not work."""
        _judge_group(self.runs, group, self._observed, self.open_asker, vital_together)

    def _judge(self, host: Host, transport: Transport, choose: Choose) -> None:
        run = self.runs.of(host.ref)
        _judge(run, host, self._observed(run, host, transport), self.open_asker, choose)

    def _observed(self, run: Run, host: Host, transport: Transport) -> Observed:
        run.progress.tell(host.ref, "testing the new configuration")
        # The daemons' checkers have just read these very files, when they were staged, and the
        # transaction has just written them.
        return observe_service(run, host, transport, Look.SERVICE)


@dataclass(frozen=True)
class RecalledProof:
    """The proof of recalled configurations; satisfies `Proof` of verbs/transacting.py.

    The questions come of the site file, which may be newer than the configuration: only
    mail counts, by the ports that the configurations have, and with the prober's login of
    that time only services. As found, nobody knows what has to work; that services start was
    seen already. generations: what is recalled on each host.
    """

    runs: Runs
    open_asker: OpenAsker
    generations: Mapping[HostRef, Generation]

    def whole(self, host: Host, transport: Transport) -> None:
        """Return if the host's services work, and mail by them; MailprovError if not."""
        self._judge(host, transport, self._recalled([host]))

    def alone(self, host: Host, transport: Transport) -> None:
        """Return if the host's services work; MailprovError if not."""
        self._judge(host, transport, _nothing)

    def together(self, group: Group) -> None:
        """Return if mail goes through the group; MailprovError if not."""
        hosts = [host for host in group if not self.generations[host.ref].as_found]
        if hosts:
            choose = self._recalled(hosts)
            _judge_group(self.runs, hosts, self._observed, self.open_asker, choose)

    def _judge(self, host: Host, transport: Transport, choose: Choose) -> None:
        if not self.generations[host.ref].as_found:
            run = self.runs.of(host.ref)
            _judge(run, host, self._observed(run, host, transport), self.open_asker, choose)

    def _observed(self, run: Run, host: Host, transport: Transport) -> Observed:
        recalled = self.generations[host.ref]
        run.progress.tell(host.ref, "testing the new configuration")
        generation, facts = run.session(transport).observe(lambda _: recalled, Look.SERVICE)
        return Observed(generation, facts, transport)

    def _recalled(self, hosts: Sequence[Host]) -> Choose:
        """Return what becomes of a question to these hosts' recalled configurations."""
        recalled = [self.generations[host.ref] for host in hosts]
        logins = {
            recipe.subject for one in recalled for recipe in one.recipes if recipe.kind == "probe"
        }
        if logins != {probe_login(self.runs.of(hosts[0].ref).site)}:
            return _nothing
        ports = {port for one in recalled for port in one.ports}
        return lambda question: within_ports(question, ports)


def _nothing(_: Question[Any]) -> None:
    return None


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
    _refuse_failures(run, [(host, observed)], findings, forbidden)


def _judge_group(
    runs: Runs,
    hosts: Sequence[Host],
    observe: Callable[[Run, Host, Transport], Observed],
    open_asker: OpenAsker,
    choose: Choose,
) -> None:
    told = runs.gather(observe, hosts)
    for error in told.errors.values():
        raise error
    run = runs.of(hosts[0].ref)
    findings = ask_hosts(run, told.values, open_asker, choose)
    seen = [(host, told.values[host.ref]) for host in hosts]
    _refuse_failures(run, seen, findings, frozenset())


def _refuse_failures(
    run: Run,
    hosts: Iterable[tuple[Host, Observed]],
    findings: Iterable[Finding],
    forbidden: Collection[str],
) -> None:
    """Raise MailprovError with what failed, and what these hosts' daemons said of it."""
    # What an earlier failure left in the prober's mailbox says nothing of this one.
    failed = [
        finding
        for finding in findings
        if finding.status is Status.FAILED and not finding.id.startswith("mail.cleaned")
    ]
    if failed:
        said = [one for host, seen in hosts for one in read_complaints(run, host, seen.transport)]
        told = (_diagnostic(each, unsafe=each.id in forbidden) for each in failed)
        raise MailprovError([*told, *said])


def vital(question: Question[Any]) -> Question[Any] | None:
    """Return the question if its answer decides that a configuration stays."""
    return question.while_pending()


def vital_alone(question: Question[Any]) -> Question[Any] | None:
    """Return the question if it decides that, and one host can answer it without the others."""
    return None if isinstance(question, RoundTripQuestion) else question.while_pending()


def vital_together(question: Question[Any]) -> Question[Any] | None:
    """Return the question if it decides that, and it takes the whole group to answer it."""
    return question.while_pending() if isinstance(question, RoundTripQuestion) else None


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

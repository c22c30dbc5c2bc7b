"""Whether a host's new configuration may stay: what has to work before it is confirmed.

Static checks pass nearly anything, so a configuration that is in force and pending has
to prove itself: units up, the resolver answering for its zones, and real mail that goes
in by every path of the host and comes out again. What is only forbidden (relaying, login
before TLS) is `verify`'s business afterwards; while a configuration is pending Postfix
bounces nothing, so its refusals are not what they will be.
"""

from __future__ import annotations

from typing import Any

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.model.site import Host
from provisioner.probes.dns import RecordQuestion
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.workflow.asking import OpenAsker
from provisioner.workflow.ports import Transport
from provisioner.workflow.probing import ask_hosts, observe_service, unit_findings
from provisioner.workflow.run import Run


def check_health(run: Run, host: Host, transport: Transport, open_asker: OpenAsker) -> None:
    """Return if the host's services work; MailprovError with what does not."""
    run.progress.tell(host.key, "proving that it works")
    observed = observe_service(run, host, transport)
    findings = [
        *unit_findings(host, observed),
        *ask_hosts(run, {host.key: observed}, open_asker, is_vital),
    ]
    # What an earlier failure left in the prober's mailbox says nothing of this one.
    failed = [
        finding
        for finding in findings
        if finding.status is Status.FAILED and not finding.id.startswith("mail.cleaned")
    ]
    if failed:
        raise MailprovError([_diagnostic(finding) for finding in failed])


def is_vital(question: Question[Any]) -> bool:
    """Tell whether the answer decides that a configuration stays."""
    return isinstance(question, (RoundTripQuestion, RecordQuestion))


def _diagnostic(finding: Finding) -> Diagnostic:
    return Diagnostic(
        summary=f"the new configuration does not work: {finding.question}",
        where=finding.id,
        got=finding.got,
        want=finding.want,
        fix=finding.remedy,
    )

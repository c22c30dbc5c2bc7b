"""Having a host ask whether mail can leave it: one program, nothing sent, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.diagnostics import MailprovError
from provisioner.model.site import Host, Role
from provisioner.probes.finding import Finding
from provisioner.probes.way_out import parse_way_out, way_out_rows
from provisioner.probes.way_out_findings import judge_way_out, unknown_way_out
from provisioner.remote.protocol import Answer, Section
from provisioner.verbs.ports import Transport
from provisioner.verbs.remote_failure import understanding
from provisioner.verbs.run import Run

ASK_SECONDS = 90.0
_SENDERS = frozenset({Role.MX, Role.SUBMISSION})


def ask_way_out(run: Run, host: Host, transport: Transport) -> tuple[Finding, ...]:
    """Return what a host finds on its way to other sites; nothing for one that sends no mail.

    A host that cannot say it is no reason to doubt the rest: that is a finding, too.
    """
    if not host.roles & _SENDERS:
        return ()
    try:
        return tuple(_findings(run, host, transport))
    except MailprovError as error:
        return (unknown_way_out(host, error.diagnostics[0].summary),)


def _findings(run: Run, host: Host, transport: Transport) -> Iterator[Finding]:
    session = run.session(transport)
    with session.start("way_out", ASK_SECONDS, "testing outgoing mail") as conversation:
        conversation.send(way_out_rows(run.site, host))
        conversation.finish()
        answer = Answer.read(conversation.lines())
        completed = conversation.result()
    if not answer.ends_with(Section.END):
        raise session.broken("testing outgoing mail", completed)
    with understanding(session.where, "testing outgoing mail"):
        told = parse_way_out(answer)
    yield from judge_way_out(run.site, host, told)

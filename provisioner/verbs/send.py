"""`send`: hand one message in, then follow it through the logs of the site's hosts.

Nothing here waits: each look at the logs is one step of an iterator, and who drives it
decides how long a message is worth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from provisioner.diagnosis.mail_log import MailLog
from provisioner.diagnosis.trace import End, Recipient, Trace, trace_message
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host, Site
from provisioner.model.topology import carries_mail
from provisioner.rooms.message_log import queued_as
from provisioner.verbs.handover import Handover, Posting, Refusal, Submit
from provisioner.verbs.mail_log import read_mail_log
from provisioner.verbs.ports import Transport
from provisioner.verbs.refusal import explain_refusal
from provisioner.verbs.run import Run, gather

_NOTHING = "^$a"
"""A pattern that no line matches: only the clock is wanted."""

_SPECIAL = re.compile(r"[\[\]\\.*+?(){}|^$]")


@dataclass(frozen=True)
class Sending:
    """A message that was handed in, or not.

    began: each mail host's clock before that. queue_id: under which the server took it.
    """

    posting: Posting
    handover: Handover
    began: Mapping[HostRef, datetime]

    @property
    def queue_id(self) -> str:
        """The first queue id; empty where the server named none, or took nothing."""
        return queued_as(self.handover.answer)


def hand_in(run: Run, posting: Posting, submit: Submit) -> Sending:
    """Hand the message in; raise MailprovError if a host of the site cannot be asked.

    What the server refuses is part of the answer.
    """
    hosts = mail_hosts(run)
    if posting.door.host.key not in {host.key for host in hosts}:
        raise MailprovError(
            Diagnostic(
                "--limit excludes the host that accepts the message",
                want=posting.door.host.key,
                fix=f"add --limit {posting.door.host.key}, or remove --limit",
            ),
            ExitCode.USAGE,
        )

    def prepare(host: Host, transport: Transport) -> tuple[Transport, datetime, str | None]:
        fingerprint = None
        if host.key == posting.door.host.key and posting.login:
            certificate = run.observe(host, transport)[1].certificate
            fingerprint = certificate.fingerprint if certificate else None
        began = read_mail_log(run, transport, 1, pattern=_NOTHING).now
        return transport, began, fingerprint

    told = gather(run.fleet, hosts, prepare)
    if errors := [*told.errors.values()]:
        rows = [diagnostic for error in errors for diagnostic in error.diagnostics]
        raise MailprovError(rows, errors[0].exit_code)
    prepared = told.values
    handover = submit(
        posting,
        hosts=run.site.hosts,
        transports={str(ref.host): way for ref, (way, _, _) in prepared.items()},
        fingerprint=prepared[posting.door.host.ref][2],
    )
    began = {ref: moment for ref, (_, moment, _) in prepared.items()}
    return Sending(posting, handover, began)


def follow(run: Run, sending: Sending) -> Iterator[Trace]:
    """Yield what the logs tell, read anew each time; the last one says that it is finished.

    Raises MailprovError if a host can no longer be asked.
    """
    hosts = [host for host in run.hosts if host.ref in sending.began]
    own = frozenset(str(address) for host in run.site.hosts for address in host.addresses)
    known = frozenset({sending.queue_id} - {""})
    patient = True
    while True:
        pattern = _pattern(known, sending.posting.message_id)

        def read(host: Host, transport: Transport, pattern: str = pattern) -> MailLog:
            return read_mail_log(run, transport, sending.began[host.ref], pattern=pattern)

        read_now: dict[str, MailLog] = {}
        for answer in run.fleet.each(hosts, read):
            if answer.error is not None:
                raise answer.error
            if answer.value is not None:
                read_now[answer.host.key] = answer.value
        logs = {key: log.lines for key, log in read_now.items()}
        trace = trace_message(logs, sending.queue_id, sending.posting.message_id, own)
        unlogged = frozenset(key for key, log in read_now.items() if not log.kept)
        # A queue id that is new has lines which the pattern did not yet let through, and
        # the store's own line may come a moment later than its answer.
        more = bool(trace.queue_ids - known) or (trace.awaits_store and patient)
        known |= trace.queue_ids
        yield replace(trace, finished=trace.finished and not more, unlogged=unlogged)
        if (trace.finished and not more) or unlogged.issuperset(read_now):
            return
        patient = not trace.finished


def ends_of(site: Site, sending: Sending, trace: Trace) -> tuple[Recipient, ...]:
    """Return every recipient's end: the refused ones, the traced ones, and who was not seen."""
    door = str(sending.posting.door.host.key)
    refused = [
        Recipient(each.recipient, each.recipient, End.REFUSED, door, _told(site, sending, each))
        for each in sending.handover.refusals
        if each.recipient
    ]
    known = {row.recipient for row in sending.handover.refusals}
    if not sending.handover.accepted:
        words = [_told(site, sending, row) for row in sending.handover.refusals]
        refused += [
            Recipient(each, each, End.REFUSED, door, "; ".join(words))
            for each in sending.posting.recipients
            if each not in known
        ]
        return tuple(refused)
    found = {name for each in trace.recipients for name in (each.address, each.original)}
    unseen = [
        Recipient(each, each, End.NOT_SEEN, door, "no delivery in the log yet")
        for each in sending.handover.accepted
        if each not in found and not trace.finished
    ]
    return (*refused, *trace.recipients, *unseen)


def reason_of(site: Site, sending: Sending, refusal: Refusal) -> str:
    """Return why the server refused, in words of the site; empty if only the server knows."""
    return explain_refusal(site, sending.posting, refusal)


def mail_hosts(run: Run) -> tuple[Host, ...]:
    """Return the run's hosts that mail goes through."""
    return tuple(host for host in run.hosts if carries_mail(host))


def _told(site: Site, sending: Sending, refusal: Refusal) -> str:
    return reason_of(site, sending, refusal) or refusal.words


def _pattern(queue_ids: frozenset[str], message_id: str) -> str:
    """Return the extended regular expression that selects a message's lines (regex(7))."""
    names = [*sorted(queue_ids), message_id, " TLS connection established to "]
    return "|".join(_SPECIAL.sub(r"\\\g<0>", name) for name in names)

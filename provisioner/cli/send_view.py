"""How a message's way looks, to a person while it goes on and to a program at its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from provisioner.cli.outcome_view import error_rows
from provisioner.cli.terminal import table
from provisioner.diagnosis.trace import End, Recipient, Trace
from provisioner.diagnostics import MailprovError, as_root
from provisioner.model.site import Site
from provisioner.probes.finding import DIRECT
from provisioner.verbs.send import Sending, reason_of

_KEEP = (
    "set Storage=auto in /etc/systemd/journald.conf, then "
    f"`{as_root('systemctl', 'restart', 'systemd-journald')}`; or install rsyslog"
)


def handover_lines(site: Site, sending: Sending) -> Iterator[str]:
    """Yield how the message went in, and what was refused, as a mail client's log has it."""
    posting, handover = sending.posting, sending.handover
    host, port = posting.door.host.key, posting.door.service.port
    if handover.via not in {"", DIRECT}:
        how = handover.straight.removeprefix(f"{DIRECT}: ")
        yield (
            f"{host}  port {port} cannot be reached from here ({how}), so mailprov connects "
            "through SSH"
        )
    for refusal in handover.refusals:
        whom = f" for {refusal.recipient}" if refusal.recipient else ""
        yield f"{host}  refused at {refusal.stage}{whom}: {refusal.words}"
        reason = reason_of(site, sending, refusal)
        if reason:
            yield f"{host}    why: {reason}"
    if handover.accepted:
        manner = f"submitted on {port}" if posting.login else f"sent to {port} like another server"
        tls = f" with {handover.tls}" if handover.tls else " without TLS"
        login = f" as {posting.login}" if posting.login else ", no login"
        answer = f"queued as {sending.queue_id}" if sending.queue_id else handover.answer
        yield f"{host}  {manner}{tls}{login}: {answer}"


def end_lines(
    ends: Sequence[Recipient], wait: float, unlogged: Collection[str] = ()
) -> Iterator[str]:
    """Yield the table of ends, and what can be done about mail that has none.

    wait: seconds. unlogged: hosts that keep no mail log.
    """
    rows = [(str(each), each.end.value, each.detail) for each in ends]
    yield from table(("RECIPIENT", "END", "DETAIL"), rows)
    if any(each.end is End.DEFERRED for each in ends):
        yield "deferred mail waits, and the server tries again: `mailprov status` shows it"
    if any(each.end is End.NOT_SEEN for each in ends) and unlogged:
        hosts = ", ".join(sorted(unlogged))
        yield f"{hosts}: no mail log is kept there, so mailprov cannot trace the message; {_KEEP}"
    elif any(each.end is End.NOT_SEEN for each in ends):
        yield f"not seen within {wait:g} seconds; --wait waits longer"


def sending_json(
    site: Site, sending: Sending | None, trace: Trace, ends: Sequence[Recipient]
) -> dict[str, object]:
    """Return a message's way as a JSON object, without `errors`."""
    return {
        "handover": _handover_json(sending) if sending else None,
        "refusals": _refusal_rows(site, sending) if sending else [],
        "steps": [
            {"time": step.time.isoformat(), "host": step.host, "text": step.text}
            for step in trace.steps
        ],
        "recipients": [
            {
                "address": each.address,
                "original": each.original,
                "end": each.end.value,
                "host": each.host,
                "detail": each.detail,
            }
            for each in ends
        ],
        "finished": trace.finished,
        "unlogged": sorted(trace.unlogged),
    }


def failed_json(errors: Iterable[MailprovError]) -> dict[str, object]:
    """Return the document of a message that was never handed in."""
    return {
        "handover": None,
        "refusals": [],
        "steps": [],
        "recipients": [],
        "finished": False,
        "unlogged": [],
        "errors": error_rows(errors),
    }


def _handover_json(sending: Sending) -> dict[str, object]:
    posting, handover = sending.posting, sending.handover
    return {
        "host": posting.door.host.key,
        "port": posting.door.service.port,
        "via": handover.via,
        "tls": handover.tls,
        "login": posting.login,
        "sender": posting.sender,
        "message_id": posting.message_id,
        "queue_id": sending.queue_id,
        "answer": handover.answer,
    }


def _refusal_rows(site: Site, sending: Sending) -> list[dict[str, object]]:
    return [
        {
            "stage": refusal.stage.value,
            "recipient": refusal.recipient,
            "code": refusal.code,
            "words": refusal.words,
            "reason": reason_of(site, sending, refusal),
        }
        for refusal in sending.handover.refusals
    ]

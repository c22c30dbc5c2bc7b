"""How the hosts' conditions look, to a person and to a program.

A person gets one calm block a host, and below it the mail that waits there. What a
stranger may have written (addresses, another server's words) has its control and
bidirectional characters escaped before it reaches a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from provisioner.cli.outcome_view import error_rows
from provisioner.cli.terminal import Shown, coloured, stamp, table
from provisioner.diagnostics import as_root, printable
from provisioner.facts.queue import Queue, QueuedMessage
from provisioner.plan.condition import Condition, UnitCondition
from provisioner.verbs.status import SiteStatus

_RECIPIENTS_SHOWN = 2
_DRIFT_SHOWN = 10
_LONGEST_ADDRESS = 48
_LONGEST_REASON = 200
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def condition_lines(condition: Condition, name: str = "") -> Iterator[Shown]:
    """Yield a host's block: a headline, a row a subject, the messages that wait.

    name: what the host is called, where its key is not enough.
    """
    host = name or condition.host
    problems = condition.problems
    verdict = coloured("ok", "passed") if not problems else coloured("; ".join(problems), "failed")
    yield f"{host}: " + verdict
    for label, text in _rows(condition):
        yield f"  {label:<12} {text}".rstrip()
    queue = condition.queue
    if queue and queue.total:
        yield from _queue_lines(condition, queue, host)


def status_json(status: SiteStatus) -> dict[str, object]:
    """Return the site's status as a JSON document."""
    return {
        "healthy": status.is_healthy,
        "hosts": {ref.host: condition_json(one) for ref, one in status.conditions.items()},
        "errors": error_rows(status.errors.values()),
    }


def condition_json(condition: Condition) -> dict[str, object]:
    """Return a host's condition as a JSON object; a stranger's text is in it as it came."""
    certificate, disk, queue = condition.certificate, condition.disk, condition.queue
    return {
        "problems": list(condition.problems),
        "generation": {
            "recorded": condition.recorded,
            "wanted": condition.wanted,
            "applied": _stamp(condition.applied),
        },
        "units": [
            {
                "name": unit.name,
                "state": unit.state,
                "since": _stamp(unit.since),
                "restarts": unit.restarts,
                "problem": unit.problem,
            }
            for unit in condition.units
        ],
        "drift": [{"path": one.path, "what": one.what} for one in condition.drift],
        "due": condition.due,
        "unconfirmed": condition.unconfirmed,
        "gates": [{"id": gate.id, "text": gate.text} for gate in condition.gates],
        "certificate": certificate
        and {
            "subject": certificate.subject,
            "expires": _stamp(certificate.ends),
            "days_left": condition.days_left,
        },
        "disk": disk and {"mount": disk.mount, "size": disk.size, "free": disk.free},
        "queue": queue
        and {
            "total": queue.total,
            "messages": [_message_json(message, condition.now) for message in queue.oldest],
        },
    }


def _message_json(message: QueuedMessage, now: datetime) -> dict[str, object]:
    return {
        "id": message.id,
        "queue": message.queue,
        "arrived": _stamp(datetime.fromtimestamp(message.arrived, UTC)),
        "age_seconds": max(0, int(now.timestamp()) - message.arrived),
        "size": message.size,
        "sender": message.sender,
        "recipients": [
            {"address": one.address, "reason": one.reason} for one in message.recipients
        ],
    }


def _rows(condition: Condition) -> Iterator[tuple[str, str]]:
    yield "generation", _generation(condition)
    for unit in condition.units:
        yield unit.name.removesuffix(".service"), _unit(unit, condition.now)
    if condition.unconfirmed:
        yield "waiting", f"the change by {printable(condition.unconfirmed)} is not confirmed"
    yield from _file_rows(condition)
    for gate in condition.gates:
        yield "gate", f"waiting for {gate.id}: {gate.text}"
    if condition.certificate:
        subject, day = printable(condition.certificate.subject), condition.certificate.ends
        yield "certificate", f"{subject} until {day:%Y-%m-%d} ({condition.days_left} days left)"
    elif condition.has_certificate:
        yield "certificate", "cannot be read"
    if condition.disk:
        free, size = render_octets(condition.disk.free), render_octets(condition.disk.size)
        yield "mail disk", f"{free} of {size} free (mounted at {condition.disk.mount})"
    if condition.has_queue:
        yield "queue", _queue_summary(condition)


def _generation(condition: Condition) -> str:
    if condition.recorded is None:
        return "none yet"
    applied = f", applied {_when(condition.applied, condition.now)}" if condition.applied else ""
    other = f"; the site file needs {condition.wanted}"
    return condition.recorded + applied + (other if condition.recorded != condition.wanted else "")


def _unit(unit: UnitCondition, now: datetime) -> str:
    since = f" since {_when(unit.since, now)}" if unit.since else ""
    times = "once" if unit.restarts == 1 else f"{unit.restarts} times"
    restarts = f", restarted {times} by systemd" if unit.restarts else ""
    return f"{unit.state}{since}{restarts}"


def _file_rows(condition: Condition) -> Iterator[tuple[str, str]]:
    drift = condition.drift
    if condition.recorded is None:
        yield "files", "not written yet"
        return
    if not drift:
        yield "files", "as they were applied"
    more = len(drift) - _DRIFT_SHOWN
    label = "drift"
    for one in drift[:_DRIFT_SHOWN]:
        yield label, f"{one.path}: {one.what}"
        label = ""
    if drift:
        yield "", f"{f'and {more} more; ' if more > 0 else ''}`mailprov plan` shows them in full"
    if condition.due:
        yield "to apply", f"{condition.due} of the site file's changes; see `mailprov plan`"


def _queue_summary(condition: Condition) -> str:
    if condition.queue is None:
        return "cannot be read"
    total = condition.queue.total
    return "empty" if not total else f"{total} message{'' if total == 1 else 's'} waiting"


def _queue_lines(condition: Condition, queue: Queue, host: str) -> Iterator[str]:
    rows = [_message_row(message, condition.now) for message in queue.oldest]
    yield ""
    head, *lines = table(("ID", "AGE", "SIZE", "FROM", "TO"), rows)
    yield f"    {head}"
    for message, line in zip(queue.oldest, lines, strict=True):
        yield f"    {line}"
        yield f"      {_reason(message)}"
    hidden = queue.total - len(queue.oldest)
    if hidden > 0:
        yield f"    and {hidden} younger"
    flush = as_root("postqueue", "-f")
    yield f"    Postfix tries again by itself; `{flush}` on {host} does it now"


def _message_row(message: QueuedMessage, now: datetime) -> tuple[str, ...]:
    shown = message.recipients[:_RECIPIENTS_SHOWN]
    more = len(message.recipients) - len(shown)
    to = ", ".join(printable(one.address, _LONGEST_ADDRESS) for one in shown)
    return (
        printable(message.id),
        render_age(timedelta(seconds=now.timestamp() - message.arrived)),
        render_octets(message.size),
        printable(message.sender, _LONGEST_ADDRESS) or "<>",
        to + (f" and {more} more" if more else ""),
    )


def _reason(message: QueuedMessage) -> str:
    reason, *more = message.reasons
    others = f" (and {len(more)} other reason{'' if len(more) == 1 else 's'})" if more else ""
    return printable(reason, _LONGEST_REASON) + others


def render_age(age: timedelta) -> str:
    """Return a span of time in its largest unit, like `3 h`; never below zero."""
    seconds = max(0, int(age.total_seconds()))
    unit, length = next((pair for pair in _UNITS if seconds >= pair[1]), _UNITS[-1])
    return f"{seconds // length} {unit}"


def render_octets(count: int) -> str:
    """Return a size in powers of 1024 with one digit behind the point, like `1.2K`."""
    size = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if size < 1024 or unit == "T":  # noqa: PLR2004 what the letters stand for
            return f"{size:.1f}{unit}" if unit else str(count)
        size /= 1024
    raise AssertionError


def _when(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC ({render_age(now - moment)} ago)"


def _stamp(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None

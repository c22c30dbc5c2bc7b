"""What Postfix writes to the mail log.

It names a message by its queue id and writes one line for each thing that happens to it
(cleanup(8), qmgr(8), smtp(8), lmtp(8), bounce(8)). Complaints stand before the text (postlog(1)).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from provisioner.rooms.message_log import (
    Activated,
    Attempted,
    Encrypted,
    Event,
    Expired,
    Identified,
    LogRules,
    Notified,
    Received,
    Removed,
    TurnedAway,
)

# Short ids are hexadecimal, long ones (enable_long_queue_ids) leave out vowels.
_OF_QUEUE = re.compile(r"(?P<id>[0-9A-Za-z]{5,32}): (?P<rest>.*)", re.DOTALL)
_ENCRYPTED = re.compile(
    r"\w+ TLS connection established to (?P<relay>\S+\[[^\]]*\]:\d+): (?P<version>\S+) with cipher"
)
_RECEIVED = re.compile(r"client=(?P<client>[^,]*)(?:.*?, sasl_username=(?P<login>[^,]*))?")
_PICKED_UP = re.compile(r"uid=(?P<uid>\d+) from=<.*>")
_IDENTIFIED = re.compile(r"(?:resent-)?message-id=(?P<message>.*)", re.DOTALL)
_ACTIVATED = re.compile(r"from=<(?P<sender>.*)>, size=\d+, nrcpt=(?P<count>\d{1,9}) \(queue ")
_EXPIRED = re.compile(r"from=<.*>, status=(?:force-)?expired, returned to sender")
_ATTEMPTED = re.compile(
    r"to=<(?P<to>.*?)>, (?:orig_to=<(?P<original>.*?)>, )?relay=(?P<relay>.*?), "
    r"(?:conn_use=\d+, )?delay=.*?, dsn=[\d.]+, status=(?P<status>[A-Za-z-]+)(?: (?P<words>.*))?",
    re.DOTALL,
)
_TURNED_AWAY = re.compile(r"host (?P<server>\S+) (?:said|refused to talk to me): (?P<words>.*)")
_NOTIFIED = re.compile(r"(?P<kind>(?:sender|postmaster) .*) notification: (?P<notice>\w{5,32})")

# With soft_bounce what would have bounced stays in the queue.
_STATUSES = {"SOFTBOUNCE": "deferred"}


def parse_event(program: str, text: str) -> Event | None:
    """Return what a line says of a message, None if it says nothing that matters here."""
    encrypted = _ENCRYPTED.match(text)
    if encrypted:
        return Encrypted(encrypted["relay"], encrypted["version"])
    found = _OF_QUEUE.fullmatch(text)
    if found is None:
        return None
    agent = program.rpartition("/")[2]
    parse = _BY_PROGRAM.get(agent, _parse_attempt)
    return parse(found["id"], found["rest"], agent)


def _parse_client(queue_id: str, rest: str, _: str) -> Event | None:
    found = _RECEIVED.match(rest)
    return Received(queue_id, found["client"], found["login"] or "") if found else None


def _parse_pickup(queue_id: str, rest: str, _: str) -> Event | None:
    found = _PICKED_UP.match(rest)
    return Received(queue_id, f"a program of this host (uid {found['uid']})") if found else None


def _parse_cleanup(queue_id: str, rest: str, _: str) -> Event | None:
    found = _IDENTIFIED.fullmatch(rest)
    return Identified(queue_id, found["message"]) if found else None


def _parse_qmgr(queue_id: str, rest: str, agent: str) -> Event | None:
    if rest == "removed":
        return Removed(queue_id)
    if _EXPIRED.match(rest):
        return Expired(queue_id)
    found = _ACTIVATED.match(rest)
    if found:
        return Activated(queue_id, found["sender"], int(found["count"]))
    return _parse_attempt(queue_id, rest, agent)


def _parse_bounce(queue_id: str, rest: str, _: str) -> Event | None:
    found = _NOTIFIED.fullmatch(rest)
    return Notified(queue_id, found["kind"], found["notice"]) if found else None


def _parse_removal(queue_id: str, rest: str, _: str) -> Event | None:
    return Removed(queue_id) if rest == "removed" else None


def _parse_attempt(queue_id: str, rest: str, agent: str) -> Event | None:
    found = _ATTEMPTED.fullmatch(rest)
    if found:
        words = found["words"] or ""
        return Attempted(
            queue_id,
            recipient=found["to"],
            original=found["original"] or found["to"],
            agent=agent,
            relay=found["relay"],
            status=_STATUSES.get(found["status"], found["status"]),
            words=words[1:-1] if words[:1] == "(" and words[-1:] == ")" else words,
        )
    away = _TURNED_AWAY.match(rest)
    return TurnedAway(queue_id, away["server"], away["words"]) if away else None


_BY_PROGRAM: dict[str, Callable[[str, str, str], Event | None]] = {
    "smtpd": _parse_client,
    "pickup": _parse_pickup,
    "cleanup": _parse_cleanup,
    "qmgr": _parse_qmgr,
    "bounce": _parse_bounce,
    "postsuper": _parse_removal,
}

LOG = LogRules(
    program=re.compile(r"postfix(/.*)?"),
    complaint=re.compile(
        r"^(?:[0-9A-Za-z]+: )?(?:warning|error|fatal|panic): "
        r"|^[0-9A-Za-z]+: (?:milter-)?reject(?:_warning)?: "
        r"|^[0-9A-Za-z]+: to=<.* status=(?:deferred|bounced|expired) ",
        re.ASCII,
    ),
    event=parse_event,
)

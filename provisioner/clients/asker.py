"""The asker that has sockets: it puts questions to the site and brings back the answers.

Everything that can is asked side by side. What an earlier session may have seen comes after
that, so that few sessions are opened for it. Wrong passwords come last, because a server makes the
address they came from wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

from provisioner.clients.handlers import ProbeAccess, answer_to
from provisioner.clients.kept_sessions import KeptSessions
from provisioner.clients.routes import (
    EndpointLine,
    FirstConnections,
    Routes,
    UnreachedError,
    survey,
)
from provisioner.clients.stream import BrokenOff
from provisioner.model.site import Host
from provisioner.probes.dns import ForwardQuestion, RecordQuestion, StrangerQuestion
from provisioner.probes.login import CleartextQuestion, LoginQuestion
from provisioner.probes.question import Answered, Endpoint, NoAnswer, Question, Unasked
from provisioner.probes.reach import ReachQuestion
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.probes.tls import TlsQuestion
from provisioner.verbs.asking import ProbeAccount
from provisioner.verbs.ports import Transport

_WORKERS = 12  # well below what the servers allow one address at a time
_LOOKUPS = 4
"""Over TCP, to one host at a time. Unbound takes ten, and where more than half are taken it
gives a new one 0.3 s or less to say something (its netevent.c, setup_tcp_handler): too little
for a busy host or a long way."""
_LOOKUP_QUESTIONS = (RecordQuestion, ForwardQuestion, StrangerQuestion)


class SiteAsker:
    """Puts questions to the hosts of a site; made as provisioner.verbs.asking.OpenAsker says."""

    def __init__(
        self,
        *,
        hosts: Sequence[Host],
        transports: Mapping[str, Transport],
        account: ProbeAccount | None,
        fingerprints: Mapping[str, str],
    ) -> None:
        self._hosts = hosts
        self._transports = transports
        self._account = account
        self._fingerprints = fingerprints

    def ask(self, questions: Sequence[Question[Any]]) -> Sequence[Answered]:
        """Put all the questions; return the answers in the same order."""
        first = FirstConnections()
        wanted = (endpoint for question in questions for endpoint in _endpoints(question))
        reach = survey(wanted, first)
        routes = Routes(self._hosts, self._transports, reach, first)
        names: dict[str, str] = {host.key: host.fqdn for host in self._hosts}
        sessions = KeptSessions(names, self._fingerprints, self._account)
        access = ProbeAccess(names, routes, self._account, self._fingerprints, sessions)

        asked = {question.host for question in questions}
        turns = {host: BoundedSemaphore(_LOOKUPS) for host in asked}

        def put(question: Question[Any]) -> Answered:
            if isinstance(question, ReachQuestion):
                return Answered(question, reach[question.endpoint])
            if isinstance(question, _LOOKUP_QUESTIONS) and not question.udp:
                with turns[question.host]:
                    return _put(question, access)
            return _put(question, access)

        answers: dict[str, Answered] = {}
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            for batch in _batches(questions):
                answers.update({each.question.id: each for each in pool.map(put, batch)})
        sessions.close()
        first.close()
        return [answers[question.id] for question in questions]


def _put(question: Question[Any], access: ProbeAccess) -> Answered:
    if seen := access.sessions.answer_to(question):
        return seen
    chosen = access.routes.choose(question.endpoint, question.vantage, udp=question.udp)
    if isinstance(chosen, Unasked):
        return Answered(question, chosen)
    line = EndpointLine(access.routes, chosen, question.endpoint)
    try:
        answer = answer_to(question, line, access)
    except UnreachedError as end:
        # A refusal that nobody could ask for is none, and no fault either.
        answer = (Unasked if question.negative else NoAnswer)(str(end))
    except BrokenOff as end:
        answer = NoAnswer(str(end))
    return Answered(question, answer, line.via)


def _endpoints(question: Question[Any]) -> Iterable[Endpoint]:
    yield question.endpoint
    if isinstance(question, RoundTripQuestion):
        yield from (path.endpoint for path in question.paths)
        yield from (reader.endpoint for reader in question.readers)


def _batches(
    questions: Sequence[Question[Any]],
) -> tuple[Sequence[Question[Any]], ...]:
    """Return what is asked together, in turn; what takes longest comes first in its batch.

    Where a login before TLS is allowed, the server looks at the password, and has the address
    that a wrong one came from wait.
    """
    entered = {
        endpoint
        for question in questions
        if isinstance(question, RoundTripQuestion)
        for endpoint in _endpoints(question)
    }

    def turn(question: Question[Any]) -> int:
        match question:
            case LoginQuestion(correct=False):
                return 2
            case CleartextQuestion(allowed=str()):
                return 2
            case TlsQuestion():
                return 1
            case LoginQuestion():
                return 1 if question.endpoint in entered else 0
            case _:
                return 0

    ordered = sorted(questions, key=lambda question: not isinstance(question, RoundTripQuestion))
    return tuple([one for one in ordered if turn(one) == number] for number in range(3))

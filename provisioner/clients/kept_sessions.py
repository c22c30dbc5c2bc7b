"""Sessions that several questions share, and what a session showed on its way.

A session costs a host a process or two, and a login costs one more. So a session that is logged
in is kept for the next question to the same service, where its protocol lets a client start over.
A question about TLS or a login alone is answered by what an earlier session has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any

from provisioner.clients.imap import ImapClient
from provisioner.clients.routes import EndpointLine
from provisioner.clients.sessions import Client, check_pin, client_for, secure
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.clients.tls import agreed_tls
from provisioner.model.services import Service
from provisioner.probes.login import LoginAnswer, LoginQuestion
from provisioner.probes.question import ANYWHERE, Answered, Endpoint, NoAnswer, Question
from provisioner.probes.tls import TlsAnswer, TlsQuestion
from provisioner.verbs.asking import ProbeAccount


@dataclass(frozen=True)
class Session:
    """A session ready for work: TLS done, and logged in where that was asked for."""

    client: Client
    via: str
    stream: Stream

    def end(self) -> None:
        """Take leave and hang up."""
        self.client.quit()
        self.stream.close()


@dataclass(frozen=True)
class _Noted:
    """An answer that a session got on its way, and the way that it took."""

    answer: TlsAnswer | LoginAnswer | NoAnswer
    via: str

    @property
    def is_welcome(self) -> bool:
        """Whether it is a login that was taken."""
        return isinstance(self.answer, LoginAnswer) and self.answer.accepted


class KeptSessions:
    """The sessions of one round of questions; `close` ends those that are kept.

    names: by host key, the full names that TLS asks for. fingerprints: by host key, the
    certificate's SHA-256 as the host told it over SSH. account: logs in.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        fingerprints: Mapping[str, str],
        account: ProbeAccount | None,
    ) -> None:
        self._names = names
        self._fingerprints = fingerprints
        self._account = account
        self._kept: dict[Endpoint, Session] = {}
        self._turns: dict[Endpoint, Lock] = {}
        self._turn = Lock()
        self._tls: dict[tuple[Endpoint, str], _Noted] = {}
        self._logins: dict[Endpoint, _Noted] = {}

    @contextmanager
    def entered(
        self, line: EndpointLine, endpoint: Endpoint, service: Service, *, login: bool
    ) -> Iterator[Session]:
        """Give a session as a user's client would have it; BrokenOff where there is none.

        One with a login may have served another question. Each service has one of these at a
        time. line: the way to the endpoint, from anywhere.
        """
        account = self._account if login else None
        with self._turn_of(endpoint) if account else nullcontext():
            kept = self._kept_session(endpoint) if account else None
            session = kept or self._opened_noted(line, endpoint, service, account)
            with _closed_on_error(session.stream):
                yield session
            if account and isinstance(session.client, SmtpClient | ImapClient):
                self._kept[endpoint] = session
            else:
                session.end()

    def answer_to(self, question: Question[Any]) -> Answered | None:
        """Return the answer that an earlier session has seen; None where it has to be asked."""
        noted: _Noted | None = None
        if question.vantage == ANYWHERE:
            if isinstance(question, TlsQuestion):
                noted = self._tls.get((question.endpoint, question.name))
            elif isinstance(question, LoginQuestion) and question.correct:
                noted = self._logins.get(question.endpoint)
        return Answered(question, noted.answer, noted.via) if noted else None

    def note_tls(self, endpoint: Endpoint, stream: Stream, via: str) -> None:
        """Note what TLS a session has, where it has any that can be described."""
        key = endpoint, self._names[endpoint.host]
        if stream.secured is None or key in self._tls:
            return
        try:
            self._tls[key] = _Noted(agreed_tls(stream), via)
        except BrokenOff:
            # The question itself says what is wrong with it.
            return

    def close(self) -> None:
        """End the sessions that are kept."""
        while self._kept:
            self._kept.popitem()[1].end()

    def _turn_of(self, endpoint: Endpoint) -> Lock:
        with self._turn:
            return self._turns.setdefault(endpoint, Lock())

    def _kept_session(self, endpoint: Endpoint) -> Session | None:
        """Return the kept session, started over; None where there is none that still works."""
        session = self._kept.pop(endpoint, None)
        if session is not None and isinstance(session.client, SmtpClient | ImapClient):
            try:
                session.client.start_over()
            except BrokenOff:
                session.stream.close()
                return None
        return session

    def _opened_noted(
        self, line: EndpointLine, endpoint: Endpoint, service: Service, account: ProbeAccount | None
    ) -> Session:
        """Open a session; where it was for a login, what failed answers for the login too."""
        try:
            return self._opened(line, endpoint, service, account)
        except BrokenOff as end:
            noted = self._logins.get(endpoint)
            if account and (noted is None or noted.is_welcome):
                self._logins[endpoint] = _Noted(NoAnswer(str(end)), line.via)
            raise

    def _opened(
        self, line: EndpointLine, endpoint: Endpoint, service: Service, account: ProbeAccount | None
    ) -> Session:
        stream = line.dial()
        with _closed_on_error(stream):
            client = client_for(service, stream, line.helo)
            secure(client, stream, service, self._names[endpoint.host])
            self.note_tls(endpoint, stream, line.via)
            if account is not None:
                # The password goes to nobody else.
                check_pin(stream, service, self._fingerprints.get(endpoint.host))
                self._log_in(client, account, endpoint, line.via)
            return Session(client, line.via, stream)

    def _log_in(self, client: Client, account: ProbeAccount, endpoint: Endpoint, via: str) -> None:
        answer = client.login(account.login, account.secret)
        if not answer.accepted:
            self._logins[endpoint] = _Noted(answer, via)
            raise BrokenOff(f"login: {answer.words}")
        self._logins.setdefault(endpoint, _Noted(answer, via))


@contextmanager
def _closed_on_error(stream: Stream) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stream.close()
        raise

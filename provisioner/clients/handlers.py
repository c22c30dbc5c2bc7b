"""How each kind of question is put: one short function a kind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.clients.dns import lookup_over_tcp, lookup_over_udp
from provisioner.clients.kept_sessions import KeptSessions, Session
from provisioner.clients.roundtrip import run_round_trip, speaking_smtp
from provisioner.clients.routes import EndpointLine, Routes
from provisioner.clients.sessions import check_pin, client_for, secure
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.smtp_dialogues import (
    WRONG_PASSWORD,
    ask_for_auth,
    offer,
    portions,
    run_commands,
    send_as_another,
    try_cleartext_login,
    try_relaying,
)
from provisioner.clients.tls import (
    inject_command,
    offer_old_tls,
    shake_hands,
    trust_chain,
)
from provisioner.model.services import Service
from provisioner.probes.dns import DnsAnswer, ForwardQuestion, RecordQuestion, StrangerQuestion
from provisioner.probes.line import LineQuestion
from provisioner.probes.login import (
    CleartextAnswer,
    CleartextQuestion,
    LoginAnswer,
    LoginQuestion,
)
from provisioner.probes.question import Endpoint, Question, Unasked
from provisioner.probes.relay_forms import EnvelopeForm
from provisioner.probes.roundtrip import RoundTripAnswer, RoundTripQuestion
from provisioner.probes.smtp import (
    AuthOfferAnswer,
    DialogueAnswer,
    DialogueQuestion,
    NoAuthQuestion,
    RelayAnswer,
    RelayQuestion,
    Reply,
)
from provisioner.probes.submission import (
    ForeignFromAnswer,
    ForeignFromQuestion,
    LoginRequiredAnswer,
    LoginRequiredQuestion,
    Offer,
)
from provisioner.probes.tls import (
    ChainAnswer,
    ChainQuestion,
    InjectionAnswer,
    InjectionQuestion,
    OldTlsAnswer,
    OldTlsQuestion,
    TlsAnswer,
    TlsQuestion,
)
from provisioner.verbs.asking import ProbeAccount

_NO_ACCOUNT = Unasked("the site has no account for the prober")


@dataclass(frozen=True)
class ProbeAccess:
    """What the questions share. names: by host key, the full names that TLS asks for."""

    names: Mapping[str, str]
    routes: Routes
    account: ProbeAccount | None = field(repr=False)
    fingerprints: Mapping[str, str]
    sessions: KeptSessions


def answer_to(question: Question[Any], line: EndpointLine, access: ProbeAccess) -> Any:  # noqa: ANN401 each kind has its own answer
    """Put a question and return its answer; raise BrokenOff where none comes."""
    return _WAYS[type(question)](question, line, access)


def look_up(
    question: RecordQuestion | ForwardQuestion | StrangerQuestion,
    line: EndpointLine,
    _: ProbeAccess,
) -> DnsAnswer:
    """Ask the name server."""
    if question.udp:
        answer = lookup_over_udp(question.endpoint, question.name, question.type, line.dial)
    else:
        answer = lookup_over_tcp(line.dial, question.name, question.type)
    return replace(answer, source=line.source)


def hear_a_line(question: LineQuestion, line: EndpointLine, _: ProbeAccess) -> str:
    """Say a line, if there is one to say, and listen to the first."""
    with line.dial() as stream:
        if question.say:
            stream.send(f"{question.say}\r\n".encode())
        return stream.read_line().decode(errors="replace")


def agree_on_tls(question: TlsQuestion, line: EndpointLine, _: ProbeAccess) -> TlsAnswer:
    """Shake hands."""
    with line.dial() as stream:
        return shake_hands(stream, question.service, question.name, line.helo)


def trust_the_chain(question: ChainQuestion, line: EndpointLine, _: ProbeAccess) -> ChainAnswer:
    """Shake hands as a client that checks."""
    with line.dial() as stream:
        return trust_chain(stream, question.service, question.name, line.helo, question.roots)


def insist_on_old_tls(
    question: OldTlsQuestion, line: EndpointLine, access: ProbeAccess
) -> OldTlsAnswer:
    """Offer TLS 1.1 at most."""
    with line.dial() as stream:
        return offer_old_tls(stream, question.service, access.names[question.host], line.helo)


def inject(question: InjectionQuestion, line: EndpointLine, access: ProbeAccess) -> InjectionAnswer:
    """Send a command behind STARTTLS."""
    with line.dial() as stream:
        return inject_command(stream, question.service, access.names[question.host], line.helo)


def look_for_auth(
    question: NoAuthQuestion, line: EndpointLine, access: ProbeAccess
) -> AuthOfferAnswer:
    """Say EHLO twice."""
    with line.dial() as stream:
        return ask_for_auth(stream, access.names[question.host], line.helo)


def relay(question: RelayQuestion, line: EndpointLine, access: ProbeAccess) -> RelayAnswer:
    """Ask for relaying in all forms."""
    if access.account is None:
        return try_relaying(question, line.dial, lambda: line.helo)
    asked = replace(question, recipient=access.account.recipient)
    answer = try_relaying(asked, line.dial, lambda: line.helo)
    return replace(answer, honest=_shown(answer.honest, access.account))


def come_without_login(
    question: LoginRequiredQuestion, line: EndpointLine, access: ProbeAccess
) -> LoginRequiredAnswer:
    """Try all forms, as a user would who forgot to log in."""
    offers: list[Offer] = []
    for forms in portions(question.forms):
        with access.sessions.entered(line, question.endpoint, question.service, login=False) as got:
            client = speaking_smtp(got.client)
            offers += [_offer(client, form, access.account) for form in forms]
    return LoginRequiredAnswer(tuple(offers))


def _offer(client: SmtpClient, form: EnvelopeForm, account: ProbeAccount | None) -> Offer:
    """Offer an envelope; the prober's own mailbox is asked for as its own messages ask for it."""
    if account is None:
        return offer(client, form)
    made = offer(client, replace(form, recipient=account.addressed(form.recipient)))
    rcpt = made.rcpt and _shown(made.rcpt, account)
    return Offer(form, _shown(made.mail, account), rcpt)


def converse(
    question: DialogueQuestion, line: EndpointLine, access: ProbeAccess
) -> DialogueAnswer | Unasked:
    """Send the commands."""
    if question.login and access.account is None:
        return _NO_ACCOUNT
    with access.sessions.entered(
        line, question.endpoint, question.service, login=question.login
    ) as got:
        client = speaking_smtp(got.client)
        if access.account is None:
            return run_commands(client, question.commands)
        answer = run_commands(client, tuple(map(access.account.addressed, question.commands)))
        replies = tuple(_shown(reply, access.account) for reply in answer.replies)
        return replace(answer, replies=replies)


def _shown(reply: Reply, account: ProbeAccount) -> Reply:
    return replace(reply, text=account.hidden(reply.text))


def claim_to_be_another(
    question: ForeignFromQuestion, line: EndpointLine, access: ProbeAccess
) -> ForeignFromAnswer | Unasked:
    """Log in, and send under an address of another site."""
    if access.account is None:
        return _NO_ACCOUNT
    with access.sessions.entered(line, question.endpoint, question.service, login=True) as got:
        client = speaking_smtp(got.client)
        asked = replace(question, recipient=access.account.recipient)
        answer = send_as_another(client, asked, secrets.token_hex(8), time.time())
        return replace(answer, replies=tuple(_shown(one, access.account) for one in answer.replies))


def log_in(
    question: LoginQuestion, line: EndpointLine, access: ProbeAccess
) -> LoginAnswer | Unasked:
    """Log in with the right password, or with a wrong one."""
    account = access.account
    if account is None:
        return _NO_ACCOUNT
    service = question.service
    with line.dial() as stream:
        client = client_for(service, stream, line.helo)
        secure(client, stream, service, access.names[question.host])
        access.sessions.note_tls(question.endpoint, stream, line.via)
        # Neither the password nor the other name goes to anybody else.
        check_pin(stream, service, access.fingerprints.get(question.host))
        if question.correct:
            answer = client.login(account.login, account.secret)
        else:
            answer = client.login(account.other_name, WRONG_PASSWORD)
        client.quit()
        return answer


def log_in_openly(
    question: CleartextQuestion, line: EndpointLine, access: ProbeAccess
) -> CleartextAnswer | Unasked:
    """Try to log in before TLS."""
    if access.account is None:
        return _NO_ACCOUNT
    with line.dial() as stream:
        return try_cleartext_login(stream, question.service, access.account.login, line.helo)


def go_round(
    question: RoundTripQuestion, line: EndpointLine, access: ProbeAccess
) -> RoundTripAnswer | Unasked:
    """Send and read."""
    del line  # every leg has its own
    if access.account is None:
        return _NO_ACCOUNT

    @contextmanager
    def enter(endpoint: Endpoint, service: Service, *, login: bool) -> Iterator[Session]:
        chosen = access.routes.choose(endpoint)
        routes = [] if isinstance(chosen, Unasked) else chosen
        leg = EndpointLine(access.routes, routes, endpoint)
        with access.sessions.entered(leg, endpoint, service, login=login) as session:
            yield session

    return run_round_trip(question, access.account, enter)


_WAYS: Mapping[type[Question[Any]], Callable[[Any, EndpointLine, ProbeAccess], Any]] = {
    RecordQuestion: look_up,
    ForwardQuestion: look_up,
    StrangerQuestion: look_up,
    LineQuestion: hear_a_line,
    TlsQuestion: agree_on_tls,
    ChainQuestion: trust_the_chain,
    OldTlsQuestion: insist_on_old_tls,
    InjectionQuestion: inject,
    NoAuthQuestion: look_for_auth,
    DialogueQuestion: converse,
    LoginRequiredQuestion: come_without_login,
    ForeignFromQuestion: claim_to_be_another,
    RelayQuestion: relay,
    LoginQuestion: log_in,
    CleartextQuestion: log_in_openly,
    RoundTripQuestion: go_round,
}

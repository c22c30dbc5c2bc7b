"""Sessions that several questions share, asked of a server that writes down what it hears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address

import pytest
from support.scripted_smtp import Scripted

from provisioner.clients.asker import SiteAsker
from provisioner.clients.kept_sessions import KeptSessions
from provisioner.clients.routes import EndpointLine, Routes, survey
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff
from provisioner.model.names import DomainName, HostKey
from provisioner.model.services import SERVICE_BY_NAME
from provisioner.model.site import Host, Role
from provisioner.probes.login import LoginQuestion
from provisioner.probes.question import Endpoint, Question, Vantage
from provisioner.probes.smtp import DialogueQuestion
from provisioner.probes.tls import TlsAnswer, TlsQuestion
from provisioner.verbs.asking import ProbeAccount

SUBMISSION = SERVICE_BY_NAME["submission"]
ACCOUNT = ProbeAccount("prober", "prober@example.org", "secret")
TAKEN = {"RSET": "250 2.0.0 Ok", "NOOP": "250 2.0.0 Ok", "VRFY": "252 2.0.0 perhaps"}
LOCALHOST = ip_address("127.0.0.1")
IN = ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "AUTH PLAIN AHByb2JlcgBzZWNyZXQ="]


class Desk:
    """Sessions with one server, and the commands that it has heard."""

    def __init__(self, server: Scripted, fingerprint: str) -> None:
        self.server = server
        self.endpoint = Endpoint("mail", LOCALHOST, server.port)
        self.sessions = KeptSessions({"mail": "mail.example.org"}, {"mail": fingerprint}, ACCOUNT)
        self._routes = Routes([], {}, survey([self.endpoint]))

    def enter(self, *commands: str, login: bool = True) -> None:
        """Say these commands in a session."""
        route = self._routes.choose(self.endpoint)
        assert isinstance(route, list)
        line = EndpointLine(self._routes, route, self.endpoint)
        with self.sessions.entered(line, self.endpoint, SUBMISSION, login=login) as session:
            assert isinstance(session.client, SmtpClient)
            for command in commands:
                session.client.command(command)

    def login_question(self) -> LoginQuestion:
        return LoginQuestion(
            id="login", text="?", endpoint=self.endpoint, service=SUBMISSION, correct=True
        )

    def tls_question(self) -> TlsQuestion:
        name = "mail.example.org"
        return TlsQuestion(
            id="tls",
            text="?",
            endpoint=self.endpoint,
            service=SUBMISSION,
            name=name,
            fingerprint=None,
        )


@pytest.fixture
def desk(serve: Callable[..., Scripted], fingerprint: str) -> Iterator[Callable[..., Desk]]:
    """Return a function from what a server answers to a desk; its sessions end with the test."""
    desks: list[Desk] = []

    def at(**script: str | None) -> Desk:
        desks.append(Desk(serve(**(TAKEN | script)), fingerprint))
        return desks[-1]

    yield at
    for one in desks:
        one.sessions.close()


def test_a_session_with_a_login_serves_several_questions(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.enter("MAIL FROM:<a@example.org>")
    at.enter("MAIL FROM:<b@example.org>")
    at.sessions.close()
    assert at.server.heard == [
        *IN,
        "MAIL FROM:<a@example.org>",
        "RSET",
        "MAIL FROM:<b@example.org>",
        "QUIT",
    ]


def test_a_session_without_a_login_serves_one_question(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.enter("NOOP", login=False)
    at.enter("NOOP", login=False)
    assert at.server.heard == [*IN[:3], "NOOP", "QUIT"] * 2


def test_a_session_serves_one_question_at_a_time(desk: Callable[..., Desk]) -> None:
    at = desk()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at.enter, ["MAIL FROM:<a@example.org>"] * 4, ["MAIL FROM:<b@x.org>"] * 4))
    said = [line for line in at.server.heard if line.startswith(("MAIL", "RSET", "AUTH"))]
    one = ["MAIL FROM:<a@example.org>", "MAIL FROM:<b@x.org>"]
    assert said == [IN[3], *one, *["RSET", *one] * 3]


def test_a_session_that_broke_off_serves_nobody_else(desk: Callable[..., Desk]) -> None:
    at = desk(DATA=None)
    with pytest.raises(BrokenOff):
        at.enter("DATA")
    at.enter("NOOP")
    assert at.server.heard == [*IN, "DATA", *IN, "NOOP"]


def test_a_kept_session_that_the_server_has_ended_is_replaced(desk: Callable[..., Desk]) -> None:
    at = desk(RSET=None)
    at.enter("NOOP")
    at.enter("NOOP")
    assert at.server.heard == [*IN, "NOOP", "RSET", *IN, "NOOP"]


def test_what_a_session_has_seen_is_not_asked_again(
    desk: Callable[..., Desk], fingerprint: str
) -> None:
    at = desk()
    assert at.sessions.answer_to(at.login_question()) is None
    at.enter("NOOP")
    login = at.sessions.answer_to(at.login_question())
    assert login is not None
    assert (login.answer.accepted, login.answer.words) == (True, "235 2.7.0 welcome")
    tls = at.sessions.answer_to(at.tls_question())
    assert tls is not None
    assert isinstance(tls.answer, TlsAnswer)
    assert (tls.answer.fingerprint, tls.via) == (fingerprint, "direct")


def test_a_session_answers_only_what_it_has_seen(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.enter("NOOP")
    login, tls = at.login_question(), at.tls_question()
    others: list[Question[object]] = [
        replace(login, correct=False),
        replace(login, endpoint=replace(at.endpoint, port=1)),
        replace(login, vantage=Vantage(stranger=True)),
        replace(tls, name="www.example.org"),
    ]
    assert [at.sessions.answer_to(one) for one in others] == [None] * 4


def test_a_session_without_a_login_says_nothing_of_logins(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.enter("NOOP", login=False)
    assert at.sessions.answer_to(at.login_question()) is None
    assert at.sessions.answer_to(at.tls_question()) is not None


def test_a_login_that_failed_is_not_tried_again(desk: Callable[..., Desk]) -> None:
    """Postfix keeps new sessions waiting after one of its processes died of a login."""
    refused, broken = desk(AUTH="535 5.7.8 no"), desk(AUTH=None)
    with pytest.raises(BrokenOff, match="login: 535"):
        refused.enter("NOOP")
    with pytest.raises(BrokenOff, match="closed"):
        broken.enter("NOOP")
    answers = [one.sessions.answer_to(one.login_question()) for one in (refused, broken)]
    assert answers[0] is not None
    assert answers[1] is not None
    assert (answers[0].answer.accepted, answers[0].answer.words) == (False, "535 5.7.8 no")
    assert "closed" in answers[1].answer.words


def test_the_password_goes_to_the_hosts_own_certificate_alone(
    serve: Callable[..., Scripted],
) -> None:
    at = Desk(serve(), fingerprint="0" * 64)
    with pytest.raises(BrokenOff, match="not the host's certificate"):
        at.enter("NOOP")
    assert at.server.heard == IN[:3]


def test_the_asker_opens_no_session_for_what_another_has_seen(
    desk: Callable[..., Desk], fingerprint: str
) -> None:
    at = desk()
    host = Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=(LOCALHOST,),
        roles=frozenset(Role),
    )
    asker = SiteAsker(
        hosts=[host], transports={}, account=ACCOUNT, fingerprints={"mail": fingerprint}
    )
    talk = DialogueQuestion(
        id="talk",
        text="?",
        endpoint=at.endpoint,
        service=SUBMISSION,
        login=True,
        commands=("VRFY <a@example.org>",),
        refused=False,
        instead="",
    )
    tls, said = asker.ask([at.tls_question(), talk])
    assert isinstance(tls.answer, TlsAnswer)
    assert [reply.code for reply in said.answer.replies] == [252]
    assert at.server.heard == [*IN, "VRFY <a@example.org>", "QUIT"]

"""Handing a message in to a server that follows a script: what it hears, and what it never does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest
from support.scripted_smtp import Scripted

from provisioner.clients.submitting import submit_message
from provisioner.model.names import DomainName, HostKey
from provisioner.model.services import SERVICE_BY_NAME
from provisioner.model.site import Host, Role
from provisioner.verbs.envelope import Door
from provisioner.verbs.handover import Handover, Posting, Stage


def hand_in(server: Scripted, pin: str | None, login: str = "alice", text: str = "x") -> Handover:
    host = Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=(ip_address("127.0.0.1"),),
        roles=frozenset(Role),
    )
    submission = SERVICE_BY_NAME["submission"]
    service = replace(submission, port=server.port, login=bool(login))
    recipients = ("bob@example.org", "carol@example.org")
    content = f"{text}\r\n".encode()
    posting = Posting(
        Door(host, service), "alice@example.org", recipients, content, "<x@y>", login, "secret"
    )
    return submit_message(posting, hosts=[host], transports={}, fingerprint=pin)


def refused(handover: Handover) -> list[tuple[Stage, int | None]]:
    return [(each.stage, each.code) for each in handover.refusals]


def test_a_message_goes_in_as_from_a_mail_client(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve()
    got = hand_in(server, fingerprint, text=".\r\n..dots")
    assert server.heard == [
        "EHLO [127.0.0.1]",
        "STARTTLS",
        "EHLO [127.0.0.1]",
        "AUTH PLAIN AGFsaWNlAHNlY3JldA==",
        "MAIL FROM:<alice@example.org> SIZE=11",
        "RCPT TO:<bob@example.org>",
        "RCPT TO:<carol@example.org>",
        "DATA",
        "..",
        "...dots",
        ".",
        "QUIT",
    ]
    assert (got.via, got.tls, got.refusals) == ("direct", "TLSv1.3", ())
    assert got.accepted == ("bob@example.org", "carol@example.org")
    assert got.answer == "250 2.0.0 Ok: queued as 4jYfN30S9MzNXpd"


@pytest.mark.parametrize(
    ("script", "want"),
    [
        ({"": "554 5.7.1 go away"}, (Stage.CONNECT, None)),
        ({"STARTTLS": "454 4.7.0 not now"}, (Stage.TLS, None)),
        ({"EHLO": "250 mail.example.org"}, (Stage.TLS, None)),
        ({"AUTH": "535 5.7.8 no"}, (Stage.LOGIN, 535)),
        ({"AUTH": None}, (Stage.LOGIN, None)),
        ({"MAIL": "552 5.3.4 too big"}, (Stage.MAIL, 552)),
        ({"DATA": "451 4.3.0 later"}, (Stage.DATA, 451)),
        ({".": "550 5.7.1 spam"}, (Stage.DATA, 550)),
        ({".": None}, (Stage.DATA, None)),
    ],
)
def test_a_refusal_says_at_which_stage_it_came(
    serve: Callable[..., Scripted],
    fingerprint: str,
    script: dict[str, str | None],
    want: tuple[Stage, int | None],
) -> None:
    got = hand_in(serve(**script), fingerprint)
    assert (refused(got), got.accepted) == ([want], ())


def test_each_recipient_who_is_refused_is_told(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve(RCPT="550 5.1.1 unknown")
    got = hand_in(server, fingerprint)
    assert [each.recipient for each in got.refusals] == ["bob@example.org", "carol@example.org"]
    assert refused(got) == [(Stage.RCPT, 550)] * 2
    assert "DATA" not in server.heard


@pytest.mark.parametrize("pin", [None, "00" * 32])
def test_the_password_goes_to_nobody_but_the_host(
    serve: Callable[..., Scripted], pin: str | None
) -> None:
    server = serve()
    got = hand_in(server, pin)
    assert refused(got) == [(Stage.LOGIN, None)]
    assert "mailprov sent no password" in got.refusals[0].words
    assert [line for line in server.heard if line.startswith("AUTH")] == []


def test_the_password_is_not_sent_where_tls_is_not_offered(
    serve: Callable[..., Scripted], fingerprint: str
) -> None:
    server = serve(EHLO="250-mail.example.org\r\n250 AUTH PLAIN")
    assert refused(hand_in(server, fingerprint)) == [(Stage.TLS, None)]
    assert server.heard == ["EHLO [127.0.0.1]"]


def test_as_another_server_a_message_goes_in_without_tls_if_need_be(
    serve: Callable[..., Scripted],
) -> None:
    server = serve(EHLO="250 mail.example.org")
    got = hand_in(server, None, login="")
    assert (got.tls, got.refusals, len(got.accepted)) == ("", (), 2)


def test_a_port_where_nobody_listens_is_a_refusal(serve: Callable[..., Scripted]) -> None:
    server = serve()
    server.close()
    got = hand_in(server, None)
    assert refused(got) == [(Stage.CONNECT, None)]
    assert got.refusals[0].words.startswith("the connection failed: direct: refused")

"""Whatever a server sends, a client's conversation ends in an answer or as broken off."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.imap import ImapClient
from provisioner.clients.pop3 import Pop3Client
from provisioner.clients.sessions import client_for
from provisioner.clients.sieve import SieveClient
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.clients.tls import offer_old_tls
from provisioner.model.services import SERVICE_BY_NAME, Service
from provisioner.model.site import Role

SMTP = (
    b"220 mail\r\n250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n250 ok\r\n"
    b"354 go\r\n250 queued\r\n221 bye\r\n"
)
IMAP = (
    b"* OK ready\r\n* CAPABILITY IMAP4rev1\r\nm1 OK\r\nm2 OK in\r\n* 1 EXISTS\r\nm3 OK\r\n"
    b"m4 OK\r\n* 1 FETCH (UID 7 BODY[HEADER.FIELDS (MESSAGE-ID)] {21}\r\n"
    b"Message-ID: <a@b>\r\n\r\n)\r\nm5 OK\r\n"
    b"* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\nm6 OK\r\n* 1 FETCH (UID 7)\r\nm7 OK\r\nm8 OK\r\n"
)
POP3 = (
    b"+OK\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n+OK in\r\n"
    b"+OK\r\n1 30\r\n.\r\n+OK\r\nabc\r\n..\r\n.\r\n+OK\r\n"
)
SIEVE = b'"SASL" "PLAIN"\r\n"STARTTLS"\r\nOK\r\nOK in\r\n'


def _smtp(stream: Stream) -> None:
    client = SmtpClient(stream, "[192.0.2.1]")
    client.greet()
    client.login("alice", "x")
    client.transmit("a@example.org", "b@example.org", b"x\r\n")
    client.quit()


def _imap(stream: Stream) -> None:
    client = ImapClient(stream)
    client.greet()
    client.login("alice", "x")
    client.select_inbox()
    for uid in client.fetch_message_ids():
        client.fetch_message(uid)
        client.delete([uid])


def _pop3(stream: Stream) -> None:
    client = Pop3Client(stream)
    client.greet()
    client.login("alice", "x")
    client.delete(list(client.fetch_messages()))


def _sieve(stream: Stream) -> None:
    client = SieveClient(stream)
    client.greet()
    client.login("alice", "x")


CONVERSATIONS: dict[str, tuple[bytes, Callable[[Stream], None]]] = {
    "SMTP": (SMTP, _smtp),
    "IMAP": (IMAP, _imap),
    "POP3": (POP3, _pop3),
    "ManageSieve": (SIEVE, _sieve),
}

_LONG = b"9" * 5000  # more digits than int() takes
_pieces = st.binary(max_size=12) | st.sampled_from(
    (b"\r\n", b"* BYE\r\n", b"{99999}\r\n", b"UID " + _LONG, _LONG + b" 1\r\n", b"\xb2", b" \r\n")
)


@st.composite
def mutated(draw: st.DrawFn, told: bytes) -> bytes:
    """Return a transcript with a few pieces cut out or put in, perhaps broken off."""
    for _ in range(draw(st.integers(0, 3))):
        at, gone = draw(st.integers(0, len(told))), draw(st.integers(0, 20))
        told = told[:at] + draw(_pieces) + told[at + gone :]
    return told[: draw(st.integers(0, len(told)))] if draw(st.booleans()) else told


def conversation(said: bytes, talk: Callable[[Stream], object]) -> None:
    """Have a conversation with a server that has said all this, and hung up."""
    ours, theirs = socket.socketpair()
    with theirs, Stream(ours, 2) as stream:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        try:
            talk(stream)
        except BrokenOff:
            return


@pytest.mark.parametrize("protocol", CONVERSATIONS)
@given(data=st.data())
def test_a_conversation_with_a_babbler_ends(protocol: str, data: st.DataObject) -> None:
    told, talk = CONVERSATIONS[protocol]
    conversation(data.draw(mutated(told)), talk)


@given(st.binary(max_size=12) | st.binary(max_size=8).map(b"\x16\x03\x02\x00".__add__))
def test_what_no_tls_server_says_is_no_tls(said: bytes) -> None:
    service = SERVICE_BY_NAME["imaps"]
    conversation(said, lambda stream: offer_old_tls(stream, service, "mail.example.org", ""))


@pytest.mark.parametrize("protocol", CONVERSATIONS)
def test_the_transcripts_are_whole_conversations(protocol: str) -> None:
    told, talk = CONVERSATIONS[protocol]
    ours, theirs = socket.socketpair()
    with theirs, Stream(ours, 2) as stream:
        theirs.sendall(told)
        talk(stream)


def test_a_protocol_that_nobody_speaks_is_not_taken_for_another() -> None:
    ours, theirs = socket.socketpair()
    with theirs, Stream(ours, 1) as stream:
        service = Service("nntps", "nntp", 563, "implicit", Role.STORE)  # type: ignore[arg-type] # that is the point
        with pytest.raises(AssertionError):
            client_for(service, stream, "")

"""Lines and bytes over real sockets, and how conversations break off."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from provisioner.clients.imap import ImapClient
from provisioner.clients.pop3 import Pop3Client
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import LINE_LIMIT, BrokenOff, Stream, shown
from provisioner.clients.tls import old_client_hello

Pair = tuple[Stream, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return a stream with little patience, and the server's end of it."""
    ours, theirs = socket.socketpair()
    with Stream(ours, 0.2) as stream, theirs:
        yield stream, theirs


def test_lines_come_without_their_ends_however_they_were_cut(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"one\r\ntw")
    server.sendall(b"o\nrest")
    assert [stream.read_line(), stream.read_line(), stream.read_exactly(4)] == [
        b"one",
        b"two",
        b"rest",
    ]


def test_silence_ends_the_wait(pair: Pair) -> None:
    stream, _ = pair
    with pytest.raises(BrokenOff, match="timed out") as caught:
        stream.read_line()
    assert not caught.value.hung_up


def test_a_server_that_hangs_up_is_told_apart_from_silence(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"half a li")
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(BrokenOff) as caught:
        stream.read_line()
    assert caught.value.hung_up


def test_a_line_without_end_is_cut_off(pair: Pair) -> None:
    stream, server = pair
    server.settimeout(5)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LINE_LIMIT)
    server.sendall(b"x" * (LINE_LIMIT + 1))
    with pytest.raises(BrokenOff, match="a line of more than"):
        stream.read_line()


def test_what_was_sent_in_the_clear_is_not_taken_into_tls(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"220 go ahead\r\n250 injected\r\n")
    stream.read_line()
    with pytest.raises(BrokenOff, match="cleartext before the TLS handshake"):
        stream.start_tls("mail.probe.test")


def test_a_server_that_ends_the_handshake_before_it_begins_has_hung_up(pair: Pair) -> None:
    # Dovecot 2.4, to which a command behind STARTTLS is a malformed handshake.
    stream, server = pair
    server.sendall(b"m1 OK Begin TLS negotiation now.\r\n\x15\x03\x03\x00\x02\x02\x50")
    stream.read_line()
    with pytest.raises(BrokenOff) as caught:
        stream.start_tls("mail.probe.test")
    assert caught.value.hung_up


@pytest.mark.parametrize("alert", [10, 80])
def test_an_alert_in_the_handshake_is_the_servers_end_of_it(pair: Pair, alert: int) -> None:
    stream, server = pair
    server.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([alert]))
    with pytest.raises(BrokenOff, match="TLS failed") as caught:
        stream.start_tls("mail.probe.test")
    assert caught.value.hung_up


def test_no_tls_at_the_other_end_is_told_in_words(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"554 no TLS here\r\n")
    with pytest.raises(BrokenOff, match="during the TLS handshake"):
        stream.start_tls("mail.probe.test")


def test_an_smtp_reply_keeps_all_its_lines(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"250-mail.probe.test\r\n250-AUTH PLAIN\r\n250 SIZE\r\n")
    got = SmtpClient(stream, "[127.0.0.1]").read_reply()
    assert (got.code, got.text) == (250, "mail.probe.test\nAUTH PLAIN\nSIZE")


@pytest.mark.parametrize("line", [b"", b"hello", b"25 no", b"2500", b"\xff\xfe\x00", b"-1- x"])
def test_what_is_no_smtp_reply_breaks_off(pair: Pair, line: bytes) -> None:
    stream, server = pair
    server.sendall(line + b"\r\n")
    with pytest.raises(BrokenOff, match="no SMTP reply"):
        SmtpClient(stream, "[127.0.0.1]").read_reply()


def test_a_banner_that_is_no_welcome_breaks_off_with_its_words(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"421 4.3.2 All server ports are busy\r\n")
    with pytest.raises(BrokenOff, match="All server ports are busy"):
        SmtpClient(stream, "[127.0.0.1]").greet()


def test_an_imap_literal_is_read_by_its_length(pair: Pair) -> None:
    stream, server = pair
    server.sendall(
        b"* 1 FETCH (UID 7 BODY[] {13}\r\n)\r\nm1 OK x\r\n.)\r\nm1 OK Fetch completed\r\n"
    )
    assert ImapClient(stream).fetch_message(7) == b")\r\nm1 OK x\r\n."


def test_a_monstrous_imap_literal_breaks_off(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"* 1 FETCH (UID 7 BODY[] {999999999}\r\n")
    with pytest.raises(BrokenOff, match="a literal of"):
        ImapClient(stream).fetch_message(7)


def test_pop3_lines_lose_their_stuffed_dots(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"+OK\r\n1 9\r\n.\r\n+OK\r\n..\r\n...\r\n.a\r\n.\r\n")
    assert Pop3Client(stream).fetch_messages() == {1: b".\r\n..\r\na\r\n"}


def test_a_pop3_list_of_nonsense_breaks_off(pair: Pair) -> None:
    stream, server = pair
    server.sendall(b"+OK\r\nnonsense\r\n.\r\n")
    with pytest.raises(BrokenOff, match="LIST: nonsense"):
        Pop3Client(stream).fetch_messages()


def test_control_characters_of_a_server_do_not_reach_the_terminal() -> None:
    got = shown(b"550 \x1b[2J\xe2\x80\xaeno\x00\xff")
    assert got == "550 �[2J�no��"


def test_the_old_client_hello_is_of_tls_1_1_and_as_long_as_it_says() -> None:
    got = old_client_hello("mail.probe.test")
    kind, version, size = struct.unpack(">BHH", got[:5])
    inner = int.from_bytes(got[6:9], "big")
    assert (kind, version, size, inner) == (22, 0x0301, len(got) - 5, len(got) - 9)
    assert got[9:11] == b"\x03\x02"
    assert b"mail.probe.test" in got

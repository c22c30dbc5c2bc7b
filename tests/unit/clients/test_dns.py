"""Name servers over TCP, at the other end of a socket pair."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import dns.message
import pytest

from provisioner.clients.dns import lookup_over_tcp
from provisioner.clients.stream import BrokenOff, Stream

Serve = Callable[[socket.socket], None]


def dialling(*servers: Serve) -> Callable[[], Stream]:
    """Return what opens a stream to each of the servers in turn."""
    waiting = list(servers)

    def dial() -> Stream:
        ours, theirs = socket.socketpair()
        threading.Thread(target=waiting.pop(0), args=(theirs,), daemon=True).start()
        return Stream(ours, 0.5)

    return dial


def hang_up(connection: socket.socket) -> None:
    connection.recv(2)
    connection.close()


def keep_silent(connection: socket.socket) -> None:
    while connection.recv(512):
        pass
    connection.close()


def answer(connection: socket.socket) -> None:
    query = dns.message.from_wire(connection.recv(512)[2:])
    wire = dns.message.make_response(query).to_wire()
    connection.sendall(len(wire).to_bytes(2, "big") + wire)
    connection.close()


def test_a_server_that_hangs_up_is_asked_again() -> None:
    got = lookup_over_tcp(dialling(hang_up, hang_up, answer), "example.org", "SOA")
    assert got.rcode == "NOERROR"


def test_a_server_that_hangs_up_each_time_has_not_answered() -> None:
    with pytest.raises(BrokenOff) as caught:
        lookup_over_tcp(dialling(hang_up, hang_up, hang_up, answer), "example.org", "SOA")
    assert caught.value.hung_up


def test_a_silent_server_is_not_asked_again() -> None:
    with pytest.raises(BrokenOff, match="timed out"):
        lookup_over_tcp(dialling(keep_silent, answer), "example.org", "SOA")

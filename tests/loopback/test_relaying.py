"""TCP connections made from a host whose sshd forwards none.

People harden their sshd (`AllowTcpForwarding no` is what the usual benchmarks ask for), and no
apply went through any more.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

import pytest

from provisioner.diagnostics import MailprovError

if TYPE_CHECKING:
    from provisioner.transport.ssh.connection import SshTransport
    from tests.loopback.conftest import Client, StartSshd

    Open = Callable[[str], SshTransport]

FORBIDDEN = {
    "AllowTcpForwarding": "AllowTcpForwarding no",
    "remote only": "AllowTcpForwarding remote",
    "PermitOpen": "PermitOpen none",
    "PermitOpen elsewhere": "PermitOpen 192.0.2.1:25",
    "DisableForwarding": "DisableForwarding yes",
}


@pytest.fixture
def echo_port() -> Iterator[int]:
    """Return a port that says hello, and sends back in capitals what it gets until a dot."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(ConnectionError):
                connection.sendall(b"hello\r\n")
                while data := connection.recv(65536):
                    connection.sendall(data.upper())
                    if data.endswith(b"."):
                        return

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def opened(client: Client, start_sshd: StartSshd) -> Iterator[Open]:
    """Return a function from sshd's settings to an open transport."""
    with ExitStack() as stack:

        def open_with(settings: str) -> SshTransport:
            sshd = start_sshd(extra=settings)
            client.trust(sshd)
            transport = client.open(sshd)
            stack.callback(transport.close)
            return transport

        yield open_with


def talk(transport: SshTransport, port: int, data: bytes = b"some words.") -> bytes:
    with transport.open_tcp("127.0.0.1", port, timeout=30) as connection:
        connection.settimeout(30)
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        got = b"".join(iter(lambda: connection.recv(65536), b""))
        sender.join()
        return got


@pytest.mark.parametrize("way", FORBIDDEN)
def test_a_host_that_forbids_forwarding_connects_by_itself(
    opened: Open, echo_port: int, way: str
) -> None:
    got = talk(opened(FORBIDDEN[way]), echo_port)
    assert got == b"hello\r\nSOME WORDS."


def test_a_restricted_key_does_not_matter(
    client: Client, start_sshd: StartSshd, echo_port: int
) -> None:
    sshd = start_sshd()
    sshd.authorized.write_text(f"restrict {sshd.authorized.read_text()}")
    client.trust(sshd)
    with closing(client.open(sshd)) as transport:
        assert talk(transport, echo_port) == b"hello\r\nSOME WORDS."


def test_every_byte_comes_as_it_is(opened: Open, echo_port: int) -> None:
    data = bytes(range(0x60)) * 4000 + os.urandom(3 * 1024 * 1024).replace(b".", b"!") + b"."
    got = talk(opened("AllowTcpForwarding no"), echo_port, data)
    assert got == b"hello\r\n" + data.upper()


@pytest.mark.parametrize("sessions", [1, 2, 10])
def test_sshd_is_asked_for_no_more_sessions_than_it_takes(
    opened: Open, echo_port: int, sessions: int
) -> None:
    transport = opened(f"AllowTcpForwarding no\nMaxSessions {sessions}")
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda _: talk(transport, echo_port), range(12)))
    assert got == [b"hello\r\nSOME WORDS."] * 12
    assert transport.run("echo here", timeout=30).stdout == b"here\n"


def test_a_refused_port_is_an_os_error(opened: Open) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError, match="Connection refused"):
            opened("AllowTcpForwarding no").open_tcp(
                "127.0.0.1", unused.getsockname()[1], timeout=30
            )


def test_a_host_without_sessions_says_so(opened: Open) -> None:
    transport = opened("AllowTcpForwarding no\nMaxSessions 0")
    with pytest.raises(MailprovError, match="MaxSessions"):
        transport.open_tcp("127.0.0.1", 1, timeout=30)


def test_closing_the_transport_ends_its_connections(opened: Open, echo_port: int) -> None:
    transport = opened("AllowTcpForwarding no")
    with transport.open_tcp("127.0.0.1", echo_port, timeout=30) as connection:
        connection.settimeout(30)
        assert connection.recv(100) == b"hello\r\n"
        transport.close()
        assert connection.recv(1) == b""

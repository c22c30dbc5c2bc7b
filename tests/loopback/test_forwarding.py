"""TCP connections made from the host, through the SSH connection."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provisioner.transport.ssh.connection import SshTransport

MIB = 1024 * 1024


@pytest.fixture
def echo_port() -> Iterator[int]:
    """Return a port that sends back what it gets, and ends when the sender has ended."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_bytes_flow_both_ways_and_ends_are_told(transport: SshTransport, echo_port: int) -> None:
    data = os.urandom(3 * MIB)
    with transport.open_tcp("127.0.0.1", echo_port, timeout=5) as connection:
        connection.settimeout(10)

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = b"".join(iter(lambda: connection.recv(65536), b""))
        sender.join()
    assert got == data


def test_tls_runs_over_it(transport: SshTransport, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        " -subj /CN=mail.example.org -addext subjectAltName=DNS:mail.example.org"
    )
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(b"+OK " + secure.recv(100))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        trust = ssl.create_default_context(cafile=str(certificate))
        raw = transport.open_tcp("127.0.0.1", server.getsockname()[1], timeout=5)
        with trust.wrap_socket(raw, server_hostname="mail.example.org") as secure:
            secure.settimeout(5)
            secure.sendall(b"hello")
            assert secure.recv(100) == b"+OK hello"
        thread.join(5)


def test_a_refused_port_is_an_os_error(transport: SshTransport) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            transport.open_tcp("127.0.0.1", unused.getsockname()[1], timeout=5)


def test_closing_the_transport_ends_its_connections(
    transport: SshTransport, echo_port: int
) -> None:
    with transport.open_tcp("127.0.0.1", echo_port, timeout=5) as connection:
        connection.settimeout(5)
        transport.close()
        try:
            got = connection.recv(1)
        except ConnectionResetError:
            got = b""
    assert got == b""

"""Who listens, asked of this machine's own kernel by the program that runs on hosts."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from support.remote_parts import text_of

from provisioner.facts.listening import HeldSocket, parse_listening
from provisioner.probes.sockets import ListeningSocket
from provisioner.remote.protocol import split_sections

LOOPBACK = "127.0.0.1"


def observed(*ports: tuple[str, int], own: Path | None = None) -> tuple[HeldSocket, ...]:
    """Return what the program finds on these ports. own: the control group of a unit of ours."""
    rows = "".join(f"port\t{transport}\t{port:04X}\n" for transport, port in ports)
    text = "\n".join(
        [
            text_of("prelude", "manifest", "listening"),
            f"manifest='{rows}'",
            f"units_shown='ControlGroup={own or ''}'",
            "observe_ports",
            "exit 0",  # systemd need not run here
        ]
    )
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    return parse_listening({name: body for name, _, body in split_sections(lines)})


@pytest.fixture
def stream() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server


def test_the_process_that_listens_is_named(stream: socket.socket) -> None:
    port = stream.getsockname()[1]
    (got,) = observed(("tcp", port), ("udp", port))
    assert got.socket == ListeningSocket("tcp", ip_address(LOOPBACK), port)
    assert not got.own
    assert got.holder is not None
    assert got.holder.pid == os.getpid()
    assert got.holder.name == Path("/proc/self/comm").read_text().strip()


def test_a_datagram_socket_is_found_as_one() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((LOOPBACK, 0))
        port = datagrams.getsockname()[1]
        (got,) = observed(("tcp", port), ("udp", port))
    assert got.socket == ListeningSocket("udp", ip_address(LOOPBACK), port)


def test_a_connection_is_nobody_who_listens(stream: socket.socket) -> None:
    with socket.create_connection(stream.getsockname()) as connection:
        assert observed(("tcp", connection.getsockname()[1])) == ()


def test_a_free_port_is_held_by_nobody(stream: socket.socket) -> None:
    port = stream.getsockname()[1]
    stream.close()
    assert observed(("tcp", port)) == ()


def test_what_a_process_of_our_units_holds_is_own(stream: socket.socket, tmp_path: Path) -> None:
    # The kernel names the members of a control group in such a file.
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (got,) = observed(
        ("tcp", stream.getsockname()[1]), own=Path("/../../..") / tmp_path.relative_to("/")
    )
    assert (got.own, got.holder) == (True, None)

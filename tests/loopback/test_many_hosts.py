"""Many hosts at once against real servers: who does not answer holds up nobody."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

from provisioner.model.names import HostKey
from provisioner.transport.fleet import OpenFleet

if TYPE_CHECKING:
    from provisioner.model.site import Host
    from provisioner.verbs.ports import Transport
    from tests.loopback.conftest import Client, StartSshd

SILENT = 60  # more than may shake hands at once


def say_name(host: Host, transport: Transport) -> str:
    return transport.run('echo "$1"', host.key, timeout=20).stdout.decode().strip()


def test_hosts_that_keep_silent_do_not_keep_the_others_waiting(
    client: Client, start_sshd: StartSshd
) -> None:
    client.configure("ConnectTimeout 5\n")
    sshd = start_sshd()
    client.trust(sshd)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=2 * SILENT)) as server:
        port = server.getsockname()[1]
        silent = [named(client.host(port=port), f"silent{n}") for n in range(SILENT)]
        good = [named(client.host(sshd), f"good{n}") for n in range(4)]
        with OpenFleet(client.options, lambda _: str) as fleet:
            answers = list(fleet.each([*silent, *good], say_name))
    first = answers[: len(good)]
    assert {answer.value for answer in first} == {host.key for host in good}
    assert all("no SSH banner arrived" in str(answer.error) for answer in answers[len(good) :])


def named(host: Host, key: str) -> Host:
    return host.model_copy(update={"key": HostKey(key)})

"""The way to a real server: ssh_config, jump hosts, proxies, and roads that end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.transport.ssh.connection import open_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.loopback.conftest import Client, Sshd, StartSshd


def refusal(client: Client, sshd: Sshd | None = None, **access: object) -> str:
    with pytest.raises(MailprovError) as caught:
        client.open(sshd, **access)
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    return str(caught.value)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_refused_connection_is_told(client: Client) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        text = refusal(client, port=unused.getsockname()[1])
    assert "refuses connections" in text
    assert "hosts.K.ssh.port" in text


def test_a_name_that_does_not_resolve_is_told(client: Client) -> None:
    assert "cannot be resolved" in refusal(client, address="no-such-host.invalid", port=22)


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 300, "-oProxyCommand=x"])
def test_a_name_that_cannot_be_one_is_told(client: Client, name: str) -> None:
    refusal(client, address=name or " ", port=1)


def test_silence_instead_of_a_banner_is_told(client: Client, silent_port: int) -> None:
    client.configure("ConnectTimeout 1\n")
    begun = time.monotonic()
    assert "no SSH banner arrived" in refusal(client, port=silent_port)
    assert time.monotonic() - begun < 3


def test_another_service_instead_of_sshd_is_told(client: Client) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example.org ESMTP\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        assert "no SSH banner arrived" in refusal(client, port=server.getsockname()[1])
        thread.join(5)


def test_a_banner_without_end_ends_by_its_size(client: Client) -> None:
    sent = 0
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def babble() -> None:
            nonlocal sent
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while sent < 64 * 1024 * 1024:
                    sent += connection.send(b"x" * 65536)

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        assert "arrived before the login completed" in refusal(client, port=server.getsockname()[1])
        thread.join(5)
    assert sent < 32 * 1024 * 1024


def test_a_stopped_server_is_told(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd()
    client.configure("ConnectTimeout 1\n")
    os.kill(sshd.pid, signal.SIGSTOP)
    begun = time.monotonic()
    text = refusal(client, sshd)
    os.kill(sshd.pid, signal.SIGCONT)
    assert "no SSH banner arrived" in text
    assert time.monotonic() - begun < 4


def test_no_route_is_told(client: Client) -> None:
    # 255.255.255.255 is never a TCP destination, on any machine.
    assert "there is no route to" in refusal(client, address="255.255.255.255", port=22)


def test_the_next_address_is_tried(client: Client, sshd: Sshd) -> None:
    client.append_known(f"[127.0.0.2]:{sshd.port} {_public(sshd)}")
    host = client.host(sshd)
    # sshd listens on 127.0.0.1 alone
    both = host.model_copy(update={"addresses": (ip_address("127.0.0.2"), ip_address("127.0.0.1"))})
    open_ssh(both, client.options, _no_secret).close()


def test_an_alias_of_ssh_config_leads_to_the_host(client: Client, sshd: Sshd) -> None:
    client.trust(sshd)
    client.configure(f"Host mail\n HostName 127.0.0.1\n Port {sshd.port}\n")
    host = client.host().model_copy(update={"addresses": (ip_address("192.0.2.1"),)})
    open_ssh(host, client.options, _no_secret).close()


def test_a_jump_host_leads_to_the_host(client: Client, start_sshd: StartSshd, sshd: Sshd) -> None:
    jump = start_sshd()
    client.trust(sshd)
    client.trust(jump)
    transport = client.open(sshd, jump=f"127.0.0.1:{jump.port}")
    assert transport.run("echo hello", timeout=5).stdout == b"hello\n"
    transport.close()
    assert "Accepted publickey" in (jump.folder / "log").read_text()


def test_two_jump_hosts_lead_to_the_host(client: Client, start_sshd: StartSshd, sshd: Sshd) -> None:
    first, second = start_sshd(), start_sshd()
    for server in (first, second, sshd):
        client.trust(server)
    client.configure(f"Host outer\n HostName 127.0.0.1\n Port {first.port}\n")
    transport = client.open(sshd, jump=f"outer,127.0.0.1:{second.port}")
    assert transport.run("echo hello", timeout=5).stdout == b"hello\n"
    transport.close()


def test_proxyjump_of_ssh_config_is_followed(
    client: Client, start_sshd: StartSshd, sshd: Sshd
) -> None:
    jump = start_sshd()
    client.trust(sshd)
    client.trust(jump)
    client.configure(
        f"Host gate\n HostName 127.0.0.1\n Port {jump.port}\n"
        "Host mail.example.org\n ProxyJump gate\n"
    )
    client.open(sshd).close()
    assert "Accepted publickey" in (jump.folder / "log").read_text()


def test_a_jump_hosts_unknown_key_is_refused(
    client: Client, start_sshd: StartSshd, sshd: Sshd
) -> None:
    jump = start_sshd()
    client.trust(sshd)
    text = refusal(client, sshd, jump=f"127.0.0.1:{jump.port}")
    assert f"jump host 127.0.0.1 ({client.options.local_user}@127.0.0.1:{jump.port})" in text
    assert "the host key is unknown" in text


def test_an_unknown_host_behind_a_jump_host_can_be_made_known(
    client: Client, start_sshd: StartSshd, sshd: Sshd
) -> None:
    jump = start_sshd()
    client.trust(jump)
    with pytest.raises(MailprovError) as caught:
        client.open(sshd, jump=f"127.0.0.1:{jump.port}")
    command = next(p for p in caught.value.diagnostics[0].fix.split("`") if p.startswith("echo "))
    subprocess.run(["sh", "-c", command], check=True)
    client.open(sshd, jump=f"127.0.0.1:{jump.port}").close()


def test_a_jump_host_that_cannot_reach_the_host_is_told(
    client: Client, start_sshd: StartSshd
) -> None:
    jump = start_sshd()
    client.trust(jump)
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        text = refusal(client, port=port, jump=f"127.0.0.1:{jump.port}")
    assert f"cannot connect to 127.0.0.1 port {port}" in text


def test_jump_hosts_in_a_circle_are_told(client: Client) -> None:
    client.configure("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    assert "form a loop" in refusal(client, jump="a")


@pytest.mark.parametrize("text", ["@", "a b:", ":22", "h:port"])
def test_what_is_no_jump_host_is_told(client: Client, text: str) -> None:
    assert "jump host" in refusal(client, jump=text)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="not installed: ssh")
def test_a_proxycommand_leads_to_the_host(
    client: Client, start_sshd: StartSshd, sshd: Sshd
) -> None:
    jump = start_sshd()
    client.trust(jump)
    client.trust(sshd)
    client.configure(
        f"Host mail\n ProxyCommand ssh -F none -i {client.key} -p {jump.port}"
        f" -o UserKnownHostsFile={client.options.known_hosts} -W %h:%p 127.0.0.1\n"
    )
    transport = client.open(sshd)
    assert transport.run("echo hello", timeout=5).stdout == b"hello\n"
    transport.close()
    assert "Accepted publickey" in (jump.folder / "log").read_text()


def test_a_proxycommand_that_fails_is_told(client: Client, sshd: Sshd) -> None:
    client.configure("Host mail\n ProxyCommand sh -c 'echo no way there >&2; exit 1'\n")
    text = refusal(client, sshd)
    assert "no SSH session through the ProxyCommand" in text
    assert "no way there" in text


def _public(sshd: Sshd) -> str:
    key = sshd.keys["ed25519"]
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2]) + "\n"


def _no_secret(reference: object) -> str:
    raise AssertionError(reference)

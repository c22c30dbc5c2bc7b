"""SSH connections: from a host of the site to a logged-in, checked connection.

`open_ssh` is the way in: ssh_config is read, the endpoint resolved, the byte stream
made (through jump hosts, each checked and logged in to by the same rules), the host key
judged before anything secret is sent, and the login carried out. Each step has a limit.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import cast

import paramiko

from provisioner.model.site import Host
from provisioner.transport.failures import ConnectionLostError, unreachable
from provisioner.transport.options import Reveal, SshOptions
from provisioner.transport.program_start import ProgramStart
from provisioner.transport.ssh.channel import ChannelProcess
from provisioner.transport.ssh.client_config_files import read_client_config, run_match_exec
from provisioner.transport.ssh.endpoint import Resolver, SshEndpoint
from provisioner.transport.ssh.forwarding import (
    UnexplainedError,
    open_forwarded,
    open_forwarding_channel,
)
from provisioner.transport.ssh.host_key import HostKeyCheck
from provisioner.transport.ssh.known_hosts import HostPublicKey
from provisioner.transport.ssh.login import Login
from provisioner.transport.ssh.reach import (
    GuardedStream,
    ProxyCommand,
    await_banner,
    connect_tcp,
    explain_handshake_failure,
)
from provisioner.transport.ssh.relaying import Relays
from provisioner.transport.transport import DialogueTransport

# paramiko logs handshake failures with tracebacks; they are told as diagnostics instead.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CHANNEL_LIMIT = 20.0
_KEEPALIVE = 15
_RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")  # how an ssh-rsa key signs, RFC 8332


def open_ssh(
    host: Host,
    options: SshOptions,
    reveal: Reveal,
    turn: AbstractContextManager[object] = nullcontext(),  # noqa: B008 - it holds nothing
) -> SshTransport:
    """Connect and log in to a host; MailprovError (exit code 4) says why that failed.

    turn: entered for each handshake and login, and not while a peer is waited for.
    """
    settings = read_client_config(options)
    endpoint = Resolver(options, settings, run_match_exec).host(host)
    route = SshRoute(options, reveal, turn)
    try:
        transport = route.open(endpoint)
    except BaseException:
        route.close()
        raise
    return SshTransport(host, options, reveal, endpoint=endpoint, transport=transport, route=route)


class SshTransport(DialogueTransport):
    """A `Transport` over one SSH connection."""

    def __init__(  # noqa: PLR0913 - the finished parts of one connection
        self,
        host: Host,
        options: SshOptions,
        reveal: Reveal,
        *,
        endpoint: SshEndpoint,
        transport: paramiko.Transport,
        route: SshRoute,
    ) -> None:
        super().__init__(host, options, reveal, user=endpoint.user, peer=endpoint.peer)
        self._transport = transport
        self._route = route
        self._relays = Relays(self.start)
        self._may_forward = True

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a TCP connection made from the host; see `Transport.open_tcp`."""
        until = time.monotonic() + timeout
        try:
            while self._may_forward and (left := until - time.monotonic()) > 0:
                with contextlib.suppress(UnexplainedError):  # then it is asked once more
                    return self._ask_sshd(address, port, left)
        except ConnectionLostError as lost:
            raise unreachable(
                self._where,
                f"connection lost while connecting to {address} port {port} from the host",
                got=str(lost),
                fix="check that the host is up, then run the same command again",
            ) from lost
        if self._may_forward:
            raise TimeoutError(f"no connection within {timeout:g} s")
        return self._relays.connect(address, port, timeout)

    def _ask_sshd(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a connection that sshd itself makes; raises as `open_forwarded`.

        UnexplainedError comes, too, where sshd turns out to forward nothing.
        """
        try:
            return open_forwarded(self._transport, address, port, timeout)
        except PermissionError as forbidden:
            self._may_forward = False
            raise UnexplainedError(str(forbidden)) from forbidden
        except ConnectionRefusedError as refused:
            # paramiko keeps one reason for all channels: this may be that of a relay's session,
            # which nobody opens before sshd is known to forward nothing.
            if self._may_forward:
                raise
            raise UnexplainedError(str(refused)) from refused

    def close(self) -> None:
        """End the connection, and those to jump hosts."""
        self._route.close()

    def _process(self, start: ProgramStart) -> ChannelProcess:
        return ChannelProcess(
            self._transport,
            start.command_line(),
            where=self._where,
            open_limit=_CHANNEL_LIMIT,
        )

    def _is_root(self) -> bool:
        return self._user == "root"


@dataclass
class SshRoute:
    """The connections that lead to one endpoint, to be closed together."""

    options: SshOptions
    reveal: Reveal
    turn: AbstractContextManager[object]
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _proxies: list[ProxyCommand] = field(default_factory=list)

    def open(self, endpoint: SshEndpoint) -> paramiko.Transport:
        """Return a logged-in connection to the endpoint, hop by hop."""
        stream = self._stream(endpoint)
        self._closers.append(stream.close)
        if isinstance(stream, socket.socket) and not endpoint.proxy_command:
            await_banner(stream, endpoint)
        with self.turn:
            return self._log_in(stream, endpoint)

    def _log_in(
        self, stream: socket.socket | paramiko.Channel, endpoint: SshEndpoint
    ) -> paramiko.Transport:
        guarded = GuardedStream(stream)
        transport = paramiko.Transport(cast("socket.socket", guarded))
        self._closers.append(transport.close)
        check = HostKeyCheck(endpoint, self.options)
        self._shake_hands(transport, endpoint, check)
        key = transport.get_remote_server_key()
        check.admit(HostPublicKey(key.get_name(), key.asbytes()))
        transport.auth_timeout = self.options.login_timeout
        Login(transport, endpoint, self._password(endpoint)).carry_out()
        guarded.lift()
        transport.set_keepalive(_KEEPALIVE)
        return transport

    def close(self) -> None:
        """Close everything, the last hop first."""
        while self._closers:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._closers.pop()()

    def _password(self, endpoint: SshEndpoint) -> Callable[[], str] | None:
        reference = endpoint.password
        return None if reference is None else lambda: self.reveal(reference)

    def _stream(self, endpoint: SshEndpoint) -> socket.socket | paramiko.Channel:
        if endpoint.proxy_command:
            proxy = ProxyCommand(endpoint.proxy_command, endpoint.where)
            self._proxies.append(proxy)
            self._closers.append(proxy.close)
            return proxy.socket
        if endpoint.via is None:
            return connect_tcp(endpoint, self.options.silence_limit)
        hop = self.open(endpoint.via)
        address, port = endpoint.addresses[0], endpoint.port
        try:
            return open_forwarding_channel(hop, address, port, endpoint.connect_timeout)
        except (OSError, ConnectionLostError) as problem:
            raise unreachable(
                endpoint.where,
                f"{endpoint.via.where} cannot connect to {address} port {port}",
                got=str(problem),
                fix="check the address as seen from the jump host, and AllowTcpForwarding there",
            ) from problem

    def _shake_hands(
        self, transport: paramiko.Transport, endpoint: SshEndpoint, check: HostKeyCheck
    ) -> None:
        """Exchange banners and keys (RFC 4253), asking for the known host key types first."""
        limit = endpoint.connect_timeout
        transport.banner_timeout = limit
        transport.handshake_timeout = limit
        security = transport.get_security_options()
        preferred = [a for kind in check.preferred_types() for a in _algorithms(kind)]
        usable = security.key_types
        security.key_types = tuple(dict.fromkeys([*(a for a in preferred if a in usable), *usable]))
        try:
            transport.start_client(timeout=2 * limit)
            if not transport.initial_kex_done:
                raise TimeoutError(f"nothing within {2 * limit:g} s")
        except (paramiko.SSHException, OSError, EOFError) as broken:
            said = self._proxies[-1].said() if endpoint.proxy_command else ""
            raise explain_handshake_failure(endpoint, broken, said) from broken


def _algorithms(kind: str) -> tuple[str, ...]:
    return _RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,)

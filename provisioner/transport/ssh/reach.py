"""The byte stream to an sshd: TCP, a jump host's channel, or a ProxyCommand."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from provisioner.diagnostics import MailprovError
from provisioner.transport.failures import printable, unreachable
from provisioner.transport.ssh.endpoint import SshEndpoint

_BEFORE_LOGIN = 1024 * 1024
"""Bytes that a peer may send until the login is over; of sshd they are some ten KiB."""

_PROBE_AFTER = 15
_PROBE_EVERY = 5
_PROBES = 3
_BEHIND = "a host behind a jump host needs hosts.K.ssh.jump"


def connect_tcp(endpoint: SshEndpoint, silence_limit: float) -> socket.socket:
    """Return a connection to the first of the endpoint's addresses that answers."""
    failures: list[MailprovError] = []
    for address in endpoint.addresses:
        try:
            connection = socket.create_connection(
                (address, endpoint.port), endpoint.connect_timeout
            )
        except (OSError, UnicodeError) as problem:
            failures.append(explain_connect_failure(endpoint, address, problem))
        else:
            _notice_silence(connection, silence_limit)
            return connection
    raise MailprovError(
        [diagnostic for failure in failures for diagnostic in failure.diagnostics],
        failures[0].exit_code,
    )


class GuardedStream:
    """A byte stream that gives a limited number of bytes until somebody is logged in.

    paramiko takes any length of banner, greeting or packet from a peer whom nobody knows yet.
    Satisfies what it asks of a socket.
    """

    def __init__(self, stream: socket.socket | paramiko.Channel) -> None:
        self._stream = stream
        self._left: int | None = _BEFORE_LOGIN

    def recv(self, size: int) -> bytes:
        """Return some bytes; OSError where too many have come."""
        data = self._stream.recv(size)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise OSError(
                    f"more than {_BEFORE_LOGIN >> 10} KiB arrived before the login completed"
                )
        return data

    def send(self, data: bytes) -> int:
        """Send some bytes and return how many."""
        return self._stream.send(data)

    def settimeout(self, limit: float | None) -> None:
        """Limit how long `recv` and `send` may take, in seconds."""
        self._stream.settimeout(limit)

    def close(self) -> None:
        """End the stream."""
        self._stream.close()

    @property
    def _closed(self) -> bool:
        """As a socket has it; paramiko looks at it."""
        return bool(self._stream._closed)  # type: ignore[union-attr] # noqa: SLF001 see above

    def getpeername(self) -> object:
        """Return the other end's address."""
        return self._stream.getpeername()

    def lift(self) -> None:
        """Let bytes come without a limit from now on."""
        self._left = None


def await_banner(stream: socket.socket, endpoint: SshEndpoint) -> None:
    """Return when the peer has begun to speak; nothing is read. MailprovError if it is silent.

    sshd speaks first, without being asked (RFC 4253 section 4.2). Whoever hangs up instead is
    told by the handshake.
    """
    limit = endpoint.connect_timeout
    stream.settimeout(limit)
    try:
        stream.recv(1, socket.MSG_PEEK)
    except TimeoutError as silence:
        broken = TimeoutError(f"no banner within {limit:g} s")
        raise explain_handshake_failure(endpoint, broken) from silence
    except OSError:
        return


def _notice_silence(connection: socket.socket, limit: float) -> None:
    """Make the kernel end a connection whose peer is gone (tcp(7)), idle or not."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_EVERY)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limit * 1000))


def explain_connect_failure(
    endpoint: SshEndpoint, address: str, problem: Exception
) -> MailprovError:
    """Return the error for a TCP connection that did not come about."""
    target = f"{address} port {endpoint.port}"
    if isinstance(problem, socket.gaierror | UnicodeError):
        return unreachable(
            endpoint.where,
            f"the name {address} cannot be resolved",
            got=str(problem.strerror if isinstance(problem, OSError) else problem),
            fix="correct hosts.K.address or hosts.K.ssh.address, or HostName in ~/.ssh/config",
        )
    if isinstance(problem, ConnectionRefusedError):
        summary = f"{target} refuses connections"
        fix = "start sshd there, or set hosts.K.ssh.port to the port it listens on"
    elif isinstance(problem, TimeoutError):
        summary = f"{target} timed out after {endpoint.connect_timeout:g} s"
        fix = f"check that the host is up and that no firewall drops the connection; {_BEHIND}"
    else:
        summary = f"there is no route to {target}"
        fix = f"check the address and this machine's network; {_BEHIND}"
    return unreachable(endpoint.where, summary, got=_words(problem), fix=fix)


def _words(problem: Exception) -> str:
    return (isinstance(problem, OSError) and problem.strerror) or str(problem)


def explain_handshake_failure(
    endpoint: SshEndpoint, broken: Exception, proxy_said: str = ""
) -> MailprovError:
    """Return the error for a byte stream on which no SSH session came about."""
    words = str(broken) or type(broken).__name__
    journal = "look for the reason in the host's journal (`/usr/bin/journalctl -u ssh -u sshd`)"
    if isinstance(broken, IncompatiblePeer):
        summary = "no common algorithm with the host's sshd"
        fix = "update sshd there, or allow current algorithms in its sshd_config"
    elif endpoint.proxy_command:
        summary = "no SSH session through the ProxyCommand"
        words = proxy_said or words
        fix = f"try it by hand: `{endpoint.proxy_command}` should print `SSH-2.0-…`"
    elif "banner" in words or "protocol version" in words:
        summary = "no SSH banner arrived: a program listens there, but it does not answer like sshd"
        fix = "check address and port; sshd may be overloaded, or limited by MaxStartups"
    else:
        summary, fix = "the SSH handshake did not complete", journal
    return unreachable(endpoint.where, summary, got=words, fix=fix)


class ProxyCommand:
    """A command whose stdin and stdout are the way to sshd (ssh_config(5), ProxyCommand).

    It holds one end of a socket pair, so that the other end is a real socket.
    """

    def __init__(self, command: str, where: str) -> None:
        self.socket, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the command
        try:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError as problem:
            self.socket.close()
            self._stderr.close()
            raise unreachable(
                where, "the ProxyCommand cannot be started", got=str(problem)
            ) from problem
        finally:
            theirs.close()

    def said(self) -> str:
        """Return what the command printed on stderr so far."""
        self._stderr.seek(0)
        return printable(self._stderr.read())

    def close(self) -> None:
        """End the command."""
        self.socket.close()
        self._stderr.close()
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.wait(1)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

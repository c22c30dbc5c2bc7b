"""From a connection to a session that a service would give a user.

One client a protocol, all of the same shape where TLS and login are concerned.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from provisioner.clients.imap import ImapClient
from provisioner.clients.pop3 import Pop3Client
from provisioner.clients.sieve import SieveClient
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.model.services import Service
from provisioner.probes.login import LoginAnswer


class Client(Protocol):
    """What every client can do. All methods raise BrokenOff when the server does not play along."""

    starttls_command: bytes
    harmless_command: bytes

    def greet(self) -> None:
        """Read what the server begins with, and what it offers."""

    def ask_for_tls(self) -> None:
        """Get the go-ahead for a TLS handshake."""

    def await_tls(self) -> None:
        """Read the go-ahead that somebody asked for already."""

    def resume(self) -> None:
        """Begin anew inside TLS."""

    @property
    def offers_login(self) -> bool:
        """Whether a password is welcome now."""

    def login(self, name: str, password: str) -> LoginAnswer:
        """Log in."""

    def quit(self) -> None:
        """Take leave."""


def client_for(service: Service, stream: Stream, helo: str) -> Client:
    """Return a client that speaks the service's protocol; nothing is sent yet."""
    match service.protocol:
        case "smtp":
            return SmtpClient(stream, helo)
        case "imap":
            return ImapClient(stream)
        case "pop3":
            return Pop3Client(stream)
        case "sieve":
            return SieveClient(stream)
        case "dns":
            raise ValueError("a resolver has no sessions")
        case other:
            assert_never(other)


def secure(client: Client, stream: Stream, service: Service, name: str) -> None:
    """Bring a fresh session to where a user would log in; raise BrokenOff on the way.

    name: the server name that the TLS client asks for.
    """
    if service.tls == "implicit":
        stream.start_tls(name)
    client.greet()
    if service.tls == "starttls":
        client.ask_for_tls()
        stream.start_tls(name)
        client.resume()


def check_pin(stream: Stream, service: Service, fingerprint: str | None) -> None:
    """Raise BrokenOff unless a password may go over this connection.

    It may where the site has no TLS at all, and where the server at the other end shows
    the certificate that the host told over SSH.
    """
    if service.tls == "none":
        return
    if fingerprint is None:
        raise BrokenOff(
            "the host reported no certificate to compare with, so mailprov sent no password"
        )
    if stream.fingerprint != fingerprint:
        raise BrokenOff("this is not the host's certificate, so mailprov sent no password")

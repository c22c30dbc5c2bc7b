"""A ManageSieve client with just what the probes need (RFC 5804): TLS and login."""

from __future__ import annotations

import base64

from provisioner.clients.stream import BrokenOff, Stream, shown
from provisioner.probes.login import LoginAnswer

_LINES_LIMIT = 200


class SieveClient:
    """One ManageSieve session."""

    starttls_command = b"STARTTLS\r\n"
    harmless_command = b"NOOP\r\n"

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._capabilities: tuple[str, ...] = ()

    def greet(self) -> None:
        """Read the capabilities that the server begins with; raise BrokenOff if it does not."""
        self.resume()

    def resume(self) -> None:
        """Read the capabilities that the server sends unasked, at first and inside TLS."""
        status, lines = self._read_response()
        if not status.startswith("OK"):
            raise BrokenOff(f"greeting: {status}")
        self._capabilities = tuple(line.upper() for line in lines)

    def ask_for_tls(self) -> None:
        """Say STARTTLS; raise BrokenOff if it is not offered or refused."""
        if not any(line.startswith('"STARTTLS"') for line in self._capabilities):
            raise BrokenOff("STARTTLS is not offered")
        self._stream.send(self.starttls_command)
        self.await_tls()

    def await_tls(self) -> None:
        """Read the go-ahead for TLS; raise BrokenOff if there is none."""
        status, _ = self._read_response()
        if not status.startswith("OK"):
            raise BrokenOff(f"STARTTLS: {status}")

    @property
    def offers_login(self) -> bool:
        """Whether a mechanism is offered that sends the password."""
        sasl = [line for line in self._capabilities if line.startswith('"SASL"')]
        return any("PLAIN" in line or "LOGIN" in line for line in sasl)

    def login(self, name: str, password: str) -> LoginAnswer:
        """Log in with AUTHENTICATE PLAIN."""
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self._stream.send(f'AUTHENTICATE "PLAIN" "{token}"\r\n'.encode())
        status, _ = self._read_response()
        return LoginAnswer(accepted=status.startswith("OK"), words=status)

    def quit(self) -> None:
        """Take leave; a server that does not answer is none of our concern."""
        try:
            self._stream.send(b"LOGOUT\r\n")
        except BrokenOff:
            return

    def _read_response(self) -> tuple[str, list[str]]:
        lines: list[str] = []
        while len(lines) < _LINES_LIMIT:
            line = shown(self._stream.read_line())
            if line.upper().startswith(("OK", "NO", "BYE")):
                return line, lines
            lines.append(line)
        raise BrokenOff(f"the server sent a response of more than {_LINES_LIMIT} lines")

"""A POP3 client with just what the probes need (RFC 1939, 2449, STLS of 2595)."""

from __future__ import annotations

from provisioner.clients.stream import BrokenOff, Stream, shown
from provisioner.probes.login import LoginAnswer

_LINES_LIMIT = 1_000_000
_LONGEST_NUMBER = 10  # digits


class Pop3Client:
    """One POP3 session."""

    starttls_command = b"STLS\r\n"
    harmless_command = b"CAPA\r\n"

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.capabilities: frozenset[str] = frozenset()

    def greet(self) -> None:
        """Read the greeting and the capabilities; raise BrokenOff if we are not welcome."""
        greeting = self._stream.read_line()
        if not greeting.startswith(b"+OK"):
            raise BrokenOff(f"greeting: {shown(greeting[:200])}")
        self.resume()

    def resume(self) -> None:
        """Ask for the capabilities, which change with TLS."""
        self._expect("CAPA")
        lines = [shown(line).upper() for line in self._read_lines()]
        self.capabilities = frozenset(lines)

    def ask_for_tls(self) -> None:
        """Say STLS; raise BrokenOff if it is not offered or refused."""
        if "STLS" not in self.capabilities:
            raise BrokenOff("STLS is not offered")
        self._stream.send(self.starttls_command)
        self.await_tls()

    def await_tls(self) -> None:
        """Read the go-ahead for TLS; raise BrokenOff if there is none."""
        line = self._stream.read_line()
        if not line.startswith(b"+OK"):
            raise BrokenOff(f"STLS: {shown(line[:200])}")

    @property
    def offers_login(self) -> bool:
        """Whether a password is welcome now."""
        words = {word for line in self.capabilities for word in line.split()}
        sasl = any(line.startswith("SASL") for line in self.capabilities)
        return "USER" in self.capabilities or (sasl and bool(words & {"PLAIN", "LOGIN"}))

    def login(self, name: str, password: str) -> LoginAnswer:
        """Log in with USER and PASS."""
        reply = self._command(f"USER {name}")
        if reply.startswith("+OK"):
            reply = self._command(f"PASS {password}")
        return LoginAnswer(accepted=reply.startswith("+OK"), words=reply)

    def fetch_messages(self) -> dict[int, bytes]:
        """Return every message in the mailbox by its number, lines ended by CRLF."""
        self._expect("LIST")
        numbers = [_number_in(line) for line in self._read_lines()]
        return {number: self._retrieve(number) for number in numbers}

    def delete(self, numbers: list[int]) -> None:
        """Mark these messages; they go with `finish`."""
        for number in numbers:
            self._expect(f"DELE {number}")

    def finish(self) -> None:
        """Say QUIT, which is what deletes; raise BrokenOff if that fails."""
        self._expect("QUIT")

    def quit(self) -> None:
        """Take leave; a server that does not answer is none of our concern."""
        try:
            self._command("QUIT")
        except BrokenOff:
            return

    def _retrieve(self, number: int) -> bytes:
        self._expect(f"RETR {number}")
        return b"".join(line + b"\r\n" for line in self._read_lines())

    def _expect(self, command: str) -> str:
        reply = self._command(command)
        if not reply.startswith("+OK"):
            raise BrokenOff(f"{command}: {reply}")
        return reply

    def _command(self, command: str) -> str:
        self._stream.send(command.encode() + b"\r\n")
        return shown(self._stream.read_line())

    def _read_lines(self) -> list[bytes]:
        """Return the lines of a multi-line response, dots unstuffed (RFC 1939 section 3)."""
        lines: list[bytes] = []
        while (line := self._stream.read_line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
            if len(lines) > _LINES_LIMIT:
                raise BrokenOff(f"the server sent a response of more than {_LINES_LIMIT} lines")
        return lines


def _number_in(line: bytes) -> int:
    number = line.partition(b" ")[0]
    if not number.isdigit() or len(number) > _LONGEST_NUMBER:
        raise BrokenOff(f"LIST: {shown(line[:200])}")
    return int(number)

"""An IMAP client with just what the probes need (RFC 9051): log in, read, delete."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from provisioner.clients.stream import BrokenOff, Stream, shown
from provisioner.probes.login import LoginAnswer

_LITERAL = re.compile(rb"\{(\d{1,9})\}$")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_MESSAGE_LIMIT = 64 * 1024 * 1024


@dataclass
class _Response:
    """An untagged response: its text without literals, and the literals."""

    text: bytes = b""
    literals: list[bytes] = field(default_factory=list)


class ImapClient:
    """One IMAP session."""

    starttls_command = b"s STARTTLS\r\n"
    harmless_command = b"n NOOP\r\n"

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._number = 0
        self.capabilities: frozenset[str] = frozenset()

    def greet(self) -> None:
        """Read the greeting and the capabilities; raise BrokenOff if we are not welcome."""
        greeting = self._stream.read_line()
        if not greeting.upper().startswith(b"* OK"):
            raise BrokenOff(f"greeting: {shown(greeting[:200])}")
        self.resume()

    def resume(self) -> None:
        """Ask for the capabilities, which change with TLS."""
        status, responses = self._command(b"CAPABILITY")
        if not status.startswith("OK"):
            raise BrokenOff(f"CAPABILITY: {status}")
        words = [shown(r.text).upper().split() for r in responses]
        self.capabilities = frozenset(w for row in words if row[:1] == ["CAPABILITY"] for w in row)

    def ask_for_tls(self) -> None:
        """Say STARTTLS; raise BrokenOff if it is not offered or refused."""
        if "STARTTLS" not in self.capabilities:
            raise BrokenOff("STARTTLS is not offered")
        self._stream.send(self.starttls_command)
        self.await_tls()

    def await_tls(self) -> None:
        """Read the go-ahead for TLS; raise BrokenOff if there is none."""
        line = self._stream.read_line()
        if not line.upper().startswith(b"S OK"):
            raise BrokenOff(f"STARTTLS: {shown(line[:200])}")

    @property
    def offers_login(self) -> bool:
        """Whether a password is welcome now: no LOGINDISABLED, or a mechanism that sends it."""
        return "LOGINDISABLED" not in self.capabilities or bool(
            self.capabilities & {"AUTH=PLAIN", "AUTH=LOGIN"}
        )

    def login(self, name: str, password: str) -> LoginAnswer:
        """Log in with the LOGIN command."""
        status, _ = self._command(b"LOGIN " + _quoted(name) + b" " + _quoted(password))
        return LoginAnswer(accepted=status.startswith("OK"), words=status)

    def select_inbox(self) -> None:
        """Open the inbox; raise BrokenOff if it cannot be."""
        self._expect(b"SELECT INBOX")

    def fetch_message_ids(self) -> dict[int, str]:
        """Return the Message-ID of every message in the inbox by UID, empty where it has none."""
        # NOOP first: it is what lets the server tell of mail that came in since.
        self._expect(b"NOOP")
        responses = self._expect(b"UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        fields = ((_UID.search(r.text), r.literals) for r in responses)
        return {
            int(uid[1]): shown(literals[0].partition(b":")[2].strip())
            for uid, literals in fields
            if uid and literals
        }

    def fetch_message(self, uid: int) -> bytes:
        """Return a message as it is stored; raise BrokenOff if it is not there."""
        for response in self._expect(f"UID FETCH {uid} (UID BODY.PEEK[])".encode()):
            if response.literals:
                return response.literals[0]
        raise BrokenOff(f"message {uid} is gone")

    def delete(self, uids: list[int]) -> None:
        """Delete these messages for good."""
        if uids:
            numbers = ",".join(map(str, uids))
            self._expect(f"UID STORE {numbers} +FLAGS.SILENT (\\Deleted)".encode())
            self._expect(b"EXPUNGE")

    def start_over(self) -> None:
        """Make sure that the session still works; raise BrokenOff if not."""
        self._expect(b"NOOP")

    def quit(self) -> None:
        """Take leave; a server that does not answer is none of our concern."""
        try:
            self._command(b"LOGOUT")
        except BrokenOff:
            return

    def _expect(self, command: bytes) -> list[_Response]:
        status, responses = self._command(command)
        if not status.startswith("OK"):
            raise BrokenOff(f"{command.decode()}: {status}")
        return responses

    def _command(self, command: bytes) -> tuple[str, list[_Response]]:
        """Send a command; return the tagged status, `OK …`, and the untagged responses."""
        self._number += 1
        tag = f"m{self._number}".encode()
        self._stream.send(tag + b" " + command + b"\r\n")
        responses: list[_Response] = []
        while True:
            response = self._read_response()
            mark, _, rest = response.text.partition(b" ")
            if mark == tag:
                return shown(rest), responses
            if mark == b"*" and rest.upper().startswith(b"BYE") and command != b"LOGOUT":
                raise BrokenOff(shown(rest))
            response.text = rest
            responses.append(response)

    def _read_response(self) -> _Response:
        response = _Response()
        while True:
            line = self._stream.read_line()
            response.text += line
            literal = _LITERAL.search(line)
            if literal is None:
                return response
            size = int(literal[1])
            if size > _MESSAGE_LIMIT:
                raise BrokenOff(f"the server announced a literal of {size} bytes")
            response.literals.append(self._stream.read_exactly(size))


def _quoted(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode()

"""An SMTP client that sends exactly what a probe wants and returns what the server says.

RFC 5321, with STARTTLS (3207), AUTH PLAIN (4954, 4616) and 8BITMIME (6152).
"""

from __future__ import annotations

import base64

from provisioner.clients.stream import BrokenOff, Stream, shown
from provisioner.probes.login import LoginAnswer
from provisioner.probes.smtp import Reply

_REPLY_LINES = 200
_READY, _GO_AHEAD, _ACCEPTED = 220, 354, 235


class SmtpClient:
    """One SMTP session. helo: how we introduce ourselves, an address literal or a name."""

    starttls_command = b"STARTTLS\r\n"
    harmless_command = b"NOOP\r\n"

    def __init__(self, stream: Stream, helo: str) -> None:
        self._stream = stream
        self._helo = helo
        self.extensions: frozenset[str] = frozenset()
        self._mechanisms: frozenset[str] = frozenset()

    def greet(self) -> None:
        """Read the banner and say EHLO; raise BrokenOff if either is refused."""
        banner = self.read_reply()
        if banner.code != _READY:
            raise BrokenOff(f"banner: {banner}")
        self.hello()

    def hello(self) -> None:
        """Say EHLO and note what the server offers; raise BrokenOff if it refuses."""
        reply = self.command(f"EHLO {self._helo}")
        if not reply.is_positive:
            raise BrokenOff(f"EHLO: {reply}")
        words = [line.upper().replace("=", " ").split() for line in reply.text.splitlines()[1:]]
        self.extensions = frozenset(row[0] for row in words if row)
        self._mechanisms = frozenset(
            mechanism for row in words if row and row[0] == "AUTH" for mechanism in row[1:]
        )

    def ask_for_tls(self) -> None:
        """Say STARTTLS; raise BrokenOff if it is not offered or refused."""
        if "STARTTLS" not in self.extensions:
            raise BrokenOff("STARTTLS is not offered")
        self._stream.send(self.starttls_command)
        self.await_tls()

    def await_tls(self) -> None:
        """Read the go-ahead for TLS; raise BrokenOff if there is none."""
        reply = self.read_reply()
        if reply.code != _READY:
            raise BrokenOff(f"STARTTLS: {reply}")

    def resume(self) -> None:
        """Begin anew inside TLS."""
        self.hello()

    @property
    def offers_login(self) -> bool:
        """Whether a mechanism is offered that sends the password."""
        return bool(self._mechanisms & {"PLAIN", "LOGIN"})

    def login(self, name: str, password: str) -> LoginAnswer:
        """Log in with AUTH PLAIN."""
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        reply = self.command(f"AUTH PLAIN {token}")
        return LoginAnswer(accepted=reply.code == _ACCEPTED, words=str(reply))

    def command(self, line: str) -> Reply:
        """Send one command line and return the reply."""
        self._stream.send(line.encode() + b"\r\n")
        return self.read_reply()

    def begin(self, sender: str, size: int) -> Reply:
        """Say who sends a message of so many bytes (RFC 1870)."""
        size_known = f" SIZE={size}" if "SIZE" in self.extensions else ""
        eight_bit = " BODY=8BITMIME" if "8BITMIME" in self.extensions else ""
        return self.command(f"MAIL FROM:<{sender}>{size_known}{eight_bit}")

    def add_recipient(self, recipient: str) -> Reply:
        """Say to whom the message goes."""
        return self.command(f"RCPT TO:<{recipient}>")

    def send_content(self, content: bytes) -> Reply:
        """Send the message itself, lines ended by CRLF; return the reply that decided."""
        reply = self.command("DATA")
        if reply.code != _GO_AHEAD:
            return Reply(reply.code, f"{reply.text} (to DATA)")
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        self._stream.send(stuffed + b".\r\n")
        return self.read_reply()

    def transmit(self, sender: str, recipient: str, content: bytes) -> Reply:
        """Send one message and return the reply that decided: the first refusal, or the last.

        content: lines ended by CRLF.
        """
        reply, command = self.begin(sender, len(content)), f"MAIL FROM:<{sender}>"
        if reply.is_positive:
            reply, command = self.add_recipient(recipient), f"RCPT TO:<{recipient}>"
        if not reply.is_positive:
            return Reply(reply.code, f"{reply.text} (to {command})")
        return self.send_content(content)

    def start_over(self) -> None:
        """Drop what is left of an envelope; raise BrokenOff if the server does not play along."""
        reply = self.command("RSET")
        if not reply.is_positive:
            raise BrokenOff(f"RSET: {reply}")

    def quit(self) -> None:
        """Take leave; a server that does not answer is none of our concern."""
        try:
            self.command("QUIT")
        except BrokenOff:
            return

    def read_reply(self) -> Reply:
        """Return the next reply, all its lines; raise BrokenOff if it is none."""
        texts: list[str] = []
        for _ in range(_REPLY_LINES):
            line = self._stream.read_line()
            code, mark, text = line[:3], line[3:4], line[4:]
            if not code.isdigit() or mark not in {b"", b" ", b"-"}:
                raise BrokenOff(f"the server sent no SMTP reply: {shown(line[:200])}")
            texts.append(shown(text))
            if mark != b"-":
                return Reply(int(code), "\n".join(texts))
        raise BrokenOff(f"the server sent a reply of more than {_REPLY_LINES} lines")

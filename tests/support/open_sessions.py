"""A person who is logged in on every port at once: submission, IMAP, POP3 and Sieve."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import poplib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

Ask = Callable[[], bool]
"""Ask something that is harmless over an open session; whether it was answered well."""

_SECONDS = 20
_GONE = (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException)


@dataclass
class OpenSessions:
    """The sessions of one person; `asks` by the port, `465 in DATA` in the middle of a message."""

    address: str
    name: str
    password: str
    domain: str
    tls: ssl.SSLContext
    asks: dict[str, Ask] = field(default_factory=dict)
    closers: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open(self) -> OpenSessions:
        """Log in on every port."""
        for port in (465, 587):
            client = self._submission(port)
            self.asks[str(port)] = lambda client=client: client.noop()[0] == 250  # type: ignore[misc]
        writing = self._submission(465)
        sender = f"{self.name}@{self.domain}"
        assert writing.mail(sender)[0] == writing.rcpt(sender)[0] == 250
        assert writing.docmd("DATA")[0] == 354
        writing.send(f"From: {sender}\r\nSubject: half a message\r\n\r\n")
        handed_in: list[bool] = []

        def end_of_data() -> bool:
            if not handed_in:
                handed_in.append(writing.docmd(".")[0] == 250)
            return handed_in[0]

        self.asks["465 in DATA"] = end_of_data
        for port in (993, 143):
            imap = self._imap(port)
            self.asks[str(port)] = lambda imap=imap: imap.noop()[0] == "OK"  # type: ignore[misc]
        for port in (995, 110):
            pop = self._pop3(port)
            self.asks[str(port)] = lambda pop=pop: pop.noop().startswith(b"+OK")  # type: ignore[misc]
        self.asks["4190"] = self._sieve()
        return self

    def answers(self) -> dict[str, bool]:
        """Return by session whether it is still served."""

        def is_served(ask: Ask) -> bool:
            try:
                return ask()
            except _GONE:
                return False

        return {port: is_served(ask) for port, ask in self.asks.items()}

    def left_after(self, seconds: float) -> list[str]:
        """Wait at most so long for all of them to end; return those that are served still."""
        deadline = time.monotonic() + seconds
        while True:
            served = [port for port, answer in self.answers().items() if answer]
            if not served or time.monotonic() > deadline:
                return served
            time.sleep(0.1)

    def close(self) -> None:
        """Hang up."""
        self.closers.close()

    @property
    def _token(self) -> str:
        return base64.b64encode(f"\0{self.name}\0{self.password}".encode()).decode()

    def _submission(self, port: int) -> smtplib.SMTP:
        client: smtplib.SMTP
        if port == 465:
            client = smtplib.SMTP_SSL(self.address, port, context=self.tls, timeout=_SECONDS)
        else:
            client = smtplib.SMTP(self.address, port, timeout=_SECONDS)
            client.starttls(context=self.tls)
        self.closers.callback(client.close)
        client.ehlo("client.outside.example")
        assert client.docmd("AUTH", f"PLAIN {self._token}")[0] == 235
        return client

    def _imap(self, port: int) -> imaplib.IMAP4:
        client: imaplib.IMAP4
        if port == 993:
            client = imaplib.IMAP4_SSL(self.address, port, ssl_context=self.tls, timeout=_SECONDS)
        else:
            client = imaplib.IMAP4(self.address, port, timeout=_SECONDS)
            client.starttls(ssl_context=self.tls)
        self.closers.callback(client.shutdown)
        client.authenticate("PLAIN", lambda _: f"\0{self.name}\0{self.password}".encode())
        return client

    def _pop3(self, port: int) -> poplib.POP3:
        client: poplib.POP3
        if port == 995:
            client = poplib.POP3_SSL(self.address, port, context=self.tls, timeout=_SECONDS)
        else:
            client = poplib.POP3(self.address, port, timeout=_SECONDS)
            client.stls(context=self.tls)
        self.closers.callback(client.close)
        client.encoding = "utf-8"
        client.user(self.name)
        client.pass_(self.password)
        return client

    def _sieve(self) -> Ask:
        plain = socket.create_connection((self.address, 4190), timeout=_SECONDS)
        _until_ok(plain)
        plain.sendall(b"STARTTLS\r\n")
        _until_ok(plain)
        secured = self.tls.wrap_socket(plain)
        self.closers.callback(secured.close)
        _until_ok(secured)

        def ask(command: str) -> bool:
            secured.sendall(command.encode() + b"\r\n")
            _until_ok(secured)
            return True

        ask(f'AUTHENTICATE "PLAIN" "{self._token}"')
        return lambda: ask("NOOP")


def _until_ok(connection: socket.socket) -> None:
    """Read what a Sieve server (RFC 5804) says up to its OK."""
    heard = b""
    while not any(line.startswith(b"OK") for line in heard.splitlines() if heard.endswith(b"\n")):
        chunk = cast("bytes", connection.recv(4096))
        if not chunk or heard.startswith((b"NO", b"BYE")):
            raise ConnectionResetError(heard)
        heard += chunk

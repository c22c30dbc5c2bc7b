"""An SMTP server on loopback that follows a script, with a certificate of its own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

GREETED = {
    "": "220 mail.example.org ESMTP",
    "EHLO": "250-mail.example.org\r\n250-STARTTLS\r\n250-SIZE 9\r\n250 AUTH PLAIN",
    "STARTTLS": "220 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 Ok: queued as 4jYfN30S9MzNXpd",
    "QUIT": "221 bye",
}


class Scripted:
    """A server on loopback. script: what it answers to each command; None: it hangs up."""

    def __init__(self, script: Mapping[str, str | None], chain: Path) -> None:
        self.heard: list[str] = []
        self._script = {**GREETED, **script}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close does not
            self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with ExitStack() as stack, suppress(OSError):
                self._talk(stack.enter_context(connection), stack)

    def _talk(self, connection: socket.socket, stack: ExitStack) -> None:
        reader = stack.enter_context(connection.makefile("rb"))
        verb, content = "", False
        while True:
            answer = self._script["." if content and verb == "." else verb]
            if answer is None:
                return
            connection.sendall(answer.encode() + b"\r\n")
            if verb == "STARTTLS" and answer.startswith("220"):
                secured = self._context.wrap_socket(connection, server_side=True)
                connection = stack.enter_context(secured)
                reader = stack.enter_context(connection.makefile("rb"))
            content = verb == "DATA" and answer.startswith("354")
            lines = [reader.readline().decode().rstrip("\r\n")]
            while content and lines[-1] != ".":
                lines.append(reader.readline().decode().rstrip("\r\n"))
            if lines == [""]:
                return
            self.heard += lines
            verb = lines[-1].partition(" ")[0]

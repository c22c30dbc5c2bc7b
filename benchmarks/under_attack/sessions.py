"""Hundreds of sessions from chosen addresses: asyncio, no threads.

The certificate is not checked: every lab host makes its own, and nothing secret is said.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from typing import Self

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CONTEXT.check_hostname = False
_CONTEXT.verify_mode = ssl.CERT_NONE
_PROTOCOLS = {
    25: "smtp",
    110: "pop3",
    143: "imap",
    465: "smtp",
    587: "smtp",
    993: "imap",
    995: "pop3",
    4190: "sieve",
}
_MX = 25
_WRAPPED = frozenset({465, 993, 995})
_STARTTLS = {"smtp": "STARTTLS", "imap": "t STARTTLS", "pop3": "STLS", "sieve": "STARTTLS"}


class SessionError(Exception):
    """The server refused, or closed the connection; the text is its last line."""

    @property
    def goes_on(self) -> bool:
        """Whether the session is still there: only this was refused."""
        return not str(self).startswith(("closed", "* BYE", "BYE", "4"))


@dataclass
class Session:
    """A connection to one of the site's ports, TLS done."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: str

    @classmethod
    async def open(cls, server: str, port: int, source: str) -> Self:
        """Connect from an address, read the greeting, start TLS; SessionError or OSError."""
        wrapped = _CONTEXT if port in _WRAPPED else None
        reader, writer = await asyncio.open_connection(
            server, port, ssl=wrapped, local_addr=(source, 0)
        )
        session = cls(reader, writer, _PROTOCOLS[port])
        try:
            await session._greet(starttls=port not in _WRAPPED and port != _MX)
        except BaseException:
            session.close()
            raise
        return session

    async def log_in(self, user: str, password: str) -> None:
        """Log in; SessionError with the server's words if it does not let us."""
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        if self.protocol == "smtp":
            answer = await self._ask(f"AUTH PLAIN {plain}")
        elif self.protocol == "imap":
            answer = await self._ask(f't LOGIN "{user}" "{password}"')
        elif self.protocol == "sieve":
            answer = await self._ask(f'AUTHENTICATE "PLAIN" "{plain}"')
        else:
            await self._ask(f"USER {user}")
            answer = await self._ask(f"PASS {password}")
        if not self._is_yes(answer):
            raise SessionError(answer)

    async def wait_for_end(self) -> None:
        """Return when the server closes the connection."""
        while await self.reader.read(4096):
            pass

    def close(self) -> None:
        """Close the connection without a word."""
        self.writer.transport.abort()

    async def _greet(self, *, starttls: bool) -> None:
        await self._read_answer(greeting=True)
        if self.protocol == "smtp":
            await self._ask("EHLO client.example")
        if starttls:
            answer = await self._ask(_STARTTLS[self.protocol])
            if not self._is_yes(answer):
                raise SessionError(answer)
            await self.writer.start_tls(_CONTEXT)
            if self.protocol == "smtp":
                await self._ask("EHLO client.example")
            elif self.protocol == "sieve":
                await self._read_answer()

    async def _ask(self, line: str) -> str:
        self.writer.write(f"{line}\r\n".encode())
        await self.writer.drain()
        return await self._read_answer()

    async def _read_answer(self, *, greeting: bool = False) -> str:
        while True:
            line = (await self.reader.readline()).decode("utf-8", "replace").rstrip()
            if not line:
                raise SessionError("closed")
            if self.protocol == "smtp" and line[3:4] == "-":
                continue
            if self.protocol == "imap" and not greeting and line.startswith("* "):
                if line.startswith("* BYE"):
                    raise SessionError(line)
                continue
            if self.protocol == "sieve" and line.split()[0] not in {"OK", "NO", "BYE"}:
                continue
            return line

    def _is_yes(self, answer: str) -> bool:
        wanted = {"smtp": "2", "imap": "t OK", "pop3": "+OK", "sieve": "OK"}
        return answer.startswith(wanted[self.protocol])

"""A user at a desk: submits with login, reads by IMAP, and trusts the host's own certificate.

For tests whose subject is what happens between servers; what real mail programs do is
tested with real mail programs.
"""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid

from support.deployed import DeployedSite

SECONDS = 60.0


@dataclass(frozen=True)
class Person:
    """A user of a deployed site. store: the key of the host with the mailbox."""

    site: DeployedSite
    store: str
    address: str
    password: str

    def submit(self, *recipients: str, subject: str, text: str = "hello\n") -> str:
        """Hand a message in on port 587; return its Message-ID."""
        message = EmailMessage()
        message["From"], message["To"] = self.address, ", ".join(recipients)
        message["Subject"] = subject
        message["Message-ID"] = make_msgid(domain=self.address.partition("@")[2])
        message.set_content(text)
        with smtplib.SMTP(self._host_address, 587, timeout=SECONDS) as client:
            client.starttls(context=self._context())
            client.login(self.address, self.password)
            client.send_message(message)
        return str(message["Message-ID"])

    def wait_for(self, text: str, count: int = 1, seconds: float = SECONDS) -> list[EmailMessage]:
        """Return the messages that have a text somewhere, once there are `count`; then delete them.

        Fails the test when they are not there in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self._take(text, count)
            if found:
                return found
            time.sleep(0.2)
        message = f"{self.address} got fewer than {count} messages with {text!r}"
        raise AssertionError(message)

    def _take(self, text: str, count: int) -> list[EmailMessage]:
        with imaplib.IMAP4_SSL(
            self._host_address, 993, ssl_context=self._context(), timeout=SECONDS
        ) as client:
            client.login(self.address, self.password)
            client.select("INBOX")
            _, (numbers,) = client.search(None, "TEXT", f'"{text}"')
            if len(numbers.split()) < count:
                return []
            messages = list(_fetched(client, numbers.split()))
            client.store(b",".join(numbers.split()).decode(), "+FLAGS", r"\Deleted")
            client.expunge()
            return messages

    @property
    def _host_address(self) -> str:
        return self.site.host(self.store).address

    def _context(self) -> ssl.SSLContext:
        pem = self.site.host(self.store).read_file("/etc/mailprov/tls/site.pem")
        context = ssl.create_default_context(cadata=pem[pem.index("-----BEGIN CERTIFICATE") :])
        # Connected by address; no certificate but this one is believed.
        context.check_hostname = False
        return context


def _fetched(client: imaplib.IMAP4, numbers: list[bytes]) -> Iterator[EmailMessage]:
    for number in numbers:
        _, parts = client.fetch(number.decode(), "(RFC822)")
        part = parts[0]
        assert isinstance(part, tuple)
        message = message_from_bytes(part[1], policy=policy.default)
        assert isinstance(message, EmailMessage)
        yield message

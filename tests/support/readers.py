"""What a mailbox looks like to mail programs: the standard library's, and mpop on a lab host."""

from __future__ import annotations

import imaplib
import poplib
import re
import smtplib
import ssl
from dataclasses import dataclass

from provisioner.lab import LabHost


@dataclass(frozen=True)
class Mailbox:
    r"""A folder as IMAP has it.

    validity: UIDVALIDITY. flags: of each message, by UID; \Recent, which the first program to
    look takes away, is left out.
    """

    validity: str
    flags: dict[int, frozenset[str]]


def insecure_tls() -> ssl.SSLContext:
    """Return TLS that trusts every server: whether it is the right one is not asked here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def submit(address: str, user: str, password: str, recipient: str, subject: str) -> None:
    """Submit a message through port 587."""
    with smtplib.SMTP(address, 587, "client.outside.example", timeout=30) as client:
        client.starttls(context=insecure_tls())
        client.login(user, password)
        text = f"From: <{user}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n\r\n{subject}\r\n"
        client.sendmail(user, [recipient], text)


def imap(address: str, user: str, password: str) -> imaplib.IMAP4_SSL:
    """Return a session that has logged in through port 993."""
    client = imaplib.IMAP4_SSL(address, 993, ssl_context=insecure_tls(), timeout=30)
    client.login(user, password)
    return client


def read_mailbox(client: imaplib.IMAP4_SSL, folder: str = "INBOX") -> Mailbox:
    """Return what a folder holds, without changing it."""
    [count] = client.select(folder, readonly=True)[1]
    [validity] = client.response("UIDVALIDITY")[1] or [b""]
    answer = client.fetch("1:*", "(UID FLAGS)")[1] if count != b"0" else []
    rows = [row.decode() for row in answer if isinstance(row, bytes)]
    found = [re.search(r"UID (\d+) FLAGS \(([^)]*)\)", row) for row in rows]
    flags = {int(one[1]): frozenset(one[2].split()) - {"\\Recent"} for one in found if one}
    return Mailbox((validity or b"").decode(), flags)


def read_uidls(address: str, user: str, password: str) -> list[str]:
    """Return the unique ids that POP3 gives the messages, in order."""
    client = poplib.POP3_SSL(address, 995, context=insecure_tls(), timeout=30)
    try:
        client.user(user)
        client.pass_(password)
        return [row.split()[1].decode() for row in client.uidl()[1]]
    finally:
        client.quit()


def write_mpoprc(client: LabHost, address: str, user: str, password: str) -> None:
    """Set mpop up to leave mail on the server and to fetch each message once."""
    lines = [
        "account default",
        f"host {address}",
        "port 995",
        f"user {user}",
        f"password {password}",
        "tls on",
        "tls_starttls off",
        "tls_certcheck off",
        "delivery mbox /root/fetched",
        "uidls_file /root/uidls",
        "keep on",
    ]
    client.write_file("/root/.mpoprc", "\n".join(lines) + "\n", mode=0o600)


def fetch_new(client: LabHost) -> list[str]:
    """Have mpop fetch what it has not fetched before; return the subjects."""
    text = client.check_run(["sh", "-c", "rm -f fetched; mpop -q && cat fetched 2>/dev/null; true"])
    return re.findall(r"^Subject: (.*)$", text, re.MULTILINE)

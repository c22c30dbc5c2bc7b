"""People of a site on lab hosts: added by `mailprov user`, judged by Python's own clients."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import os
import poplib
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.lab import LabHost
from support.deployed import DeployedSite
from support.open_sessions import OpenSessions
from support.readers import insecure_tls

SENDER = "somebody@outside.example"


@dataclass
class Step:
    """An apply while people were logged in.

    stayed: all main processes are what they were. served: of the owner, who was logged in on
    every port, whether the session there goes on. left: of those whose access changed, the
    ports on which a session goes on five seconds later. allowed: ways in that were tried
    afterwards.
    """

    outcome: dict[str, Any]
    stayed: bool
    served: dict[str, bool]
    left: dict[str, list[str]]
    allowed: dict[str, dict[str, bool]] = field(default_factory=dict)

    def restarts(self) -> list[tuple[str, str]]:
        rows = [(row["name"], row["action"]) for row in self.outcome["changes"]]
        units = [row for row in rows if row[0].endswith(".service")]
        return [row for row in units if row != ("postfix.service", "reload")]


@dataclass
class People:
    """A site with people of its own, in a copy of its file. owner: who was there before."""

    site: DeployedSite
    path: Path
    domain: str
    owner: tuple[str, str]
    homes: str
    made_password: str = ""
    sessions: list[imaplib.IMAP4] = field(default_factory=list)

    @property
    def mail(self) -> LabHost:
        return self.site.host("mail")

    @property
    def system(self) -> bool:
        return self.homes == "/home"

    def user(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run `mailprov user`, expect an exit code, and return what it printed."""
        command = [sys.executable, "-m", "provisioner", "user", *arguments]
        environment = {**os.environ, **self.site.environment, "HOME": str(self.site.lab.home)}
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def apply(self) -> dict[str, Any]:
        """Apply and return what was done to the store."""
        return dict(self.site.apply("--limit", "mail", site=self.path)["hosts"]["mail"])

    def step(self, edit: Callable[[], None], losing: Mapping[str, str] | None = None) -> Step:
        """Apply an edit while the owner is logged in, and those who lose their access."""
        before = self.processes()
        mine = self.everywhere(*self.owner)
        others = {login[0]: self.everywhere(*login) for login in (losing or {}).items()}
        edit()
        outcome = self.apply()
        left = {name: other.left_after(5) for name, other in others.items()}
        step = Step(outcome, self.processes() == before, mine.answers(), left)
        for one in (mine, *others.values()):
            one.close()
        return step

    def everywhere(self, name: str, password: str) -> OpenSessions:
        """Log somebody in on every port."""
        address = self.mail.address
        return OpenSessions(address, name, password, self.domain, insecure_tls()).open()

    def imap(self, name: str, password: str) -> imaplib.IMAP4_SSL:
        client = imaplib.IMAP4_SSL(self.mail.address, ssl_context=insecure_tls(), timeout=20)
        self.sessions.append(client)
        client.authenticate("PLAIN", lambda _: f"\0{name}\0{password}".encode())
        return client

    def hang_up(self) -> None:
        for session in self.sessions:
            session.shutdown()
        self.sessions.clear()

    def may_log_in(self, *logins: tuple[str, str]) -> dict[str, dict[str, bool]]:
        """Try all three ways in for each name and password, at once.

        Dovecot makes an address wait for its failures, and a success takes that back.
        """
        ways = {"imap": self.imap, "pop3": self._pop3, "submission": self._submission}

        def is_welcome(way: str, login: tuple[str, str]) -> bool:
            try:
                ways[way](*login)
            except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError):
                return False
            return True

        with ThreadPoolExecutor() as pool:
            asked = {
                login: {way: pool.submit(is_welcome, way, login) for way in ways}
                for login in logins
            }
        self.imap(*self.owner)
        return {
            login[0]: {way: answer.result() for way, answer in row.items()}
            for login, row in asked.items()
        }

    def _pop3(self, name: str, password: str) -> None:
        client = poplib.POP3_SSL(self.mail.address, context=insecure_tls(), timeout=20)
        with contextlib.closing(client):
            client.encoding = "utf-8"
            client.user(name)
            client.pass_(password)

    def _submission(self, name: str, password: str) -> None:
        with smtplib.SMTP_SSL(self.mail.address, 465, context=insecure_tls(), timeout=20) as client:
            client.ehlo("client.outside.example")
            token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
            code, words = client.docmd("AUTH", f"PLAIN {token}")
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, words)

    def receives(self, name: str, subject: str = "hello") -> bool:
        """Send a mail from outside and tell whether it was taken; 550 is a no."""
        with smtplib.SMTP(self.mail.address, 25, timeout=30) as client:
            client.ehlo("mail.outside.example")
            try:
                client.sendmail(
                    SENDER, [f"{name}@{self.domain}"], f"Subject: {subject}\r\n\r\nx\r\n"
                )
            except smtplib.SMTPRecipientsRefused as refusal:
                ((code, _),) = refusal.recipients.values()
                assert code == 550
                return False
        return True

    def delivered(self, name: str, subject: str) -> bool:
        """Wait until a mail lies in a user's folder."""
        find = f"grep -rlsF 'Subject: {subject}' {self.homes}/{name}/Maildir"
        loop = f"for try in $(seq 50); do {find} && exit 0; sleep 0.2; done; exit 1"
        return self.mail.run(["sh", "-c", loop]).returncode == 0

    def processes(self) -> dict[str, str]:
        """Return the main processes of all daemons of the site."""
        show = (
            "systemctl show -p MainPID --value dovecot unbound; "
            "cat /var/spool/postfix/pid/master.pid 2>/dev/null; true"
        )
        keys = ("mail",) if not self.system else ("mail", "ns")
        return {key: self.site.host(key).check_run(["sh", "-c", show]) for key in keys}


def is_open(session: imaplib.IMAP4) -> bool:
    try:
        return session.noop()[0] == "OK"
    except (imaplib.IMAP4.abort, OSError):
        return False


def is_ended(session: imaplib.IMAP4) -> bool:
    """Wait until a session is gone: a process that is told to go needs a moment."""
    deadline = time.monotonic() + 10
    while is_open(session):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True

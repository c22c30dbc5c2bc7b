"""Who can log in, and how.

The prober's own account can, with its password and over TLS; with a wrong password it
cannot; and before TLS the servers do not even take the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from provisioner.model.services import Service
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question


@dataclass(frozen=True)
class LoginAnswer:
    """The server's reply to the login. accepted: it let the account in."""

    accepted: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class LoginQuestion(Question[LoginAnswer]):
    """Whether the right password opens the mailbox, and a wrong one does not.

    correct: which of the two is tried.
    """

    service: Service
    correct: bool

    @property
    def negative(self) -> bool:
        """Of a wrong password a refusal is wanted."""
        return not self.correct

    @property
    def want(self) -> str:
        """Entry or refusal."""
        return "login accepted" if self.correct else "login refused"

    @property
    def remedy(self) -> str:
        """Passdb and SASL socket are what fails here."""
        if not self.correct:
            return (
                "any password is accepted: look in the site file under dovecot for a "
                "passdb that admits every password; also look for foreign files in "
                "Dovecot's configuration directory"
            )
        return (
            "look for `auth` in the mail log on the host, correct the cause, then "
            "apply again; common causes: the password file is unreadable, a passdb is "
            "missing, or Postfix cannot reach the SASL socket"
        )

    def judge(self, answer: LoginAnswer) -> tuple[Finding, ...]:
        """Judge whether the account got in."""
        if answer.accepted == self.correct:
            return self.passed(answer.words)
        return self.failed(answer.words)


@dataclass(frozen=True)
class CleartextAnswer:
    """What a service lets a client do before TLS.

    offered: it announces a password mechanism. accepted: it took the login. words: its
    reply to the attempt.
    """

    offered: bool
    accepted: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class CleartextQuestion(Question[CleartextAnswer]):
    """Whether login before TLS is neither offered nor taken (RFC 3207, 2595, 8314).

    allowed: the site's reason where it wants cleartext login. The attempt carries
    no real password.
    """

    service: Service
    allowed: str | None = None

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    def while_pending(self) -> CleartextQuestion | None:
        """Take back what takes passwords in the clear, unless the site wants it."""
        return None if self.allowed else replace(self, pending=True)

    @property
    def want(self) -> str:
        """Neither offer nor entry."""
        if self.allowed is not None:
            return "anything: cleartext-login is allowed"
        return "no login offered or accepted before TLS"

    @property
    def remedy(self) -> str:
        """Back to the default."""
        if self.allowed is not None:
            return "drop cleartext-login and cleartext_login from the site file"
        return (
            "drop the settings that permit cleartext login under postfix or dovecot, then "
            "apply again"
        )

    def judge(self, answer: CleartextAnswer) -> tuple[Finding, ...]:
        """Judge offer and attempt."""
        offer = "a password mechanism is offered before TLS" if answer.offered else ""
        entry = "a login was accepted before TLS" if answer.accepted else ""
        got = "; ".join(filter(None, (offer, entry, answer.words)))
        if self.allowed is not None:
            reason = f"{got}; allowed because: {self.allowed}"
            return (self.finding(Status.WARNING, reason),)
        return self.failed(got) if offer or entry else self.passed(got)

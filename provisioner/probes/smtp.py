"""What an SMTP server lets somebody do, asked without ever sending a message.

A dialogue sends commands up to RCPT and stops before DATA, so that nothing is relayed
or delivered even by a server that is wide open (RFC 5321).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from provisioner.model.services import Service
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question
from provisioner.probes.relay_forms import EnvelopeForm

FORMS_A_SESSION = 8
"""Servers slow down, then hang up, after so many errors in one session (Postfix:
smtpd_soft_error_limit, 10); a few forms a session stay below that."""

_REFUSED = 500
_DEFERRED = 400
_UNKNOWN_SENDER_DOMAIN = "4.1.8"


@dataclass(frozen=True)
class Reply:
    """An SMTP reply: code and all its text, one line for each of the server's."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}".replace("\n", " ").strip()

    @property
    def is_positive(self) -> bool:
        """The command was taken."""
        return self.code < _DEFERRED

    @property
    def is_refusal(self) -> bool:
        """The command was refused for good."""
        return self.code >= _REFUSED


@dataclass(frozen=True)
class DialogueAnswer:
    """The replies to a dialogue's commands, up to the last one that was sent.

    extensions: the EHLO keywords that were valid when the commands went out.
    """

    replies: tuple[Reply, ...]
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DialogueQuestion(Question[DialogueAnswer]):
    """Whether the server answers the last of some commands as it should.

    service: TLS is started first where it has any. login: the prober logs in. commands:
    sent in turn; the dialogue ends early at the first that is not taken. refused: the
    last one has to be refused for good (5xx); otherwise it has to be taken (2xx).
    instead: the remedy.
    """

    service: Service
    commands: tuple[str, ...]
    refused: bool
    instead: str
    login: bool = False

    @property
    def negative(self) -> bool:
        """Whether a refusal is wanted."""
        return self.refused

    @property
    def want(self) -> str:
        """Taken or refused."""
        verb = "refused (5xx)" if self.refused else "accepted (2xx)"
        return f"{self.commands[-1]} {verb}"

    @property
    def remedy(self) -> str:
        """As the catalogue says."""
        return self.instead

    def judge(self, answer: DialogueAnswer) -> tuple[Finding, ...]:
        """Judge the last reply; a dialogue that broke off earlier proves nothing and fails."""
        last = answer.replies[-1]
        got = f"{self.commands[len(answer.replies) - 1]} → {last}"
        if len(answer.replies) < len(self.commands):
            # A refusal that comes before the last command is as good where refusal is wanted.
            sound = self.refused and last.is_refusal
        else:
            sound = last.is_refusal if self.refused else last.is_positive
        return self.passed(got) if sound else self.failed(got)


@dataclass(frozen=True)
class AuthOfferAnswer:
    """EHLO keywords before TLS and inside it (the same where there is no TLS)."""

    before_tls: frozenset[str]
    inside_tls: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class NoAuthQuestion(Question[AuthOfferAnswer]):
    """Whether no login is offered on port 25, neither before TLS nor inside it."""

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    @property
    def want(self) -> str:
        """No AUTH."""
        return "no AUTH among the EHLO keywords"

    @property
    def remedy(self) -> str:
        """Login belongs to submission."""
        return "drop smtpd_sasl_auth_enable under postfix.main: users log in on ports 587 and 465"

    def judge(self, answer: AuthOfferAnswer) -> tuple[Finding, ...]:
        """Judge both greetings."""
        where = [
            name
            for name, words in (("before", answer.before_tls), ("inside", answer.inside_tls))
            if "AUTH" in words
        ]
        if where:
            return self.failed(f"AUTH offered {' and '.join(where)} TLS")
        return self.passed("AUTH is not offered")


@dataclass(frozen=True)
class RelayAnswer:
    """The replies to a stranger.

    honest: to a recipient of the site's own, without which refusals prove nothing.
    replies: for each form the one that decided it.
    """

    honest: Reply
    replies: tuple[tuple[EnvelopeForm, Reply], ...]


@dataclass(frozen=True, kw_only=True)
class RelayQuestion(Question[RelayAnswer]):
    """Whether a stranger is refused who wants mail relayed, in whatever form he asks.

    recipient: an address of the site that gets mail. allowed: the reason for an open relay.
    """

    recipient: str
    forms: tuple[EnvelopeForm, ...]
    allowed: str | None = None

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    def while_pending(self) -> RelayQuestion | None:
        """Take back an open relay, unless the site wants it.

        What can be asked in one session is enough to know one; the plainest forms come first.
        """
        if self.allowed is not None:
            return None
        return replace(self, pending=True, forms=self.forms[:FORMS_A_SESSION])

    @property
    def want(self) -> str:
        """Refusal throughout."""
        if self.allowed is not None:
            return "anything: open-relay is allowed"
        how = "4xx or 5xx" if self.pending else "5xx"
        return f"all {len(self.forms)} forms refused ({how}), {self.recipient} accepted"

    @property
    def remedy(self) -> str:
        """Close it."""
        if self.allowed is not None:
            return "list the clients under networks.trusted, then drop open-relay"
        return (
            "narrow networks.trusted, drop the relay and recipient restrictions under "
            "postfix.main, then apply again: an open relay is blocklisted within hours"
        )

    def judge(self, answer: RelayAnswer) -> tuple[Finding, ...]:
        """Judge every form; one that is taken is enough to fail."""
        if not answer.honest.is_positive:
            got = f"{self.recipient}: {answer.honest}"
            if self.pending:
                return (self.finding(Status.SKIPPED, got),)
            return self.failed(
                got,
                remedy="the server refuses even mail for the site, so its refusals prove "
                "nothing: read the mail log on the host",
            )
        taken = [f"{form} → {reply}" for form, reply in answer.replies if reply.is_positive]
        if self.allowed is not None:
            got = f"{len(taken)} of {len(self.forms)} forms relayed"
            return (self.finding(Status.WARNING, f"{got}; allowed because: {self.allowed}"),)
        unsure = [
            f"{form} → {reply}"
            for form, reply in answer.replies
            # The resolver cannot see the sender's domain: refused, if only for now.
            if not (reply.is_positive or reply.is_refusal or self.pending)
            and _UNKNOWN_SENDER_DOMAIN not in reply.text
        ]
        if taken or unsure:
            return self.failed("\n".join([*taken, *unsure]))
        return self.passed(f"{len(answer.replies)} forms refused, {self.recipient} accepted")

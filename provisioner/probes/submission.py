"""What the submission ports take: nothing before a login, and one's own addresses after it.

What is asked about a message's own header needs a message; it goes to the prober alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from provisioner.model.services import Service
from provisioner.probes.finding import Finding
from provisioner.probes.question import Question
from provisioner.probes.relay_forms import EnvelopeForm
from provisioner.probes.smtp import FORMS_A_SESSION, Reply


@dataclass(frozen=True)
class Offer:
    """What a server said to MAIL, and to RCPT where it had taken MAIL."""

    form: EnvelopeForm
    mail: Reply
    rcpt: Reply | None = None

    def __str__(self) -> str:
        commands = [f"MAIL FROM:{self.form.sender} → {self.mail}"]
        if self.rcpt is not None:
            commands.append(f"RCPT TO:{self.form.recipient} → {self.rcpt}")
        return ", ".join(commands)


@dataclass(frozen=True)
class LoginRequiredAnswer:
    """What came of every form, none of which followed a login."""

    offers: tuple[Offer, ...]


@dataclass(frozen=True, kw_only=True)
class LoginRequiredQuestion(Question[LoginRequiredAnswer]):
    """Whether a submission port takes no MAIL and no RCPT, in whatever form, before a login.

    service: TLS is started first where it has any.
    """

    service: Service
    forms: tuple[EnvelopeForm, ...]

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    def while_pending(self) -> LoginRequiredQuestion:
        """Take back a port that is open to strangers; a session's forms are enough to know one."""
        return replace(self, pending=True, forms=self.forms[:FORMS_A_SESSION])

    @property
    def want(self) -> str:
        """Refusal at once."""
        return f"MAIL refused (5xx) in all {len(self.forms)} forms"

    @property
    def remedy(self) -> str:
        """Only the escape hatch can open it."""
        return "drop the restrictions for this service under postfix.master, then apply again"

    def judge(self, answer: LoginRequiredAnswer) -> tuple[Finding, ...]:
        """Judge MAIL alone: Postfix asks no restriction about some recipients (envelopes.py)."""
        open_to = [
            str(offer)
            for offer in answer.offers
            if offer.mail.is_positive or not (self.pending or offer.mail.is_refusal)
        ]
        if open_to:
            return self.failed("\n".join(open_to))
        return self.passed(f"{len(answer.offers)} forms refused, like {answer.offers[0]}")


@dataclass(frozen=True)
class ForeignFromAnswer:
    """The reply that decided, for each sender of the question's."""

    replies: tuple[Reply, ...]


@dataclass(frozen=True, kw_only=True)
class ForeignFromQuestion(Question[ForeignFromAnswer]):
    """Whether a message is refused that a user sends under an address of another site.

    senders: of the envelope, each of which may send: the prober itself, and nobody, as read
    receipts come (RFC 8098). header_from: the address that the message claims. recipient: the
    prober, who gets what should not have been taken.
    """

    service: Service
    senders: tuple[str, ...]
    header_from: str
    recipient: str

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    @property
    def want(self) -> str:
        """Refusal behind the message, when its header is known."""
        return f"a message with From: {self.header_from} refused (5xx)"

    @property
    def remedy(self) -> str:
        """Only the escape hatch can open it."""
        return (
            "drop the change of submission-cleanup or of this service's "
            "cleanup_service_name under postfix.master, then apply again"
        )

    def judge(self, answer: ForeignFromAnswer) -> tuple[Finding, ...]:
        """Judge every sender; one whose message is taken is enough to fail."""
        replies = [
            (f"MAIL FROM:<{sender}> → {reply}", reply.is_refusal)
            for sender, reply in zip(self.senders, answer.replies, strict=True)
        ]
        taken = [words for words, refused in replies if not refused]
        return self.failed("\n".join(taken)) if taken else self.passed(replies[0][0])

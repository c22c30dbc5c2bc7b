"""SMTP dialogues that end before DATA, and logins: the short conversations of the probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.clients.probe_message import compose_message
from provisioner.clients.sessions import client_for
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.model.services import Service
from provisioner.probes.login import CleartextAnswer
from provisioner.probes.relay_forms import EnvelopeForm
from provisioner.probes.smtp import (
    FORMS_A_SESSION,
    AuthOfferAnswer,
    DialogueAnswer,
    RelayAnswer,
    RelayQuestion,
    Reply,
)
from provisioner.probes.submission import (
    ForeignFromAnswer,
    ForeignFromQuestion,
    Offer,
)

# Not a secret, and on purpose always the same: Dovecot's penalty for an address grows
# with every new wrong password, not with the same one again.
WRONG_PASSWORD = "mailprov-wrong-password"  # noqa: S105 see above


def run_commands(client: SmtpClient, commands: tuple[str, ...]) -> DialogueAnswer:
    """Send commands in turn, up to the first that is not taken."""
    replies: list[Reply] = []
    for command in commands:
        replies.append(client.command(command))
        if not replies[-1].is_positive:
            break
    return DialogueAnswer(tuple(replies), client.extensions)


def ask_for_auth(stream: Stream, name: str, helo: str) -> AuthOfferAnswer:
    """Return what an SMTP server offers before TLS and, if it has any, inside it."""
    client = SmtpClient(stream, helo)
    client.greet()
    before = client.extensions
    if "STARTTLS" in before:
        client.ask_for_tls()
        stream.start_tls(name)
        client.resume()
    client.quit()
    return AuthOfferAnswer(before, client.extensions)


def try_relaying(
    question: RelayQuestion, dial: Callable[[], Stream], helo: Callable[[], str]
) -> RelayAnswer:
    """Try every form, a few in each session, after a recipient who is really there.

    helo: asked once connected, because it is the address of the route that was taken.
    """
    honest: Reply | None = None
    replies: list[tuple[EnvelopeForm, Reply]] = []
    for forms in portions(question.forms):
        with dial() as stream:
            client = SmtpClient(stream, helo())
            client.greet()
            if honest is None:
                honest = _decision(offer(client, EnvelopeForm("<>", f"<{question.recipient}>")))
            replies += [(form, _decision(offer(client, form))) for form in forms]
            client.quit()
    if honest is None:
        raise BrokenOff("no form to try")
    return RelayAnswer(honest, tuple(replies))


def offer(client: SmtpClient, form: EnvelopeForm) -> Offer:
    """Say MAIL and, where that is taken, RCPT; then take both back."""
    mail = client.command(f"MAIL FROM:{form.sender}")
    if not mail.is_positive:
        return Offer(form, mail)
    rcpt = client.command(f"RCPT TO:{form.recipient}")
    client.command("RSET")
    return Offer(form, mail, rcpt)


def send_as_another(
    client: SmtpClient, question: ForeignFromQuestion, token: str, now: float
) -> ForeignFromAnswer:
    """Hand in a message of the prober that claims to be from elsewhere, once for each sender.

    token: hexadecimal, unique; now: seconds since the epoch, for the Message-ID by which
    a message that was taken is found and deleted later.
    """
    replies: list[Reply] = []
    for sender in question.senders:
        content = compose_message(question.recipient, token, now, header_from=question.header_from)
        replies.append(client.transmit(sender, question.recipient, content))
        client.command("RSET")
    return ForeignFromAnswer(tuple(replies))


def portions(forms: tuple[EnvelopeForm, ...]) -> Iterator[tuple[EnvelopeForm, ...]]:
    """Yield so many forms at a time as one session bears."""
    for start in range(0, len(forms), FORMS_A_SESSION):
        yield forms[start : start + FORMS_A_SESSION]


def _decision(made: Offer) -> Reply:
    return made.mail if made.rcpt is None else made.rcpt


def try_cleartext_login(stream: Stream, service: Service, name: str, helo: str) -> CleartextAnswer:
    """Try to log in before TLS, with a password that is none.

    A server that looks at the password at all gives itself away by how it refuses it.
    """
    client = client_for(service, stream, helo)
    client.greet()
    offered = client.offers_login
    try:
        answer = client.login(name, WRONG_PASSWORD)
    except BrokenOff as end:
        return CleartextAnswer(offered=offered, accepted=False, words=str(end))
    client.quit()
    return CleartextAnswer(offered=offered, accepted=answer.accepted, words=answer.words)

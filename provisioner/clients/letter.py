"""The message that `mailprov send` sends: as a mail client would write it (RFC 5322, 2045)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted

# Seven bits and short lines pass every server; what does not fit is encoded.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class Letter:
    """What a person writes; subject: one line."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str


def compose_letter(letter: Letter, *, now: float, token: str) -> tuple[bytes, str]:
    """Return the message, lines ended by CRLF, and its Message-ID with angle brackets.

    now: seconds since the epoch. token: unique, of letters and digits. Raises MailprovError
    (usage) for a subject that is more than one line, and a body that no UTF-8 can write.
    """
    if any(not character.isprintable() for character in letter.subject):
        raise MailprovError(
            Diagnostic(
                "--subject contains control characters",
                got=quoted(letter.subject),
                want="one line of text",
                fix="put more lines into the body",
            ),
            ExitCode.USAGE,
        )
    try:
        letter.body.encode("utf-8")
    except UnicodeEncodeError as error:  # octets of an argument that are no UTF-8
        raise MailprovError(
            Diagnostic(
                "--body is not UTF-8",
                got=quoted(letter.body),
                want="UTF-8 text",
                fix="send UTF-8 text",
            ),
            ExitCode.USAGE,
        ) from error
    message_id = f"<{token}.mailprov@{letter.sender.rpartition('@')[2]}>"
    message = EmailMessage(policy=_POLICY)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["From"] = letter.sender
    message["To"] = ", ".join(letter.recipients)
    message["Subject"] = letter.subject
    message["Message-ID"] = message_id
    message.set_content(letter.body if letter.body.endswith("\n") else letter.body + "\n")
    return message.as_bytes(), message_id

"""`tls`, `submission`, `imap`, `pop3`: what the services offer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from provisioner.model.file.hosts import Path
from provisioner.model.file.written import OneOrMany, Written
from provisioner.model.scalars import Boolean, integer, parse_integer, size
from provisioner.model.values import InvalidValueError, Parsed

_LOGIN_DESCRIPTION = "Accept logins without TLS; needs `allow_insecure: {cleartext-login: reason}`."


def _service_port(meanings: dict[int, str]) -> Parsed:
    listed = " and ".join(f"{port} ({meaning})" for port, meaning in meanings.items())

    def parse(text: str) -> int:
        port = parse_integer(text, 1, 65535)
        if port not in meanings:
            raise InvalidValueError(
                "a port that this service does not have",
                want=listed,
                fix="list the ports to open: their meaning is fixed by standard",
            )
        return port

    numbers = list(meanings)
    return Parsed(parse, enum=[*numbers, *(str(number) for number in numbers)])


SubmissionPort = Annotated[int, _service_port({587: "STARTTLS", 465: "TLS from the start"})]
ImapPort = Annotated[int, _service_port({143: "STARTTLS", 993: "TLS from the start"})]
Pop3Port = Annotated[int, _service_port({110: "STLS", 995: "TLS from the start"})]
Limit = Annotated[int, integer(1, 100_000)]
# Postfix reads message_size_limit into a signed 32-bit integer on older releases.
MessageSize = Annotated[int, size(64 * 1024, 2047 * 1024**2)]


class WrittenTlsFiles(Written):
    """A certificate that the operator keeps."""

    certificate: Path = Field(description="PEM: the host's certificate, then intermediates.")
    key: Path = Field(description="PEM: the private key, not encrypted.")


class WrittenTls(Written):
    """Where certificates come from."""

    files: WrittenTlsFiles = Field(description="Paths on the machine that runs mailprov.")


def _tls_form(given: Any) -> str:  # noqa: ANN401 pydantic hands over whatever was written
    return "<map>" if isinstance(given, dict) else "<word>"


TlsForm = Annotated[
    Annotated[Literal["self-signed", "none"], Tag("<word>")] | Annotated[WrittenTls, Tag("<map>")],
    Discriminator(_tls_form),
]


class WrittenSubmission(Written):
    """Mail from the site's users."""

    ports: OneOrMany[SubmissionPort] | None = Field(
        None, description="The open ports of 587 and 465; both by default."
    )
    message_size: MessageSize | None = Field(
        None, description="Largest message, like 50M (K, M and G are powers of 1024)."
    )
    logins_per_minute: Limit | None = Field(
        None, description="Login attempts a minute from one address; 30 by default."
    )
    connections: Limit | None = Field(
        None, description="Connections at once from one address; 20 by default."
    )
    cleartext_login: Boolean | None = Field(None, description=_LOGIN_DESCRIPTION)


class WrittenImap(Written):
    """Reading by IMAP."""

    ports: OneOrMany[ImapPort] | None = Field(
        None, description="The open ports of 143 and 993; both by default."
    )
    connections: Limit | None = Field(
        None, description="Connections at once of one user from one address; 40 by default."
    )
    cleartext_login: Boolean | None = Field(None, description=_LOGIN_DESCRIPTION)


class WrittenPop3(Written):
    """Reading by POP3."""

    ports: OneOrMany[Pop3Port] | None = Field(
        None, description="The open ports of 110 and 995; both by default."
    )
    connections: Limit | None = Field(
        None, description="Connections at once of one user from one address; 10 by default."
    )
    uidl: Literal["classic", "guid"] | None = Field(
        None,
        description="How the server names messages; a change makes clients fetch all mail again.",
    )
    workarounds: OneOrMany[Literal["outlook-no-nuls", "oe-ns-eoh"]] | None = Field(
        None, description="Workarounds for old clients."
    )
    cleartext_login: Boolean | None = Field(None, description=_LOGIN_DESCRIPTION)

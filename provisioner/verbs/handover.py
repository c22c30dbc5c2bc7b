"""The port through which a message goes into the site, and what comes of it.

`send` says what goes in where; a `Submit` has the sockets (the one of the command line is
provisioner.clients.submitting.submit_message).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from provisioner.model.site import Host
from provisioner.verbs.envelope import Door
from provisioner.verbs.ports import Transport


class Stage(StrEnum):
    """How far a session came: the words of a mail client's log."""

    CONNECT = "connect"
    TLS = "TLS"
    LOGIN = "login"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"


@dataclass(frozen=True)
class Posting:
    """A message and its envelope.

    login: the name that logs in, empty: nobody does. secret: its password. content: lines
    ended by CRLF. message_id: the content's, with its angle brackets.
    """

    door: Door
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    message_id: str
    login: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Refusal:
    """Where a session ended, or which recipient was not taken.

    code: of the server's reply, None where there was none. words: what the server said,
    or what happened. recipient: empty unless it is one recipient that was refused.
    """

    stage: Stage
    words: str
    code: int | None = None
    recipient: str = ""


@dataclass(frozen=True)
class Handover:
    """What came of handing a message in.

    via: `direct` or `ssh:HOST`. straight: how connecting from here went. tls: the version,
    empty in the clear. accepted: the recipients for whom the server has taken the message,
    none if it has not. answer: the server's last word.
    """

    via: str = ""
    straight: str = ""
    tls: str = ""
    accepted: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    answer: str = ""


class Submit(Protocol):
    """How a message is handed in."""

    def __call__(
        self,
        posting: Posting,
        *,
        hosts: Sequence[Host],
        transports: Mapping[str, Transport],
        fingerprint: str | None,
    ) -> Handover:
        """Hand a message in; raise nothing for what a server does or fails to do.

        transports: by host key, for where a port cannot be reached from here. fingerprint:
        the certificate's SHA-256 as the host told it over SSH; the password goes over TLS
        to nobody else.
        """

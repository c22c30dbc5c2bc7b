"""Send by every path, wait, read by every reader, compare later, leave nothing behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Protocol

from provisioner.clients.imap import ImapClient
from provisioner.clients.kept_sessions import Session
from provisioner.clients.mailbox import ImapMailbox, OpenMailbox, Pop3Mailbox
from provisioner.clients.pop3 import Pop3Client
from provisioner.clients.probe_message import compose_message, find_token, is_left_behind
from provisioner.clients.sessions import Client
from provisioner.clients.smtp import SmtpClient
from provisioner.clients.stream import BrokenOff
from provisioner.model.services import Service
from provisioner.probes.question import Endpoint
from provisioner.probes.roundtrip import (
    PATIENCE,
    MailPath,
    Read,
    Reader,
    RoundTripAnswer,
    RoundTripQuestion,
    Sent,
)
from provisioner.verbs.asking import ProbeAccount

_STEP = 0.1  # seconds between two looks into the mailbox
_STEP_ANEW = 0.5  # the same where each look needs a new session
_AFTERTHOUGHT = 2.0  # seconds for further readers, once the first has looked to the end


class SessionOpener(Protocol):
    """How a session is opened."""

    def __call__(
        self, endpoint: Endpoint, service: Service, *, login: bool
    ) -> AbstractContextManager[Session]:
        """Open a session, logged in or not; raise BrokenOff where that fails."""


def run_round_trip(
    question: RoundTripQuestion, account: ProbeAccount, enter: SessionOpener
) -> RoundTripAnswer:
    """Ask the question; what fails on the way is part of the answer.

    enter: opens a session at an endpoint, logged in or not; raises BrokenOff.
    """
    tokens = [secrets.token_hex(8) for _ in question.paths]
    # IMAP first: it sees mail come in without a new login, and so sets the pace.
    order = sorted(question.readers, key=lambda reader: reader.service.protocol != "imap")
    # The mailbox has a bound, and what somebody filled it with is nobody's.
    _clean(order[:1], tokens, enter)
    with ThreadPoolExecutor(max_workers=max(len(question.paths), len(question.readers))) as pool:
        sent = tuple(
            pool.map(
                lambda path, token: _send(question, path, token, account, enter),
                question.paths,
                tokens,
            )
        )
        awaited = [token for token, message in zip(tokens, sent, strict=True) if message.accepted]
        first, *others = order
        found = {first: _read(first, tokens, awaited, PATIENCE, enter)}
        # Who waited in vain waited for all; whoever could not look waited for nobody.
        patience = PATIENCE if found[first].words else _AFTERTHOUGHT
        rest = pool.map(lambda reader: _read(reader, tokens, awaited, patience, enter), others)
        found.update(zip(others, rest, strict=True))
    left, words = _clean(order, tokens, enter)
    return RoundTripAnswer(
        sent=sent,
        read=tuple(found[reader] for reader in question.readers),
        left=left,
        left_words=words,
    )


def _send(
    question: RoundTripQuestion,
    path: MailPath,
    token: str,
    account: ProbeAccount,
    enter: SessionOpener,
) -> Sent:
    content = compose_message(account.address, token, time.time(), long_line=question.long_line)
    sender = account.address if path.login else ""
    via = ""
    try:
        with enter(path.endpoint, path.service, login=path.login) as session:
            via = session.via
            reply = speaking_smtp(session.client).transmit(sender, account.recipient, content)
    except BrokenOff as end:
        words = account.hidden(str(end))
        return Sent(path, accepted=False, words=words, content=content, via=via)
    words = account.hidden(str(reply))
    return Sent(path, accepted=reply.is_positive, words=words, content=content, via=via)


def _read(
    reader: Reader,
    tokens: Sequence[str],
    awaited: Sequence[str],
    patience: float,
    enter: SessionOpener,
) -> Read:
    """Look into the mailbox until all that is awaited is there, or patience ends."""
    began = time.monotonic()
    found: dict[str, bytes] = {}
    words, via = "", ""
    try:
        while True:
            with enter(reader.endpoint, reader.service, login=True) as session:
                via = session.via
                mailbox = _open_mailbox(session.client)
                done = _collect(mailbox, awaited, found, began + patience)
            if done:
                break
            time.sleep(_STEP_ANEW)
    except BrokenOff as end:
        words = str(end)
    messages = tuple(found.get(token) for token in tokens)
    return Read(reader, messages, words, seconds=time.monotonic() - began, via=via)


def _collect(
    mailbox: OpenMailbox, awaited: Sequence[str], found: dict[str, bytes], deadline: float
) -> bool:
    """Add what has come in to `found`; return whether looking any further is in vain."""
    while True:
        for number, message_id in mailbox.list_messages().items():
            token = find_token(message_id)
            if token is not None and token in awaited and token not in found:
                found[token] = mailbox.fetch_message(number)
        if len(found) == len(awaited) or time.monotonic() > deadline:
            return True
        if not mailbox.live:
            return False
        time.sleep(_STEP)


def _clean(readers: Sequence[Reader], own: Sequence[str], enter: SessionOpener) -> tuple[int, str]:
    """Delete what is the prober's; return how much is left, -1 if unknown, and what went wrong."""
    words = ""
    for reader in readers:
        try:
            with enter(reader.endpoint, reader.service, login=True) as session:
                mailbox = _open_mailbox(session.client)
                mailbox.delete(_doomed(mailbox, own))
                if mailbox.live:
                    return len(_doomed(mailbox, own)), ""
            with enter(reader.endpoint, reader.service, login=True) as session:
                return len(_doomed(_open_mailbox(session.client), own)), ""
        except BrokenOff as end:
            words = words or str(end)
    return -1, words


def _doomed(mailbox: OpenMailbox, own: Sequence[str]) -> list[int]:
    now = time.time()
    return [
        number
        for number, message_id in mailbox.list_messages().items()
        if find_token(message_id) in own or is_left_behind(message_id, now)
    ]


def _open_mailbox(client: Client) -> OpenMailbox:
    if isinstance(client, ImapClient):
        return ImapMailbox(client)
    if isinstance(client, Pop3Client):
        return Pop3Mailbox(client)
    raise BrokenOff("not a service that clients read mail from")


def speaking_smtp(client: Client) -> SmtpClient:
    """Return the client as what it is; raise BrokenOff if the service speaks something else."""
    if not isinstance(client, SmtpClient):
        raise BrokenOff("not an SMTP service")
    return client

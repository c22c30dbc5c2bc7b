"""The prober's mailbox, alike by IMAP and by POP3: what is in it, and out with it."""

from __future__ import annotations

from typing import Protocol

from provisioner.clients.imap import ImapClient
from provisioner.clients.pop3 import Pop3Client
from provisioner.clients.probe_message import message_id_of
from provisioner.clients.stream import BrokenOff


class OpenMailbox(Protocol):
    """A mailbox that somebody has logged in to. Messages go by number."""

    live: bool  # whether mail that comes in shows without a new session

    def list_messages(self) -> dict[int, str]:
        """Return the Message-ID of every message, empty where it has none."""

    def fetch_message(self, number: int) -> bytes:
        """Return a message, lines ended by CRLF."""

    def delete(self, numbers: list[int]) -> None:
        """Delete messages for good; with POP3 this ends the session."""


class ImapMailbox:
    """The inbox over an IMAP session."""

    live = True

    def __init__(self, client: ImapClient) -> None:
        client.select_inbox()
        self._client = client

    def list_messages(self) -> dict[int, str]:
        """Ask for the Message-ID fields."""
        return self._client.fetch_message_ids()

    def fetch_message(self, number: int) -> bytes:
        """Ask for the whole message."""
        return self._client.fetch_message(number)

    def delete(self, numbers: list[int]) -> None:
        """Flag and expunge."""
        self._client.delete(numbers)


class Pop3Mailbox:
    """The maildrop over a POP3 session: as it was when the session began."""

    live = False

    def __init__(self, client: Pop3Client) -> None:
        self._client = client
        self._messages = client.fetch_messages()

    def list_messages(self) -> dict[int, str]:
        """Read the Message-ID fields of what was retrieved."""
        return {number: message_id_of(text) for number, text in self._messages.items()}

    def fetch_message(self, number: int) -> bytes:
        """Return what was retrieved."""
        if number not in self._messages:
            raise BrokenOff(f"message {number} is gone")
        return self._messages[number]

    def delete(self, numbers: list[int]) -> None:
        """Mark, and say QUIT."""
        self._client.delete(numbers)
        self._client.finish()

"""What a host remembers of earlier transactions, asked for over an open connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provisioner.facts.observation import decoded
from provisioner.plan.history import History, parse_history
from provisioner.plan.recall import Remembered
from provisioner.remote.protocol import split_sections, whole
from provisioner.verbs.ports import Conversation
from provisioner.verbs.remote_failure import understanding
from provisioner.verbs.session import HostSession

RECALL_SECONDS = 60.0

Choose = Callable[[History], str]
"""Which generation is wanted: its id, empty for none; may raise MailprovError."""


@dataclass(frozen=True)
class Recalled:
    """A host's history, the generation that was chosen by it, and what is kept of that."""

    history: History
    chosen: str
    remembered: Remembered


def read_history(session: HostSession) -> History:
    """Return what a host remembers; nothing written, no lock. Raises MailprovError."""
    return recall(session, lambda _: "").history


def recall(session: HostSession, choose: Choose) -> Recalled:
    """Return a host's history and one generation of it; nothing written, no lock.

    Raises MailprovError, what `choose` raises included.
    """
    doing = "reading the host's history"
    with session.start("recall", RECALL_SECONDS, doing) as conversation:
        first = list(_until_ready(conversation))
        if first[-1:] != ["@ready"]:
            raise session.broken(doing, conversation.result())
        with understanding(session.where, doing):
            history = _history(first)
        chosen = choose(history)
        conversation.send(f"{chosen}\n".encode())
        conversation.finish()
        lines = list(conversation.lines())
        completed = conversation.result()
    if lines[-1:] != ["@end"]:
        raise session.broken(doing, completed)
    with understanding(session.where, doing):
        return Recalled(history, chosen, _remembered(lines))


def _until_ready(conversation: Conversation) -> Iterable[str]:
    for line in conversation.lines():
        yield line
        if line == "@ready":
            return


def _history(lines: list[str]) -> History:
    sections = {name: body for name, _, body in split_sections(lines)}
    return parse_history(
        *(sections.get(name, []) for name in ("head", "history", "generations", "snapshots"))
    )


def _remembered(lines: list[str]) -> Remembered:
    sections = list(split_sections(lines))
    records = [whole(name, body, decoded) for name, _, body in sections if name == "record"]
    contents = {
        path: whole(f"file {path}", body, decoded)
        for name, path, body in sections
        if name == "file"
    }
    return Remembered(records[0] if records else b"", contents)

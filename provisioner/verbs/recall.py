"""What a host remembers of earlier transactions, asked for over an open connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.facts.observation import decoded
from provisioner.plan.history import History, parse_history
from provisioner.plan.recall import Remembered
from provisioner.remote.protocol import Answer, Section, up_to, whole
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
        first = Answer.read(up_to(Section.READY, conversation.lines()))
        if not first.ends_with(Section.READY):
            raise session.broken(doing, conversation.result())
        with understanding(session.where, doing):
            history = _history(first)
        chosen = choose(history)
        conversation.send(f"{chosen}\n".encode())
        conversation.finish()
        second = Answer.read(conversation.lines())
        completed = conversation.result()
    if not second.ends_with(Section.END):
        raise session.broken(doing, completed)
    with understanding(session.where, doing):
        return Recalled(history, chosen, _remembered(second))


def _history(answer: Answer) -> History:
    return parse_history(
        answer.lines(Section.HEAD),
        answer.lines(Section.HISTORY),
        answer.lines(Section.GENERATIONS),
        answer.lines(Section.SNAPSHOTS),
    )


def _remembered(answer: Answer) -> Remembered:
    records = [whole(name, body, decoded) for name, _, body in answer.every(Section.RECORD)]
    contents = {
        path: whole(f"{name} {path}", body, decoded)
        for name, path, body in answer.every(Section.FILE)
    }
    return Remembered(records[0] if records else b"", contents)

"""Whether mail really goes through.

Messages of the prober to itself: submitted on each submission port, handed in from
outside on each MX, found in the mailbox by IMAP and by POP3, the same to the byte, and
deleted. Nothing else about the site counts as good until this does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from provisioner.model.services import Service
from provisioner.probes.finding import DIRECT, Finding, Status
from provisioner.probes.question import Endpoint, Question

PATIENCE = 15.0  # seconds that a local delivery may take


@dataclass(frozen=True)
class MailPath:
    """A way into the mailbox.

    place: what ids call the endpoint. login: submitted by the prober; otherwise handed in
    from outside with MAIL FROM:<>.
    """

    endpoint: Endpoint
    service: Service
    place: str
    login: bool


@dataclass(frozen=True)
class Reader:
    """A way to read the mailbox."""

    endpoint: Endpoint
    service: Service


@dataclass(frozen=True)
class Sent:
    """How one message was handed in.

    accepted: the server took it. words: its last reply, or what went wrong. content: as it
    was sent, lines ended by CRLF, before dot-stuffing. via: `direct` or `ssh:KEY`.
    """

    path: MailPath
    accepted: bool
    words: str
    content: bytes
    via: str = DIRECT


@dataclass(frozen=True)
class Read:
    """What one reader found.

    messages: for each path the message as it was read, None where it was not there. words:
    what went wrong, empty if nothing did. seconds: until the last was there. via: as in Sent.
    """

    reader: Reader
    messages: tuple[bytes | None, ...]
    words: str = ""
    seconds: float = 0.0
    via: str = DIRECT


@dataclass(frozen=True)
class RoundTripAnswer:
    """All that happened, in the order of the question's paths and readers.

    left: messages of the prober that are still in the mailbox, -1 if it cannot be told.
    """

    sent: tuple[Sent, ...]
    read: tuple[Read, ...]
    left: int
    left_words: str = ""


@dataclass(frozen=True, kw_only=True)
class RoundTripQuestion(Question[RoundTripAnswer]):
    """Whether a message that goes in by each path is the one that comes out by each reader.

    long_line: it has a line far beyond what RFC 5322 allows, as some programs write.
    """

    recipient: str
    paths: tuple[MailPath, ...]
    readers: tuple[Reader, ...]
    long_line: bool = True

    def while_pending(self) -> RoundTripQuestion:
        """Take back a configuration by which no mail gets through.

        One that breaks long lines stays: earlier versions of mailprov wrote such, and it must be
        possible to go back to them.
        """
        return replace(self, long_line=False)

    @property
    def want(self) -> str:
        """All of it."""
        return "accepted, delivered, identical by every protocol, none left behind"

    @property
    def remedy(self) -> str:
        """Where delivery breaks, the log says so."""
        look = "/usr/bin/journalctl -u 'postfix*' -u dovecot"
        return f"trace the message in the mail log on the host: `{look}`"

    def judge(self, answer: RoundTripAnswer) -> tuple[Finding, ...]:
        """Return one finding a path, one a reader, and one for what was left behind."""
        return (
            *(self._judge_path(number, sent) for number, sent in enumerate(answer.sent)),
            *(self._judge_reader(answer.sent, read) for read in answer.read),
            self._judge_cleaning(answer),
        )

    def _judge_path(self, number: int, sent: Sent) -> Finding:
        path = self.paths[number]
        how = "submitted with login" if path.login else "from outside"
        return Finding(
            id=f"mail.accepted.{path.service.name}@{path.place}",
            host=path.endpoint.host,
            question=f"Is a message {how} on port {path.endpoint.port} accepted?",
            status=Status.PASSED if sent.accepted else Status.FAILED,
            got=sent.words,
            want=f"250 after the message for {self.recipient}",
            remedy=""
            if sent.accepted
            else "read the reason in the server's reply, and more in the mail log on the host",
            via=sent.via,
        )

    def _judge_reader(self, sent: tuple[Sent, ...], read: Read) -> Finding:
        problems = [read.words] if read.words else []
        problems += self._differences(sent, read)
        accepted = sum(message.accepted for message in sent)
        if not accepted:
            problems.append("no message was accepted, so there is none to read")
        service, endpoint = read.reader.service, read.reader.endpoint
        sound = f"{accepted} messages, unchanged, after {read.seconds:.1f} s"
        return Finding(
            id=f"mail.read.{service.name}@{endpoint.host}",
            host=endpoint.host,
            question=f"Is every message present and unchanged on port {endpoint.port}?",
            status=Status.FAILED if problems else Status.PASSED,
            got="\n".join(problems) or sound,
            want="every accepted message, with identical body and header",
            remedy=self.remedy if problems else "",
            via=read.via,
        )

    def _differences(self, sent: tuple[Sent, ...], read: Read) -> Iterator[str]:
        for message, content in zip(sent, read.messages, strict=True):
            if not message.accepted:
                continue
            name = f"the message from port {message.path.endpoint.port}"
            if content is None:
                yield f"{name} was accepted but is not in the mailbox after {PATIENCE:.0f} s"
            elif (difference := describe_difference(message.content, content)) is not None:
                yield f"{name} was changed: {difference}"

    def _judge_cleaning(self, answer: RoundTripAnswer) -> Finding:
        got = f"{answer.left} left" if answer.left >= 0 else "unknown"
        return Finding(
            id=f"mail.cleaned@{self.host}",
            host=self.host,
            question="Are all test messages deleted?",
            status=Status.FAILED if answer.left else Status.PASSED,
            got=" ".join(filter(None, (got, answer.left_words))),
            want="0 left",
            remedy=f"empty the mailbox of {self.recipient} on the host" if answer.left else "",
            via="",
        )


def describe_difference(sent: bytes, read: bytes) -> str | None:
    """Return where a message that was read differs from the one sent, None if nowhere.

    Both with CRLF line ends. The body has to be the same to the byte. Servers may add
    header fields (Received, Return-Path, Delivered-To); those that were sent have to be
    there, unchanged and in order.
    """
    sent_head, _, sent_body = sent.partition(b"\r\n\r\n")
    read_head, _, read_body = read.partition(b"\r\n\r\n")
    remaining = iter(read_head.split(b"\r\n"))
    for line in sent_head.split(b"\r\n"):
        if line not in remaining:  # consumes, so that the order counts
            return f"header line {line[:60]!r} is missing or changed"
    if sent_body == read_body:
        return None
    pairs = zip(sent_body.split(b"\r\n"), read_body.split(b"\r\n"), strict=False)
    for number, (want, got) in enumerate(pairs, start=1):
        if want != got:
            return f"body line {number}: got {got[:60]!r}, want {want[:60]!r}"
    return f"body of {len(read_body)} bytes, want {len(sent_body)}"

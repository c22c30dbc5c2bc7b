"""Handing in and following, over hosts whose logs were recorded (tests/recorded/trace)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnosis.trace import End, Trace
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.site import Host
from provisioner.site.load import parse_site
from provisioner.verbs.envelope import find_door, find_sender
from provisioner.verbs.handover import Handover, Posting, Refusal, Stage
from provisioner.verbs.refusal import explain_refusal
from provisioner.verbs.run import Run
from provisioner.verbs.send import Sending, _pattern, ends_of, follow, hand_in

RECORDED = Path(__file__).parents[2] / "recorded/trace"
SITE = parse_site(
    b"""
domain: example.org
hosts: {mail: {address: 10.89.1.4}}
users:
  alice: {password: {env: P}}
  bob: {password: {env: P}}
aliases: {sales: [alice, bob]}
submission: {message_size: 64K}
""",
    "site.yaml",
).site
MOMENT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@dataclass
class RecordedLog:
    """A host whose mail log grows by some lines with each look; grep(1) selects, as there."""

    rows: Sequence[str]
    lines_a_look: int = 1000
    seen: int = 0
    patterns: list[str] = field(default_factory=list)
    host: str = "mail"

    def start(
        self, program: str, *args: str, timeout: float, doing: str = "", keep: bool = False
    ) -> RecordedAnswer:
        del program, args, timeout, doing, keep
        return RecordedAnswer(self)


@dataclass
class RecordedAnswer:
    """One reading of a recorded log."""

    log: RecordedLog
    request: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def send(self, data: bytes) -> None:
        self.request += data

    def finish(self) -> None: ...

    def lines(self) -> Iterator[str]:
        asked = dict(row.split("\t", 1) for row in self.request.decode().splitlines())
        self.log.patterns.append(asked["pattern"])
        self.log.seen += self.log.lines_a_look
        grep = ["grep", "-aE", "-e", asked["pattern"]]
        text = "\n".join(self.log.rows[: self.log.seen])
        done = subprocess.run(grep, input=text, capture_output=True, text=True, check=False)
        assert (done.stderr, done.returncode in {0, 1}) == ("", True)
        yield f"@now {int(MOMENT.timestamp())} +0000"
        yield "@source journal"
        yield from (f"|{row}" for row in done.stdout.splitlines())
        yield "@end"

    def result(self) -> Any:  # noqa: ANN401 only the status is asked for
        return type("Completed", (), {"status": 0, "stderr": b""})()


@dataclass(frozen=True)
class Answer:
    host: Host
    value: Any = None
    error: MailprovError | None = None


@dataclass
class OneHostFleet:
    transport_: Any
    error: MailprovError | None = None

    def each(self, hosts: Sequence[Host], work: Callable[[Host, Any], Any]) -> Iterator[Answer]:
        for host in hosts:
            if self.error:
                yield Answer(host, error=self.error)
            else:
                yield Answer(host, value=work(host, self.transport_))


def run_over(log: RecordedLog, error: MailprovError | None = None) -> Run:
    fleet: Any = OneHostFleet(log, error)
    nothing: Any = None
    return Run(SITE, SITE.hosts, fleet, {"log": ""}, nothing, nothing, "owner")


def posting(sender: str = "alice", *recipients: str, message_id: str = "<x@y>") -> Posting:
    who = find_sender(SITE, sender, None)
    to = recipients or ("bob@example.org",)
    door = find_door(SITE, who, to, None)
    login = who.user.address if who.user else ""
    return Posting(door, who.address, to, b"text\r\n", message_id, login, "secret")


def accepted(name: str, *recipients: str, lines_a_look: int = 1000) -> tuple[Run, Sending]:
    head, *rows = (RECORDED / f"{name}.log").read_text(encoding="utf-8").splitlines()
    queue_id, _, message_id = head.partition(" ")
    log = RecordedLog(rows, lines_a_look)
    one = posting("alice", *recipients, message_id=message_id)
    answer = f"250 2.0.0 Ok: queued as {queue_id}"
    handover = Handover("direct", "", "TLSv1.3", one.recipients, (), answer)
    return run_over(log), Sending(one, handover, {SITE.hosts[0].ref: MOMENT})


@pytest.mark.parametrize("lines_a_look", [1, 3, 1000])
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("user-to-user", 1),
        ("alias-to-two", 4),
        ("bounce", 3),
        ("content-filter", 7),
        ("sieve-forward", 3),
        ("mixed", 9),
    ],
)
def test_a_message_is_followed_to_its_end_however_fast_the_log_grows(
    name: str, steps: int, lines_a_look: int
) -> None:
    run, sending = accepted(name, lines_a_look=lines_a_look)
    *_, last = follow(run, sending)
    assert (last.finished, len(last.steps)) == (True, steps)


def test_only_lines_that_belong_to_the_message_are_asked_for() -> None:
    run, sending = accepted("bounce")
    list(follow(run, sending))
    fleet: Any = run.fleet
    first, *_, last = fleet.transport_.patterns
    assert sending.queue_id in first
    assert r"@example\.org>" in first
    assert set(first.split("|")) < set(last.split("|"))


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1))
def test_the_pattern_matches_a_message_id_as_it_stands(text: str) -> None:
    grep = ["grep", "-cE", "-e", _pattern(frozenset(), f"<{text}@example.org>")]
    line = f"message-id=<{text}@example.org>"
    done = subprocess.run(grep, input=line, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


def test_recipients_that_were_refused_or_not_seen_have_an_end_too() -> None:
    run, sending = accepted("user-to-user", "bob@example.org", "sales@example.org")
    refusal = Refusal(Stage.RCPT, "550 5.1.1 User unknown", 550, "x@example.org")
    handover = Handover(
        "direct", "", "", sending.posting.recipients, (refusal,), sending.handover.answer
    )
    sending = Sending(sending.posting, handover, sending.began)
    fleet: Any = run.fleet
    fleet.transport_.lines_a_look = 8
    trace = next(follow(run, sending))
    assert [(each.address, each.end) for each in ends_of(SITE, sending, trace)] == [
        ("x@example.org", End.REFUSED),
        ("bob@example.org", End.NOT_SEEN),
        ("sales@example.org", End.NOT_SEEN),
    ]


def test_a_refused_message_ends_for_all_recipients() -> None:
    one = posting("x@c.example", "bob@example.org", "x@b.example")
    refusal = Refusal(Stage.CONNECT, "banner: 554 go away")
    run = run_over(RecordedLog([]))
    sending = hand_in(run, one, lambda *_, **__: Handover("direct", refusals=(refusal,)))
    ends = ends_of(SITE, sending, Trace())
    assert [(each.address, each.end) for each in ends] == [
        ("bob@example.org", End.REFUSED),
        ("x@b.example", End.REFUSED),
    ]


def test_nothing_is_sent_when_a_host_cannot_be_asked() -> None:
    lost = MailprovError(Diagnostic("gone"), ExitCode.UNREACHABLE)
    handed: list[Posting] = []

    def submit(one: Posting, **_: object) -> Handover:
        handed.append(one)
        return Handover()

    with pytest.raises(MailprovError, match="gone") as raised:
        hand_in(run_over(RecordedLog([]), lost), posting(), submit)
    assert (raised.value.exit_code, handed) == (ExitCode.UNREACHABLE, [])


@pytest.mark.parametrize(
    ("sender", "refusal", "want"),
    [
        (
            "alice",
            Refusal(
                Stage.RCPT,
                "550 5.1.1 <x@example.org>: Recipient address rejected: User unknown",
                550,
                "x@example.org",
            ),
            "x@example.org is neither a user nor an alias of the site",
        ),
        (
            "alice",
            Refusal(
                Stage.RCPT,
                "550 5.1.1 <bob+y@example.org>: Recipient address rejected: User unknown",
                550,
                "bob+y@example.org",
            ),
            "bob@example.org is in the site file but not on the host: apply the site",
        ),
        (
            "sales@example.org",
            Refusal(
                Stage.RCPT,
                "553 5.7.1 <sales@example.org>: Sender address rejected: not owned by user x",
                553,
                "bob@example.org",
            ),
            "only alice@example.org, bob@example.org may send as sales@example.org",
        ),
        (
            "x@b.example",
            Refusal(Stage.RCPT, "554 5.7.1 <y@c.example>: Relay access denied", 554, "y@c.example"),
            "y@c.example is at another site",
        ),
        (
            "x@b.example",
            Refusal(
                Stage.RCPT,
                "450 4.1.8 <x@b.example>: Sender address rejected: Domain not found",
                450,
                "bob@example.org",
            ),
            "the resolver of mail finds no mail server or address of b.example",
        ),
        (
            "alice",
            Refusal(Stage.MAIL, "552 5.3.4 Message size exceeds fixed limit", 552),
            "submission.message_size is 64K",
        ),
        ("alice", Refusal(Stage.LOGIN, "535 5.7.8 Error", 535), "has another password"),
        (
            "alice",
            Refusal(Stage.LOGIN, "454 4.7.0 Temporary", 454),
            "the password is not the cause",
        ),
        (
            "alice",
            Refusal(Stage.DATA, "552 5.3.4 Error: message file too big", 552),
            "70000 bytes, and submission.message_size is 64K",
        ),
        ("alice", Refusal(Stage.CONNECT, "cannot be reached"), ""),
        ("alice", Refusal(Stage.DATA, "550 5.7.1 spam", 550), ""),
        (
            "alice",
            Refusal(Stage.DATA, "timed out while waiting for the server"),
            "may have accepted the message",
        ),
    ],
)
def test_a_refusal_is_explained_where_the_site_file_knows_why(
    sender: str, refusal: Refusal, want: str
) -> None:
    login = "alice" if sender.startswith("sales") else None
    who = find_sender(SITE, sender, login)
    door = find_door(SITE, who, ["bob@example.org"], None)
    user = who.user.address if who.user else ""
    one = Posting(door, who.address, ("bob@example.org",), b"x" * 70000, "<x@y>", user)
    got = explain_refusal(SITE, one, refusal)
    assert want in got
    assert bool(want) == bool(got)


def test_a_full_mailbox_is_not_taken_for_a_message_that_is_too_big() -> None:
    words = "552 5.2.2 <bob@example.org>: mailbox size quota exceeded"
    refusal = Refusal(Stage.DATA, words, 552, "bob@example.org")
    assert explain_refusal(SITE, posting(), refusal) == ""

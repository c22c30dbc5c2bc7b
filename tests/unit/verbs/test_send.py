"""Handing in and following, over hosts whose logs were recorded (tests/recorded/trace)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.refs import ref
from support.scripted_host import Call, Connection, Program, ScriptedFleet, unreachable
from support.told_facts import standing, told, two_hosts

from provisioner.diagnosis.trace import End, Trace
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.certificate import parse_certificate
from provisioner.model.site import Host
from provisioner.remote.protocol import Answer, Section
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
aliases: {sales: [alice, bob], away: partner@b.example}
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
class Read:
    host: Host
    value: Any = None
    error: MailprovError | None = None


@dataclass
class OneHostFleet:
    transport_: Any

    def each(self, hosts: Sequence[Host], work: Callable[[Host, Any], Any]) -> Iterator[Read]:
        for host in hosts:
            yield Read(host, value=work(host, self.transport_))


def run_over(log: RecordedLog) -> Run:
    fleet: Any = OneHostFleet(log)
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


def test_who_is_refused_is_told_why_and_where() -> None:
    refusals = (
        Refusal(Stage.RCPT, "550 5.1.1 <z@example.org>: Recipient address rejected: User unknown",
                550, "z@example.org"),
        Refusal(Stage.DATA, "550 5.7.1 spam", 550),
    )  # fmt: skip
    one = posting("alice", "z@example.org", "bob@example.org")
    sending = Sending(one, Handover("direct", refusals=refusals), {})
    refused, rest = ends_of(SITE, sending, Trace())
    assert (refused.address, refused.original) == ("z@example.org", "z@example.org")
    assert refused.detail.startswith("z@example.org is ")
    assert "550" not in refused.detail
    assert (rest.address, rest.original) == ("bob@example.org", "bob@example.org")
    assert rest.detail.endswith("; 550 5.7.1 spam")
    assert {refused.host, rest.host} == {"mail"}


def test_whoever_was_taken_and_never_shows_is_not_seen_until_the_trace_is_finished() -> None:
    one = posting("alice", "bob@example.org")
    sending = Sending(one, Handover("direct", accepted=one.recipients), {})
    (unseen,) = ends_of(SITE, sending, Trace())
    assert (unseen.address, unseen.original) == ("bob@example.org", "bob@example.org")
    assert (unseen.end, unseen.host, bool(unseen.detail)) == (End.NOT_SEEN, "mail", True)
    assert ends_of(SITE, sending, Trace(finished=True)) == ()


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


CLOCK = Program("log", [f"@now {int(MOMENT.timestamp())} +0000", "@source journal", "@end"])
HOSTS = two_hosts()


def handed(
    fleet: ScriptedFleet, sender: str = "alice", limit: str = ""
) -> tuple[Sending, dict[str, Any]]:
    """Hand a message in; return that, and with what the server was reached."""
    seen: dict[str, Any] = {}

    def submit(one: Posting, **reached: object) -> Handover:
        fleet.calls.append(Call(HOSTS.host("mail").ref, "submitted"))
        seen.update(posting=one, **reached)
        return Handover(
            "direct", accepted=one.recipients, answer="250 2.0.0 Ok: queued as 4cLbkz1n1Kz1Zq"
        )

    who = find_sender(HOSTS, sender, None)
    door = find_door(HOSTS, who, ["alice@example.org"], None)
    login = who.user.address if who.user else ""
    one = Posting(door, who.address, ("alice@example.org",), b"x", "<x@y>", login, "secret")
    chosen = [HOSTS.host(limit)] if limit else None
    return hand_in(fleet.run_over(HOSTS, chosen), one, submit), seen


def test_the_clock_and_the_certificate_are_asked_for_before_a_user_logs_in() -> None:
    answer = told(standing(HOSTS, "mail"))
    with ScriptedFleet({ref("mail"): [Program("observe", answer), CLOCK]}) as fleet:
        sending, seen = handed(fleet)
    assert fleet.order == ["mail: observe", "mail: log", "mail: submitted"]
    certificate = parse_certificate(Answer.read(answer).lines(Section.CERTIFICATE))
    assert certificate
    assert seen["fingerprint"] == certificate.fingerprint
    assert seen["hosts"] == HOSTS.hosts
    assert list(seen["transports"]) == ["mail"]
    assert seen["posting"] == sending.posting
    assert sending.began == {ref("mail"): MOMENT}
    assert sending.queue_id == "4cLbkz1n1Kz1Zq"
    assert b"since\t-1\n" in fleet.call("mail: log").stdin


def test_a_server_that_shows_no_certificate_gets_none_to_compare() -> None:
    facts = replace(standing(HOSTS, "mail"), certificate=None)
    with ScriptedFleet({ref("mail"): [Program("observe", told(facts)), CLOCK]}) as fleet:
        _, seen = handed(fleet)
    assert seen["fingerprint"] is None


def test_who_does_not_log_in_needs_no_certificate() -> None:
    with ScriptedFleet({ref("mail"): [CLOCK]}) as fleet:
        _, seen = handed(fleet, "x@b.example")
    assert seen["fingerprint"] is None


def test_nothing_is_sent_when_a_host_cannot_be_asked() -> None:
    with (
        ScriptedFleet({ref("mail"): [Connection(unreachable("gone"))]}) as fleet,
        pytest.raises(MailprovError, match="gone") as raised,
    ):
        handed(fleet)
    assert raised.value.exit_code is ExitCode.UNREACHABLE
    assert "mail: submitted" not in fleet.order


def test_a_host_that_was_left_out_takes_no_message() -> None:
    with ScriptedFleet({}) as fleet, pytest.raises(MailprovError) as raised:
        handed(fleet, limit="ns")
    assert raised.value.exit_code is ExitCode.USAGE
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.want == "mail"
    assert "--limit mail" in diagnostic.fix


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
        *(
            (
                "alice",
                Refusal(Stage.LOGIN, "4.7.0 Temporary", code),
                "the password is not the cause",
            )
            for code in (421, 450, 454)
        ),
        (
            "alice",
            Refusal(
                Stage.RCPT,
                "550 5.1.1 <sales@example.org>: Recipient address rejected: User unknown",
                550,
                "sales@example.org",
            ),
            "sales@example.org is in the site file but not on the host",
        ),
        (
            "away@example.org",
            Refusal(
                Stage.RCPT,
                "553 5.7.1 <away@example.org>: Sender address rejected: not owned by user x",
                553,
                "bob@example.org",
            ),
            "alice@example.org is logged in, and no user may send as away@example.org",
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
    login = "alice" if sender.startswith(("sales", "away")) else None
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


@pytest.mark.parametrize(("length", "is_why"), [(65536, False), (65537, True)])
def test_a_message_of_just_the_limit_is_not_too_big(length: int, *, is_why: bool) -> None:
    one = replace(posting(), content=b"x" * length)
    refusal = Refusal(Stage.DATA, "552 5.3.4 Error: message file too big", 552)
    assert bool(explain_refusal(SITE, one, refusal)) is is_why


def test_who_sends_as_somebody_else_without_a_login_is_nobody() -> None:
    refusal = Refusal(Stage.RCPT, "553 Sender address rejected: not logged in", 553, "x")
    assert explain_refusal(SITE, replace(posting(), login=""), refusal).startswith("nobody is")

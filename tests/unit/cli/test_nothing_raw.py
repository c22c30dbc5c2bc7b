"""Whatever a host, a daemon or a stranger wrote, no view hands it to the terminal as it came.

People met escape sequences of a host's main.cf, of a checker's words and of a failing step
in `plan` and `apply`: such text can move the cursor, rewrite what stands above it, set the
window's title or, in some terminals, what is typed next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chance import examples
from support.generations import GENERATION, MAIN_CF, NOW, fulfilled, state_of, with_file
from support.logs import log_of
from support.refs import ref

from provisioner.cli.destroy_verb import destruction_lines
from provisioner.cli.diagnosis_view import diagnosis_lines, host_as_json
from provisioner.cli.history_verb import history_lines
from provisioner.cli.main import run
from provisioner.cli.outcome_view import outcome_json, outcome_table, verdict_lines
from provisioner.cli.phase_view import phase_outcome_lines, planned_phase_lines
from provisioner.cli.plan_view import plan_json, plan_lines
from provisioner.cli.progress import LiveProgress
from provisioner.cli.rollback_verb import show_outcomes
from provisioner.cli.send_view import end_lines, handover_lines, sending_json
from provisioner.cli.status_view import condition_lines, status_json
from provisioner.cli.terminal import (
    CROWD,
    coloured,
    show_errors,
    write_json,
    write_line,
    write_lines,
    write_traceback,
)
from provisioner.diagnosis.catalogue import builtin_catalogue
from provisioner.diagnosis.matching import diagnose_log
from provisioner.diagnosis.trace import End, Recipient, Step, Trace
from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.facts.host import Facts, Pending
from provisioner.facts.queue import Queue, QueuedMessage, Waiting
from provisioner.facts.status_facts import DiskSpace, StatusFacts
from provisioner.model.site import Site
from provisioner.plan.condition import judge_condition
from provisioner.plan.diff import diff_generation
from provisioner.plan.history import Event, History
from provisioner.plan.site_phases import PhaseOutcome, PhaseStatus, PlannedPhase
from provisioner.platforms.record import Platform
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.render.artifact import Plane
from provisioner.site.load import parse_site
from provisioner.verbs.envelope import Sender, find_door
from provisioner.verbs.handover import Handover, Posting, Refusal, Stage
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.run import by_key
from provisioner.verbs.send import Sending
from provisioner.verbs.status import SiteStatus

FORGED = "FORGED: ok"
"""Where this begins a line, a host has written one of ours."""

_HOSTILE = (
    *("\x1b]0;title\x07", "\x1b[2J", "\x1b[1A\r", "\x9b31m", "\x9d0;t\x9c", "\x7f", "\x00"),
    *("\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"),
    *("\ud800", "\udc9b", "\u3164", "\U000e0041", f"\n{FORGED}", f"\r\n{FORGED}", f"\x85{FORGED}"),
)
texts = st.lists(st.sampled_from(_HOSTILE) | st.text(max_size=5), min_size=1, max_size=4).map(
    "".join
)

SITE = parse_site(
    b"""
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users: {alice: {password: {env: ALICE}}}
""",
    "site.yaml",
).site
MAIL = ref("mail")
ERROR = MailprovError(Diagnostic("it failed", "mail:/etc/x", "one\ntwo", "other", "do `this`"))

_STATUS = StatusFacts(
    now=NOW,
    applied=NOW,
    queue=Queue(
        2, (QueuedMessage("4jY", "deferred", 1, 2, "a@b.example", (Waiting("r@c", "no"),)),)
    ),
    disk=DiskSpace("/", 10, 4),
    since={},
)


def _edited() -> Facts:
    """Return the facts of a host whose main.cf somebody edited, and where things are missing."""
    was = replace(state_of(MAIN_CF), sha256="0" * 64, content=b"a = 1\nb = 3\n")
    facts = with_file(fulfilled(), MAIN_CF.path, was)
    told = replace(facts.introduction, pending=Pending("3", "abcd", "root@ctl", armed=False))
    return replace(
        facts,
        introduction=told,
        packages=frozenset(),
        left_contents={MAIN_CF.path: MAIN_CF.content},
        status=_STATUS,
    )


PLAN = diff_generation(replace(GENERATION, notices=("a note",)), _edited())
AHEAD = (PlannedPhase("gate", (MAIL,), "a.gate", "Is it seen?", waiting=True),)
SURVEY = SitePlan({MAIL: PLAN}, phases=AHEAD)
PHASES = (
    PhaseOutcome(MAIL.site, "gate", (MAIL,), PhaseStatus.CLOSED, "a.gate", "Is it seen?", NOW),
)
OUTCOMES = (
    HostOutcome(MAIL, HostStatus.CHANGED, "abcd", PLAN.changes, ("/etc/x",), ("a note",)),
    HostOutcome(ref("ns"), HostStatus.FAILED, error=ERROR),
)
VERDICT = Verdict(
    tuple(
        Finding("smtp.x@mail", "mail", "does it?", status, "this\nand that", "those", "do", "ssh:m")
        for status in Status
    )
)
HISTORY = History(
    events=(
        Event("2026-11-24T12:00:00Z", "1", Plane.CONFIGURATION, "abcd", "root@ctl", "confirmed"),
        Event("2026-11-24T12:01:00Z", "2", Plane.DIRECTORY, "", "root@ctl", "returned: no mail"),
    ),
    current="abcd",
    serial="2",
)
CONDITION = judge_condition(GENERATION, _edited(), timedelta(hours=3))
DIAGNOSED = diagnose_log(
    builtin_catalogue(),
    SITE,
    SITE.host("mail"),
    log_of("postfix/smtpd: error: x", "postfix/smtpd: fatal: no SASL authentication mechanisms"),
)
SENDING = Sending(
    Posting(
        find_door(SITE, Sender("alice@example.org", SITE.users[0]), ("bob@example.org",), None),
        "alice@example.org",
        ("bob@example.org",),
        b"",
        "<m@example.org>",
        "alice",
    ),
    Handover(
        "ssh:mail",
        "direct: refused",
        "TLSv1.3",
        ("bob@example.org",),
        (Refusal(Stage.RCPT, "550 no", 550, "eve@example.org"),),
        "250 queued",
    ),
    {},
)
ENDS = (
    Recipient("bob@example.org", "b@example.org", End.NOT_SEEN, "mail", "no line"),
    Recipient("eve@example.org", "eve@example.org", End.DEFERRED, "mail", "later"),
)
TRACE = Trace(steps=(Step(NOW, "mail", "delivered"),), recipients=ENDS)


def tainted(value: Any, text: str) -> Any:  # noqa: ANN401 whatever a view takes
    """Return a value of the same shape in which every text that a host may send ends with text."""
    if isinstance(value, Enum | Platform | Site) or value is GENERATION.platform:
        return value
    if isinstance(value, MailprovError):
        return MailprovError(tainted(value.diagnostics, text), value.exit_code)
    if type(value) is str:
        return value + text
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            one.name: tainted(getattr(value, one.name), text) for one in fields(value) if one.init
        }
        return replace(value, **changed)
    if isinstance(value, Mapping):
        value = {key: tainted(one, text) for key, one in value.items()}
    if isinstance(value, tuple):
        value = tuple(tainted(one, text) for one in value)
    return value


def _a_traceback(text: str) -> None:
    write_traceback(RuntimeError(text))


def _progress(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NO_COLOR", "1")
        LiveProgress([MAIL]).tell(MAIL, f"observing {text}")


VIEWS: Mapping[str, Callable[[str], None]] = {
    "plan": lambda text: write_lines(plan_lines(tainted(SURVEY, text))),
    "plan, concise": lambda text: write_lines(plan_lines(tainted(SURVEY, text), concise=True)),
    "apply": lambda text: write_lines(outcome_table(tainted(OUTCOMES, text))),
    "phases": lambda text: write_lines(phase_outcome_lines(tainted(PHASES, text), by_key)),
    "phases to come": lambda text: write_lines(planned_phase_lines(tainted(AHEAD, text), by_key)),
    "rollback": lambda text: show_outcomes(tainted(OUTCOMES, text), text),
    "verify": lambda text: write_lines(verdict_lines(tainted(VERDICT, text), everything=True)),
    "history": lambda text: write_lines(history_lines({MAIL: tainted(HISTORY, text)}, None)),
    "a narrow history": lambda text: write_lines(history_lines({MAIL: tainted(HISTORY, text)}, 60)),
    "status": lambda text: write_lines(condition_lines(tainted(CONDITION, text))),
    "destroy": lambda text: write_lines(destruction_lines(tainted(SURVEY, text))),
    "diagnose": lambda text: write_lines(
        diagnosis_lines([tainted(DIAGNOSED, text)], "24h", everything=True)
    ),
    "send, handing in": lambda text: write_lines(handover_lines(SITE, tainted(SENDING, text))),
    "send, its ends": lambda text: write_lines(end_lines(tainted(ENDS, text), 3)),
    "errors": lambda text: show_errors([tainted(ERROR, text)]),
    "a crowd's errors": lambda text: show_errors([tainted(ERROR, text)] * CROWD),
    "progress": _progress,
    "a traceback": _a_traceback,
    "wrong usage": lambda text: write_line(f"{run(['plan', '--no-' + text])}"),
    "a verb that is none": lambda text: write_line(f"{run(['no-' + text])}"),
}

DOCUMENTS: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "plan": lambda text: plan_json(tainted(SURVEY, text)),
    "apply": lambda text: outcome_json(tainted(OUTCOMES[0], text)),
    "verify": lambda text: tainted(VERDICT, text).as_json(),
    "status": lambda text: status_json(SiteStatus({MAIL: tainted(CONDITION, text)}, {MAIL: ERROR})),
    "diagnose": lambda text: host_as_json(tainted(DIAGNOSED, text), everything=True),
    "send": lambda text: sending_json(
        SITE, tainted(SENDING, text), tainted(TRACE, text), tainted(ENDS, text)
    ),
}

quickly = examples(30)


class _Screen(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown_by(view: Callable[[str], object], text: str, stream: StringIO) -> str:
    """Return what a view writes to either stream, without the colours that are ours."""
    with redirect_stdout(stream), redirect_stderr(stream):
        view(text)
    shown = stream.getvalue()
    for code in ("31", "32", "33", "0"):
        shown = shown.replace(f"\x1b[{code}m", "")
    return shown


@pytest.mark.parametrize("stream", [StringIO, _Screen])
@pytest.mark.parametrize("view", VIEWS)
@quickly
@given(text=texts)
def test_no_view_shows_a_character_that_steers_a_terminal_or_ends_its_line(
    view: str, stream: type[StringIO], text: str
) -> None:
    lines = shown_by(VIEWS[view], text, stream()).split("\n")
    assert lines.pop() == ""
    assert lines != []
    assert [line for line in lines if not line.replace("\t", "").isprintable()] == []
    assert [line for line in lines if line.startswith(FORGED)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
@quickly
@given(text=texts)
def test_a_document_stays_json_and_is_printable(document: str, text: str) -> None:
    want = DOCUMENTS[document](text)
    shown = shown_by(lambda _: write_json(want), text, StringIO())
    assert shown.isascii()
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == json.loads(json.dumps(want))


def test_layout_stays() -> None:
    assert shown_by(write_line, "a\tb", StringIO()) == "a\tb\n"
    error = MailprovError(Diagnostic("no", got="x\n\ty"))
    assert (
        shown_by(lambda _: show_errors([error]), "", StringIO()) == "no\n  got:  x\n        \ty\n"
    )


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = _Screen()
    with redirect_stdout(screen):
        write_line("it " + coloured("passed\x1b[5m", "passed") + "\x1b[0m")
    assert screen.getvalue() == "it \x1b[32mpassed\\x1b[5m\x1b[0m\\x1b[0m\n"


def test_what_cannot_be_encoded_is_an_escape() -> None:
    stream = TextIOWrapper(BytesIO(), encoding="ascii")
    with redirect_stdout(stream):
        write_line("bücher …")
    stream.seek(0)
    assert stream.buffer.read() == b"b\\xfccher \\u2026\n"

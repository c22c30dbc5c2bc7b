"""Answers of a host that are cut short or have something else in them than they should.

A short row of getent(1) ended the whole run with an internal error that named no host. The
recorded answers are of a lab host; whatever becomes of them, an error names the host.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chance import examples
from support.scripted_host import PROGRAMS, Program, ScriptedFleet

from provisioner.cli.history_verb import history_json, history_lines
from provisioner.cli.status_view import condition_json, condition_lines
from provisioner.diagnostics import MailprovError
from provisioner.facts.host import Facts
from provisioner.plan.condition import judge_condition
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.port_conflicts import conflict_diagnostic, find_conflicts
from provisioner.probes.sockets import judge_sockets, parse_sockets
from provisioner.site.load import parse_site
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.mail_log import parse_mail_log
from provisioner.verbs.recall import recall
from provisioner.verbs.remote_failure import understanding
from provisioner.verbs.session import HostSession

RECORDED = Path(__file__).parents[2] / "recorded/answers"
SITE = parse_site(
    b"""
domain: example.org
hosts: {mail: {address: 10.89.0.4}}
users: {alice: {password: {env: ALICE}}}
""",
    "site.yaml",
).site
HOST = SITE.host("mail")


def session(told: list[str], verb: str) -> HostSession:
    """Return a session with a host that answers these lines."""
    fleet = ScriptedFleet({HOST.ref: [Program(verb, told)]})
    return HostSession(fleet.transport(HOST), PROGRAMS)


def observe(told: list[str]) -> tuple[Generation, Facts]:
    compiler = Compiler(SITE, lambda known: known)
    return session(told, "observe").observe(lambda one: compiler.generation_for(HOST, one))


def observing(told: list[str]) -> None:
    """Do what plan, status and verify do with what they observed."""
    generation, facts = observe(told)
    plan = diff_generation(generation, facts)
    if conflicts := find_conflicts(plan, facts):
        conflict_diagnostic(plan, conflicts)
    judge_sockets(SITE, HOST, parse_sockets(facts.sockets))
    if facts.status:
        condition = judge_condition(generation, facts, timedelta(hours=3))
        list(condition_lines(condition))
        condition_json(condition)


def history(told: list[str]) -> None:
    known = recall(session(told, "recall"), lambda _: "4139bac5294cb174").history
    history_lines({HOST.ref: known}, 80)
    history_json(known)


def transaction(told: list[str]) -> None:
    with understanding("mail", "testing"):
        session(told, "settle").confirm("2")


def log(told: list[str]) -> None:
    with understanding("mail", "reading the log"):
        parse_mail_log(told, 50)


ANSWERS: dict[str, Callable[[list[str]], None]] = {
    "observing": observing,
    "history": history,
    "transaction": transaction,
    "log": log,
}
_odd_lines = st.sampled_from(
    ("", "y", "@", "@step", "@kept", "\t", ":", "=", "Id=", "@check", "@check x y", "9" * 5000)
) | st.text(max_size=8)


def recorded(name: str) -> list[str]:
    return RECORDED.joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()


@st.composite
def mutated(draw: st.DrawFn, lines: list[str]) -> list[str]:
    """Return an answer with a few lines broken; its marks stay, so that it is read at all."""
    lines = list(lines)
    places = [number for number, line in enumerate(lines) if line not in {"@ready", "@end"}]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places))
        line = lines[place]
        at, gone = draw(st.integers(0, len(line))), draw(st.integers(0, 12))
        broken = line[:at] + draw(st.text("09-:\t @=x²/", max_size=3)) + line[at + gone :]
        lines[place] = draw(st.sampled_from((broken, line[:at])) | _odd_lines)
    return lines


@pytest.mark.parametrize("name", ANSWERS)
def test_the_recorded_answers_are_understood(name: str) -> None:
    ANSWERS[name](recorded(name))


@pytest.mark.parametrize("name", ANSWERS)
@examples(150)
@given(data=st.data())
def test_a_broken_answer_is_an_error_that_names_the_host(name: str, data: st.DataObject) -> None:
    told = data.draw(mutated(recorded(name)))
    unnamed = []
    try:
        ANSWERS[name](told)
    except MailprovError as error:
        unnamed = [one for one in error.diagnostics if not one.where.startswith("mail")]
    assert unnamed == []


@pytest.mark.parametrize(
    ("line", "short", "tool"),
    [
        ("vmail:x:", "vmail:x", "getent"),
        ("postfix\tinstalled", "y", "dpkg-query"),
        ("NRestarts=0", "NRestarts=y", "systemctl show"),
        ("/etc/postfix/main.cf\tregular file", "/etc/postfix/main.cf", "stat"),
    ],
)
def test_what_was_malformed_is_told_with_who_should_have_printed_it(
    line: str, short: str, tool: str
) -> None:
    told = [short if row.startswith(line) else row for row in recorded("observing")]
    with pytest.raises(MailprovError, match="is malformed") as caught:
        observe(told)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.where == "mail"
    assert short in diagnostic.got
    assert tool in diagnostic.want


def test_a_malformed_line_that_may_hold_a_secret_is_not_shown() -> None:
    told = [row.replace("$hash:", "$hash") for row in recorded("observing")]
    with pytest.raises(MailprovError, match="is malformed") as caught:
        observe(told)
    assert "$hash" not in str(caught.value)
    assert "$hash" not in str(caught.value.__cause__)


def test_a_table_of_sockets_that_nobody_knows_is_malformed() -> None:
    told = [row.replace("@sockets udp6", "@sockets sctp") for row in recorded("observing")]
    with pytest.raises(MailprovError, match="the part `sockets`"):
        observe(told)

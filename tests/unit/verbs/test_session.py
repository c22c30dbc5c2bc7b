"""One host of which something is asked: what is understood, and what a person is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.generations import GENERATION, HOST, MAIN_CF, fulfilled, with_file
from support.scripted_host import PROGRAMS, Program, ScriptedFleet, unreachable
from support.told_facts import told

from provisioner import __version__
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Look, observation_rows
from provisioner.plan.transaction import pack_transaction
from provisioner.render.daemon_secrets import SecretFile
from provisioner.verbs.session import HostSession
from provisioner.verbs.transaction_answer import ReturnedError, TransactionAnswer

RECORDED = Path(__file__).parents[2] / "recorded/answers"
PLAN = diff_generation(
    GENERATION, with_file(replace(fulfilled(), packages=frozenset({"openssl"})), MAIN_CF.path, None)
)
Ask = Callable[[HostSession], object]


def asked(ask: Ask, program: Program) -> ScriptedFleet:
    """Ask something of a host that answers with one program."""
    with ScriptedFleet({HOST.ref: [program]}) as fleet:
        ask(HostSession(fleet.transport(HOST), PROGRAMS))
    return fleet


def refused(ask: Ask, program: Program) -> MailprovError:
    with pytest.raises(MailprovError) as caught:
        asked(ask, program)
    assert all(one.where.startswith("mail") for one in caught.value.diagnostics)
    return caught.value


def reason(ask: Ask, program: Program) -> Diagnostic:
    """Return the one thing that a person is told."""
    (diagnostic,) = refused(ask, program).diagnostics
    return diagnostic


# Observing.


def observe(session: HostSession) -> tuple[Generation, Facts]:
    return session.observe(lambda _: GENERATION, Look.CHECKERS)


def test_a_host_is_asked_for_what_its_generation_has_once_it_has_told_what_it_is() -> None:
    facts = fulfilled()
    seen: list[object] = []

    def compile_for(introduction: object) -> Generation:
        seen.append(introduction)
        return GENERATION

    fleet = asked(lambda one: one.observe(compile_for), Program("observe", told(facts)))
    assert seen == [facts.introduction]
    rows = observation_rows(GENERATION, facts.introduction)
    assert bytes(fleet.call("mail: observe").stdin) == rows


def test_what_is_observed_beside_is_asked_for() -> None:
    answer = Program("observe", told(fulfilled()))
    rows = asked(observe, answer).call("mail: observe").stdin
    assert b"check\tpostfix\n" in rows


def test_nothing_is_asked_of_a_host_for_which_nothing_can_be_compiled() -> None:
    def unknown(_: object) -> Generation:
        raise MailprovError(Diagnostic("an unknown system", "mail"), ExitCode.REFUSED)

    fleet = ScriptedFleet({HOST.ref: [Program("observe", told(fulfilled()))]})
    with fleet, pytest.raises(MailprovError, match="an unknown system"):
        HostSession(fleet.transport(HOST), PROGRAMS).observe(unknown)
    assert not fleet.call("mail: observe").stdin


@pytest.mark.parametrize("kept", ["nothing", "some", "introduction", "all but the end"])
def test_an_answer_that_breaks_off_tells_how_the_program_ended(kept: str) -> None:
    lines = told(fulfilled())
    length = {"nothing": 0, "some": 3, "introduction": lines.index("@ready") + 1}.get(kept, -1)
    program = Program("observe", lines[:length], status=2, stderr="sh: no memory")
    diagnostic = reason(observe, program)
    assert "exit status 2" in diagnostic.got
    assert "sh: no memory" in diagnostic.got
    assert diagnostic.fix


def test_an_answer_of_another_form_is_no_facts() -> None:
    lines = told(fulfilled())
    for broken in ("@daemons", "@groups"):
        at = lines.index(broken) + 1
        assert (
            "malformed"
            in reason(observe, Program("observe", [*lines[:at], "odd", *lines[at:]])).summary
        )


def test_a_state_that_a_newer_version_left_is_refused_by_every_verb() -> None:
    asks: dict[str, Ask] = {
        "observe": observe,
        "packages": install,
        "transact": transact,
        "settle": confirm,
    }
    stderr = f"@state\tnewer\t3\t{__version__}.1"
    for verb, ask in asks.items():
        error = refused(ask, Program(verb, stderr=stderr, status=76))
        assert error.exit_code is ExitCode.REFUSED
        assert f"{__version__}.1" in error.diagnostics[0].fix
        assert f"mailprov {__version__}" in error.diagnostics[0].want


# Packages.


def install(session: HostSession, tell: Callable[[str], None] = str) -> None:
    session.install(PLAN, tell)


def test_packages_are_installed_by_the_manager_of_the_platform_with_their_units_held() -> None:
    told_of: list[str] = []
    lines = ["@progress fetching", "|Get:1", "@progress unpacking"]
    fleet = asked(lambda one: install(one, told_of.append), Program("packages", lines))
    arguments = fleet.call("mail: packages").arguments
    assert arguments == ("apt", "postfix.service:postfix@-.service", *GENERATION.packages)
    assert told_of == ["fetching", "unpacking"]


def test_the_last_words_of_a_package_manager_are_told() -> None:
    lines = ["@progress unpacking", *(f"|line {number}" for number in range(20))]
    error = refused(install, Program("packages", lines, status=100, stderr="not this"))
    assert error.exit_code is ExitCode.FAILED
    (diagnostic,) = error.diagnostics
    assert diagnostic.got.splitlines() == [f"line {number}" for number in range(8, 20)]
    assert diagnostic.want == " ".join(GENERATION.packages)
    assert "apt" in diagnostic.fix


def test_a_package_manager_that_says_nothing_leaves_its_standard_error() -> None:
    got = reason(install, Program("packages", status=100, stderr="apt-get: not found"))
    assert got.got == "apt-get: not found"


def test_a_full_disk_is_named_as_what_kept_packages_out() -> None:
    words = "|E: You don't have enough free space in /var/cache/apt/archives/."
    assert "free space" in reason(install, Program("packages", [words], status=100)).fix


def test_who_holds_the_package_manager_is_told_and_refuses() -> None:
    lines = ["@held unattended-upgr", "@held aptitude", "@held apt-get (pid 7)"]
    error = refused(install, Program("packages", lines, status=75))
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].got.startswith("apt-get (pid 7)")
    assert error.diagnostics[0].want
    assert "(apt)" in error.diagnostics[0].summary
    # Without a holder it is no lock of the package manager.
    error = refused(install, Program("packages", ["@locked", "|me"], status=75))
    assert (error.exit_code, error.diagnostics[0].got) == (ExitCode.FAILED, "me")
    # Somebody who let go in the meantime is nobody's reason.
    asked(install, Program("packages", lines))


# Transactions.


def transact(session: HostSession, tell: Callable[[str], None] = str) -> TransactionAnswer:
    return session.transact(PLAN, "me", 60, tell)


def test_a_plan_is_sent_as_its_archive_and_each_step_is_told_as_it_begins() -> None:
    lines = RECORDED.joinpath("transaction.txt").read_text(encoding="utf-8").splitlines()
    told_of: list[str] = []
    answers: list[TransactionAnswer] = []
    program = Program("transact", lines, arguments=("me", "60"))
    fleet = asked(lambda one: answers.append(transact(one, told_of.append)), program)
    assert bytes(fleet.call("mail: transact").stdin) == pack_transaction(PLAN)
    assert told_of[0] == "checking the new configuration"
    assert "start dovecot" in told_of
    assert answers[0].pending == "2-b9bfed4b25f40ea4"


def test_a_transaction_that_does_not_end_as_it_should_is_none() -> None:
    # Its status alone says nothing: the connection may have gone first.
    assert "exit status 0" in reason(transact, Program("transact", ["@step check"])).summary
    assert "exit status 9" in reason(transact, Program("transact", ["@finished"], 9)).summary


def test_a_file_that_was_edited_meanwhile_is_named_and_refuses() -> None:
    lines = ["@step check", "@edited", "/etc/postfix/main.cf"]
    error = refused(transact, Program("transact", lines, 75))
    assert "changed since the host was observed" in error.diagnostics[0].summary
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].got == "/etc/postfix/main.cf"
    assert error.diagnostics[0].want


def test_another_run_on_the_host_is_named_and_refuses() -> None:
    error = refused(transact, Program("transact", ["@locked", "|root@elsewhere"], 75))
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].got == "root@elsewhere"
    assert "edited" not in error.diagnostics[0].summary


def test_what_the_checkers_object_to_is_told_and_nothing_was_changed() -> None:
    lines = ["@step check", "@check doveconf -n 89", "|doveconf: Fatal: no", "@check postconf -n 0"]
    error = refused(transact, Program("transact", lines, 65, stderr="beside"))
    assert error.exit_code is ExitCode.FAILED
    assert error.diagnostics[0].got == "doveconf -n: doveconf: Fatal: no"
    assert error.diagnostics[0].want
    assert "nothing on the host was changed" in error.diagnostics[0].summary
    assert reason(transact, Program("transact", [], 65, stderr="beside")).got == "beside"


def test_a_secret_that_a_checker_quotes_is_told_to_nobody() -> None:
    secret = SecretFile("/etc/postfix/mailprov/secrets/x", b"me:hunter2", hidden=("hunter2",))
    plan = replace(PLAN, generation=replace(GENERATION, artifacts=(*GENERATION.artifacts, secret)))
    program = Program("transact", ["@check postmap -q 1", "|bad row: me:hunter2"], 65)
    error = refused(lambda one: one.transact(plan, "me", 60, str), program)
    assert error.diagnostics[0].got == "postmap -q: bad row: me:(secret)"


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["@step check", "@failed check", "|no"], "nothing live was changed"),
        (["@step prepare", "@failed prepare ", "|no"], "nothing live was changed"),
        (["@step activate x", "@failed activate x", "|no"], "the steps before it are in force"),
    ],
)
def test_a_step_that_failed_is_told_with_what_is_in_force(lines: list[str], left: str) -> None:
    error = refused(transact, Program("transact", lines, 70, stderr="beside"))
    assert error.exit_code is ExitCode.FAILED
    (diagnostic,) = error.diagnostics
    assert diagnostic.summary.endswith(left)
    assert diagnostic.got == "no"
    step = lines[-2].removeprefix("@failed ").strip()
    assert (f"`{step}`" in diagnostic.summary) is (step != "check")
    assert "check" in diagnostic.summary or step != "check"


def test_the_cause_of_a_failed_step_is_named_with_its_remedy() -> None:
    said = "mv: cannot move: No space left on device"
    diagnostic = reason(transact, Program("transact", ["@step x"], 70, stderr=said))
    assert diagnostic.got == said
    assert "free space" in diagnostic.fix


def test_a_service_that_stays_down_after_a_return_is_told_with_its_log() -> None:
    lines = [
        "@failed reload dovecot.service", "|Fatal: no", "@down postfix@-.service",
        "|fatal: no room", "@held", "Q1\tother.example",
    ]  # fmt: skip
    error = refused(transact, Program("transact", lines, 71))
    assert isinstance(error, ReturnedError)
    failed, down = error.diagnostics
    assert "the old configuration is in force again" in failed.summary
    assert failed.got == "Fatal: no"
    assert down.summary.startswith("postfix@-.service did not restart")
    assert down.got == "fatal: no room"
    assert "systemctl restart postfix@-.service" in down.fix
    assert error.answer.held == ["Q1\tother.example"]


# The end of a transaction.


def confirm(session: HostSession) -> TransactionAnswer:
    return session.confirm("3-ab")


ENDS: dict[str, tuple[Ask, tuple[str, ...]]] = {
    "confirm": (confirm, ("confirm", "3-ab")),
    "return": (
        lambda one: one.return_now("3-ab", "it is silent"),
        ("return", "3-ab", "it is silent"),
    ),
    "abandoned": (lambda one: one.settle_abandoned(), ("abandoned",)),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_transaction_is_settled_as_it_was_said(how: str) -> None:
    ask, arguments = ENDS[how]
    asked(ask, Program("settle", ["@finished"], arguments=arguments))


@pytest.mark.parametrize("how", ENDS)
def test_a_host_that_is_busy_is_no_broken_program(how: str) -> None:
    error = refused(ENDS[how][0], Program("settle", ["@locked", "me since now"], 75))
    assert "program is running on this host" in error.diagnostics[0].summary
    assert error.exit_code is ExitCode.REFUSED
    assert error.diagnostics[0].got == "me since now"
    assert error.diagnostics[0].want


def test_a_confirmation_that_came_too_late_says_what_became_of_it() -> None:
    line = "2026-11-24T12:00:00Z\t3\tconfiguration\tab\tme\treturned: not confirmed in time"
    late = Program("settle", ["@history", line], 66)
    diagnostic = reason(confirm, late)
    assert "wait for the confirmation timed out" in diagnostic.summary
    assert diagnostic.got.endswith("configuration ab me returned: not confirmed in time")
    assert reason(confirm, Program("settle", [], 66)).got == "no transaction is pending"


def test_a_host_that_cannot_keep_its_new_configuration_says_why() -> None:
    full = Program("settle", ["@down x.service", "|no"], 71, stderr="x: No space left on device")
    error = refused(confirm, full)
    assert isinstance(error, ReturnedError)
    first, down = error.diagnostics
    assert first.got == "x: No space left on device"
    assert "free space" in first.fix
    assert down.got == "no"
    (diagnostic,) = refused(confirm, replace(full, lines=[], stderr="odd")).diagnostics
    assert (diagnostic.got, bool(diagnostic.fix)) == ("odd", True)


@pytest.mark.parametrize("status", [0, 1])
def test_an_end_of_which_nobody_heard_is_none(status: int) -> None:
    diagnostic = reason(confirm, Program("settle", ["@step x"], status, stderr="killed"))
    assert f"exit status {status}" in diagnostic.got
    assert "killed" in diagnostic.got


def test_a_lost_connection_is_told_as_it_is() -> None:
    lost = Program("settle", ["@step x"], lost=unreachable("gone"))
    fleet = ScriptedFleet({HOST.ref: [lost]})
    with fleet, pytest.raises(MailprovError, match="gone") as caught:
        confirm(HostSession(fleet.transport(HOST), PROGRAMS))
    assert caught.value.exit_code is ExitCode.UNREACHABLE


def test_what_a_return_put_on_hold_or_logged_out_is_in_the_answer() -> None:
    said = ["@ended alice", "@held", "Q1\tother.example", "@finished"]
    answers: list[TransactionAnswer] = []

    def return_now(session: HostSession) -> None:
        answers.append(session.return_now("3", "it does not work"))

    asked(return_now, Program("settle", said))
    assert answers[0].held == ["Q1\tother.example"]
    assert answers[0].notes() == ("logged out because of changed access: alice",)

"""What a person is told of a transaction that was refused, returned or could not be settled.

The host is this machine, and its programs say what the real ones do in such a case.
"""

from __future__ import annotations

import os

import pytest
from support.generations import GENERATION
from support.this_machine import this_machine

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.plan.change import Plan
from provisioner.transport.dialogue import Dialogue
from provisioner.transport.local import LocalTransport
from provisioner.transport.options import SshOptions
from provisioner.verbs.session import HostSession
from provisioner.verbs.transaction_answer import ReturnedError

HOST = this_machine()


class Keeping(LocalTransport):
    """This machine, which stands for a host and keeps nothing of these programs."""

    def start(
        self, program: str, *args: str, timeout: float, doing: str = "", keep: bool = False
    ) -> Dialogue:
        assert keep == (doing != "observing the host")
        return super().start(program, *args, timeout=timeout, doing=doing)


def session(verb: str, *lines: str, status: int) -> HostSession:
    """Return a session with a host whose program says these lines and exits so."""
    options = SshOptions(local_user="operator", require_root=os.geteuid() == 0)
    said = "\n".join(lines)
    program = f"cat >/dev/null\ncat <<'END'\n{said}\nEND\nexit {status}"
    return HostSession(Keeping(HOST, options, str), {verb: program})


def transact(*lines: str, status: int) -> None:
    session("transact", *lines, status=status).transact(
        Plan(GENERATION, (), GENERATION.id), "me", 60, str
    )


def test_a_file_that_was_edited_meanwhile_is_named_and_refuses() -> None:
    with pytest.raises(MailprovError, match="changed since the host was observed") as refusal:
        transact("@step check", "@edited", "/etc/postfix/main.cf", status=75)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert refusal.value.diagnostics[0].got == "/etc/postfix/main.cf"


def test_a_service_that_stays_down_after_a_return_is_told_with_its_log() -> None:
    with pytest.raises(ReturnedError) as returned:
        transact(
            "@failed reload dovecot.service", "|Fatal: no", "@down postfix@-.service",
            "|fatal: no room", "@held", "Q1\tother.example", status=71,
        )  # fmt: skip
    failed, down = returned.value.diagnostics
    assert "the old configuration is in force again" in failed.summary
    assert failed.got == "Fatal: no"
    assert down.summary.startswith("postfix@-.service did not start again")
    assert down.got == "fatal: no room"
    assert "systemctl restart postfix@-.service" in down.fix
    assert returned.value.answer.held == ["Q1\tother.example"]


def test_a_host_that_is_busy_is_no_broken_program() -> None:
    busy = session("settle", "@locked", "me since now", status=75)
    for settle in (lambda: busy.confirm("1"), lambda: busy.take_back("1", "x")):
        with pytest.raises(MailprovError, match="program is running on this host") as refusal:
            settle()
        assert refusal.value.exit_code is ExitCode.REFUSED
        assert refusal.value.diagnostics[0].got == "me since now"


def test_a_confirmation_that_came_too_late_says_what_became_of_it() -> None:
    line = "2026-11-24T12:00:00Z\t3\tconfiguration\tab\tme\treturned: not confirmed in time"
    late = session("settle", "@history", line, status=66)
    with pytest.raises(MailprovError, match="did not wait any longer") as told:
        late.confirm("3")
    assert "returned: not confirmed in time" in told.value.diagnostics[0].got


def test_what_a_return_put_on_hold_or_logged_out_is_in_the_answer() -> None:
    said = ("@ended alice", "@held", "Q1\tother.example", "@finished")
    answer = session("settle", *said, status=0).take_back("3", "it does not work")
    assert answer.held == ["Q1\tother.example"]
    assert answer.notes() == ("logged out because of changed access: alice",)

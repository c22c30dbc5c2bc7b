"""What `rollback --directory` has a host do, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.refs import ref
from support.scripted_host import OWNER, Connection, Program, ScriptedFleet, unreachable
from support.told_facts import told_history, two_hosts

from provisioner.diagnostics import Diagnostic, ExitCode
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import DriftDecision
from provisioner.verbs.restore import restore_directory

SITE = two_hosts()
MAIL = ref("mail")
GENERATION = "4139bac5294cb174"
REMEMBERED = Program("recall", told_history("12", GENERATION, snapshots=("10", "9")))
NOTHING = ["@finished"]


def restore(
    restoring: Program, drift: DriftDecision = DriftDecision.REFUSE
) -> tuple[ScriptedFleet, HostOutcome]:
    """Restore the users of transaction 9 on the mail host; no other is asked."""
    with ScriptedFleet({MAIL: [REMEMBERED, restoring]}) as fleet:
        (outcome,) = restore_directory(fleet.run_over(SITE), drift, "9")
    return fleet, outcome


def refused(lines: Sequence[str], status: int, code: ExitCode = ExitCode.REFUSED) -> Diagnostic:
    _, outcome = restore(Program("restore", lines, status, stderr="beside"))
    assert outcome.status is HostStatus.FAILED
    assert not outcome.changes
    assert outcome.error is not None
    assert outcome.error.exit_code is code
    (diagnostic,) = outcome.error.diagnostics
    assert diagnostic.where == "mail"
    return diagnostic


@pytest.mark.parametrize("drift", DriftDecision)
def test_the_host_with_users_is_asked_for_the_transaction_that_was_meant(
    drift: DriftDecision,
) -> None:
    arguments = (OWNER, "9", "12", drift.value)
    fleet, outcome = restore(Program("restore", NOTHING, arguments=arguments), drift)
    assert fleet.order == ["mail: recall", "mail: restore"]
    # No name of a generation is sent: nothing of one is wanted.
    assert fleet.call("mail: recall").stdin == b"\n"
    assert outcome.status is HostStatus.UNCHANGED
    assert (outcome.host, outcome.generation) == (MAIL, GENERATION)
    assert [host for host, _ in fleet.told] == [MAIL, MAIL]


def test_each_file_password_and_lock_is_a_change_of_users() -> None:
    lines = ["@restored /etc/dovecot/mailprov/users", "@password alice", "@locked-account bob"]
    lines += ["@ended bob", "@kept carol", "|imap", "@finished"]
    _, outcome = restore(Program("restore", lines))
    assert outcome.status is HostStatus.CHANGED
    assert [(one.kind, one.name, one.action) for one in outcome.changes] == [
        ("file", "/etc/dovecot/mailprov/users", Action.UPDATE),
        ("password", "alice", Action.UPDATE),
        ("account", "bob", Action.LOCK),
    ]
    assert {one.plane for one in outcome.changes} == {Plane.DIRECTORY}
    assert all("9" in one.reason for one in outcome.changes)
    assert outcome.notices == (
        "logged out because of changed access: bob",
        "mailprov could not end open sessions: carol (imap)",
    )
    assert outcome.error is None


def test_a_damaged_record_of_users_is_named() -> None:
    assert "/etc/x" in refused(["@damaged /etc/x"], 65).got


def test_users_that_are_not_kept_are_told_with_those_that_are() -> None:
    diagnostic = refused([], 66)
    assert (diagnostic.got, diagnostic.want) == ("9", "9, 10")


def test_where_no_users_are_kept_that_is_told() -> None:
    none = Program("recall", told_history("12", GENERATION))
    with ScriptedFleet({MAIL: [none, Program("restore", [], 66)]}) as fleet:
        (outcome,) = restore_directory(fleet.run_over(SITE), DriftDecision.REFUSE, "9")
    assert outcome.error
    assert outcome.error.diagnostics[0].want == "no users are kept there"


def test_users_of_another_kind_than_the_configuration_reads_are_refused() -> None:
    assert "another kind" in refused([], 67).summary


def test_edited_files_are_named_with_the_ways_to_decide() -> None:
    diagnostic = refused(["@edited", "/etc/a", "/etc/b"], 68)
    assert diagnostic.got == "/etc/a\n/etc/b"
    assert "--overwrite-drift" in diagnostic.fix
    assert "--keep-drift" in diagnostic.fix


def test_who_would_lock_out_this_connection_is_named() -> None:
    diagnostic = refused(["@carrier", "alice"], 69)
    assert diagnostic.got == "alice"
    assert "login" in diagnostic.want


def test_who_holds_the_host_is_named() -> None:
    assert refused(["@locked", "root@elsewhere since noon"], 75).got == "root@elsewhere since noon"


@pytest.mark.parametrize(("lines", "status"), [(NOTHING, 70), ([], 0), (["@restored /x"], 0)])
def test_a_restore_that_breaks_off_is_an_error_with_its_words(
    lines: list[str], status: int
) -> None:
    diagnostic = refused(lines, status, ExitCode.FAILED)
    assert f"exit status {status}" in diagnostic.got
    assert "beside" in diagnostic.got
    assert "restoring users" in diagnostic.summary


def test_a_host_that_is_out_of_reach_or_has_no_history_to_read_is_changed_by_nobody() -> None:
    for step in (Connection(unreachable()), Program("recall", ["@head"], status=1)):
        with ScriptedFleet({MAIL: [step]}) as fleet:
            (outcome,) = restore_directory(fleet.run_over(SITE), DriftDecision.REFUSE, "9")
        assert (outcome.host, outcome.status) == (MAIL, HostStatus.FAILED)
        assert outcome.error

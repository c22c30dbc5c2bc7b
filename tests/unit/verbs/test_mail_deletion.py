"""Mail is deleted where only users are pending, and what happened is told in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.generations import GENERATION, MAIN_CF, USERS, fulfilled, state_of, with_file
from support.refs import ref
from support.scripted_host import OWNER, Program, ScriptedFleet, unreachable

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.names import MailAddress
from provisioner.plan.diff import diff_generation
from provisioner.platforms.records import platform_named
from provisioner.resources.change import Action, Change
from provisioner.site.load import parse_site
from provisioner.verbs.mail_deletion import check_nothing_else_pends, delete_mail
from provisioner.verbs.plan import SitePlan

TEXT = """\
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users: {alice: {password: {env: A}}}
"""
ERIN = MailAddress("erin@example.org")


def differing(*paths: str) -> Facts:
    facts = fulfilled()
    for artifact in GENERATION.artifacts:
        if artifact.path in paths:
            facts = with_file(facts, artifact.path, replace(state_of(artifact), sha256="0" * 64))
    return facts


def test_users_alone_are_no_reason_to_refuse() -> None:
    plan = diff_generation(GENERATION, differing(USERS.path))
    assert plan.changes
    check_nothing_else_pends(SitePlan({ref("mail"): plan}))


def test_pending_configuration_is_a_reason_and_is_named() -> None:
    plan = diff_generation(GENERATION, differing(USERS.path, MAIN_CF.path))
    with pytest.raises(MailprovError) as refusal:
        check_nothing_else_pends(SitePlan({ref("mail"): plan}))
    assert refusal.value.exit_code is ExitCode.REFUSED
    (told,) = refusal.value.diagnostics
    assert f"mail: update file {MAIN_CF.path}" in told.got
    assert told.want


def test_a_host_that_was_never_applied_is_refused() -> None:
    plan = diff_generation(GENERATION, Facts(fulfilled().introduction))
    with pytest.raises(MailprovError, match="install package"):
        check_nothing_else_pends(SitePlan({ref("mail"): plan}))


@pytest.mark.parametrize(
    ("number", "rest"), [(9, ""), (10, ""), (11, "and 1 more"), (14, "and 4 more")]
)
def test_of_many_pending_changes_some_are_named(number: int, rest: str) -> None:
    changes = [Change("file", f"/etc/{n}", Action.UPDATE, "differs") for n in range(number)]
    plan = replace(diff_generation(GENERATION, fulfilled()), changes=tuple(changes))
    with pytest.raises(MailprovError) as refusal:
        check_nothing_else_pends(SitePlan({ref("mail"): plan}))
    rows = refusal.value.diagnostics[0].got.splitlines()
    assert rows[:10] == [f"mail: update file /etc/{n}" for n in range(min(number, 10))]
    assert rows[10:] == ([rest] if rest else [])


def test_a_host_that_could_not_be_asked_ends_it() -> None:
    error = MailprovError(Diagnostic("no way there"), ExitCode.UNREACHABLE)
    with pytest.raises(MailprovError, match="no way there") as raised:
        check_nothing_else_pends(SitePlan(errors={ref("mail"): error}))
    assert raised.value.exit_code is ExitCode.UNREACHABLE


def answered(lines: Sequence[str], status: int = 0, stderr: str = "") -> Program:
    return Program("delete_mail", lines, status, stderr)


def deleted(step: Program, more: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Delete Erin's mail; return what went, and what the host was called with."""
    site = parse_site((TEXT + more).encode(), "x").site
    with ScriptedFleet({ref("mail"): [step]}) as fleet:
        went = delete_mail(fleet.run_over(site), ERIN, platform_named("debian-12"))
    return went, fleet.calls[0].arguments


def test_a_virtual_user_s_home_is_asked_for_and_what_went_is_returned() -> None:
    went, called = deleted(answered(["@deleted /srv/vmail/example.org/erin", "@finished"]))
    assert went == ("/srv/vmail/example.org/erin",)
    assert called == (
        OWNER, "virtual", "erin@example.org", "/srv/vmail/example.org/erin", "vmail",
        "/etc/dovecot/mailprov",
    )  # fmt: skip


def test_of_a_system_account_only_the_mailbox_is_asked_for() -> None:
    more = "accounts: {kind: system, mailbox: 'mdbox:~/mail/box'}\n"
    went, called = deleted(answered(["@absent /home/erin", "@finished"]), more)
    assert went == ()
    assert called == (OWNER, "system", "erin", "/home/erin", "mailusers", "mail/box")


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (answered(["@refused", "|it is a link"], 65), ExitCode.REFUSED, "it is a link"),
        (answered(["@locked", "host-1 since noon"], 75), ExitCode.REFUSED, "host-1"),
        (
            answered(["@deleted /home/erin/Maildir", "@failed /home/erin/sieve", "|busy"], 70),
            ExitCode.FAILED,
            "these were deleted: /home/erin/Maildir",
        ),
        (answered([], 2, "sh: broken"), ExitCode.FAILED, "sh: broken"),
    ],
)
def test_what_was_not_deleted_is_told(answer: Program, code: ExitCode, told: str) -> None:
    with pytest.raises(MailprovError) as raised:
        deleted(answer)
    assert raised.value.exit_code is code
    assert told in str(raised.value)
    assert "run the command again" in str(raised.value)
    (diagnostic,) = raised.value.diagnostics
    whose = {65: "refuses", 75: "another apply"}.get(answer.status, "could not delete")
    assert whose in diagnostic.summary
    assert (diagnostic.where, "erin@example.org" in diagnostic.want) == ("mail", True)


def test_a_host_whose_state_is_a_newer_version_s_says_so() -> None:
    with pytest.raises(MailprovError, match=r"99\.0") as raised:
        deleted(answered([], 76, "@state\tnewer\t3\t99.0"))
    assert raised.value.exit_code is ExitCode.REFUSED


def test_a_lost_connection_leaves_no_doubt_about_what_is_known() -> None:
    lost = replace(answered(["@deleted /home/erin/Maildir"]), lost=unreachable("it was lost"))
    with pytest.raises(MailprovError) as raised:
        deleted(lost)
    assert raised.value.exit_code is ExitCode.UNREACHABLE
    assert "it was lost" in str(raised.value)
    assert "the user is removed, but the host did not confirm" in str(raised.value)
    assert raised.value.diagnostics[-1].where == "mail"

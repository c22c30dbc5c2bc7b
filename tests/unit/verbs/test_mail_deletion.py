"""Mail is deleted where only users are pending, and what happened is told in full."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import cast

import pytest
from support.generations import GENERATION, MAIN_CF, USERS, fulfilled, state_of, with_file
from support.refs import ref

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.names import MailAddress
from provisioner.plan.diff import diff_generation
from provisioner.platforms.records import platform_named
from provisioner.site.load import parse_site
from provisioner.verbs.mail_deletion import check_nothing_else_pends, delete_mail
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.ports import Completed
from provisioner.verbs.run import Run

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
    assert f"mail: update file {MAIN_CF.path}" in refusal.value.diagnostics[0].got


def test_a_host_that_was_never_applied_is_refused() -> None:
    plan = diff_generation(GENERATION, Facts(fulfilled().introduction))
    with pytest.raises(MailprovError, match="install package"):
        check_nothing_else_pends(SitePlan({ref("mail"): plan}))


def test_a_host_that_could_not_be_asked_ends_it() -> None:
    error = MailprovError(Diagnostic("no way there"), ExitCode.UNREACHABLE)
    with pytest.raises(MailprovError, match="no way there") as raised:
        check_nothing_else_pends(SitePlan(errors={ref("mail"): error}))
    assert raised.value.exit_code is ExitCode.UNREACHABLE


@dataclass
class Transport:
    """A host that answers one program, and notes what it was called with."""

    completed: Completed | MailprovError
    called: list[str] = field(default_factory=list)

    def run(self, _program: str, *arguments: str, **_options: object) -> Completed:
        self.called += arguments
        if isinstance(self.completed, MailprovError):
            raise self.completed
        return self.completed


def run_on(transport: Transport, more: str = "") -> Run:
    site = parse_site((TEXT + more).encode(), "x").site
    silent = SimpleNamespace(tell=lambda *_: None)
    fleet = SimpleNamespace(transport=lambda _: transport)
    return cast(
        "Run",
        SimpleNamespace(
            site=site, fleet=fleet, programs={"delete_mail": "…"}, owner="me", progress=silent
        ),
    )


def deleted(run: Run) -> tuple[str, ...]:
    return delete_mail(run, ERIN, platform_named("debian-12"))


def test_a_virtual_user_s_home_is_asked_for_and_what_went_is_returned() -> None:
    transport = Transport(Completed(0, b"@deleted /srv/vmail/example.org/erin\n@finished\n", b""))
    assert deleted(run_on(transport)) == ("/srv/vmail/example.org/erin",)
    assert transport.called == [
        "me", "virtual", "erin@example.org", "/srv/vmail/example.org/erin", "vmail",
        "/etc/dovecot/mailprov",
    ]  # fmt: skip


def test_of_a_system_account_only_the_mailbox_is_asked_for() -> None:
    transport = Transport(Completed(0, b"@absent /home/erin\n@finished\n", b""))
    more = "accounts: {kind: system, mailbox: 'mdbox:~/mail/box'}\n"
    assert deleted(run_on(transport, more)) == ()
    assert transport.called == ["me", "system", "erin", "/home/erin", "mailusers", "mail/box"]


@pytest.mark.parametrize(
    ("completed", "code", "told"),
    [
        (Completed(65, b"@refused\n|it is a link\n", b""), ExitCode.REFUSED, "it is a link"),
        (Completed(75, b"@locked\nhost-1 since noon\n", b""), ExitCode.REFUSED, "host-1"),
        (
            Completed(70, b"@deleted /home/erin/Maildir\n@failed /home/erin/sieve\n|busy\n", b""),
            ExitCode.FAILED,
            "these were deleted: /home/erin/Maildir",
        ),
        (Completed(2, b"", b"sh: broken"), ExitCode.FAILED, "sh: broken"),
    ],
)
def test_what_was_not_deleted_is_told(completed: Completed, code: ExitCode, told: str) -> None:
    with pytest.raises(MailprovError) as raised:
        deleted(run_on(Transport(completed)))
    assert raised.value.exit_code is code
    assert told in str(raised.value)
    assert "run the command again" in str(raised.value)


def test_a_lost_connection_leaves_no_doubt_about_what_is_known() -> None:
    lost = MailprovError(Diagnostic("the connection was lost"), ExitCode.UNREACHABLE)
    with pytest.raises(MailprovError) as raised:
        deleted(run_on(Transport(lost)))
    assert raised.value.exit_code is ExitCode.UNREACHABLE
    assert "the connection was lost" in str(raised.value)
    assert "the user is removed, but the host did not confirm" in str(raised.value)

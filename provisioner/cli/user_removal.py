"""`mailprov user remove NAME --delete-mail`: out of the file, off the hosts, mail gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioner.cli.composition import open_asker, open_run_over
from provisioner.cli.outcome_view import exit_code_of
from provisioner.cli.terminal import show_diagnostics, write_line, write_lines
from provisioner.cli.user_editing import OpenSite, said
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.logins import PROBE_NAME
from provisioner.model.names import MailAddress
from provisioner.model.site import Role
from provisioner.site.site_edit import EditedSite
from provisioner.site.user_edits import RemoveUser
from provisioner.verbs.apply import ApplyOptions, change_sites
from provisioner.verbs.mail_deletion import check_nothing_else_pends, delete_mail
from provisioner.verbs.outcome import HostOutcome
from provisioner.verbs.plan import plan_site
from provisioner.verbs.runs import Runs


def remove_with_mail(opened: OpenSite, address: MailAddress, *, accept_new: bool) -> int:
    """Remove a user, apply, and delete the user's mail; works for a user removed before.

    MailprovError says how far it came. Nothing is written anywhere before the hosts have
    said that nothing but users and aliases is pending.
    """
    if address.local == PROBE_NAME:
        raise _no_mail_of(address)
    edited: EditedSite | None = None
    site = opened.site
    if address in opened.keys:
        edited = opened.edited(RemoveUser(opened.keys[address]))
        site = edited.after.site
    with open_run_over(site, opened.path, (), accept_new=accept_new, quiet=False) as (run, _):
        survey = plan_site(run)
        check_nothing_else_pends(survey)
        (store,) = site.hosts_with(Role.STORE)
        platform = survey.plans[store.ref].generation.platform
        if edited is not None:
            opened.write(edited)
            write_lines(said(opened.path, f"removed {address}", edited, applied=True))
        outcomes = change_sites(Runs.over(run), open_asker, ApplyOptions())
        if failed := _told(outcomes):
            return failed
        deleted = delete_mail(run, address, platform)
    for path in deleted:
        write_line(f"{store.key}: deleted {path}")
    if not deleted and edited is None:
        raise _no_mail_of(address, applied_in_words(outcomes))
    if not deleted:
        write_line(f"{store.key}: there was no mail of {address}")
    return ExitCode.OK


def _told(outcomes: Sequence[HostOutcome]) -> ExitCode:
    """Say what came of an apply where it failed; the mail is then still there."""
    for notice in dict.fromkeys(notice for outcome in outcomes for notice in outcome.notices):
        write_line(f"note: {notice}")
    errors = [outcome.error for outcome in outcomes if outcome.error]
    for error in errors:
        show_diagnostics(error.diagnostics)
    if errors:
        told = Diagnostic(
            summary=(
                "the user is removed from the site file, but not from every host; no mail "
                "was deleted"
            ),
            fix="remove the cause above, then run the command again",
        )
        show_diagnostics([told])
    return exit_code_of(errors)


def applied_in_words(outcomes: Iterable[HostOutcome]) -> str:
    """Return what an apply did to users and aliases, a line each."""
    rows = [
        f"{outcome.host.host}: {change.action.value} {change.kind} {change.name}"
        for outcome in outcomes
        for change in outcome.changes
    ]
    if not rows:
        return "no mail; no change was pending, so nothing was changed"
    return "\n".join(["no mail; apply made the pending changes:", *rows])


def _no_mail_of(address: MailAddress, got: str = "") -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=f"{address} is neither a user nor an address with kept mail",
            got=got,
            want="a user, or a removed user with kept mail",
            fix="read `mailprov user list`",
        ),
        ExitCode.USAGE,
    )

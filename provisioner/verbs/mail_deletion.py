"""Delete the mail of a user whom the site no longer has.

It comes after an apply that took the user from the host, and the host itself refuses
while it still has the user: mail must not vanish under somebody who can log in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.mailboxes import mailbox_home
from provisioner.model.names import MailAddress
from provisioner.model.site import AccountKind, Host, Role
from provisioner.platforms.record import Platform
from provisioner.remote.protocol import ExitStatus, Section, follow, free_text
from provisioner.render.artifact import Plane
from provisioner.rooms.registry import rooms
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.run import Run

DELETE_SECONDS = 600.0
_SHOWN = 10


@dataclass
class _Answer:
    deleted: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def check_nothing_else_pends(survey: SitePlan) -> None:
    """Raise MailprovError for hosts that failed, or (refused) that need more than users.

    Deleting mail is no moment for a configuration that nobody has looked at.
    """
    errors = tuple(survey.errors.values())
    if errors:
        told = [diagnostic for error in errors for diagnostic in error.diagnostics]
        raise MailprovError(told, errors[0].exit_code)
    pending = [
        f"{ref.host}: {change.action.value} {change.kind} {change.name}"
        for ref, plan in survey.plans.items()
        for change in plan.changes
        if change.plane is not Plane.DIRECTORY
    ]
    if pending:
        more = [f"and {len(pending) - _SHOWN} more"] if len(pending) > _SHOWN else []
        raise MailprovError(
            Diagnostic(
                summary="changes other than those of users are pending; nothing was changed",
                got="\n".join([*pending[:_SHOWN], *more]),
                want="hosts that match the site file, except for users and aliases",
                fix="read `mailprov plan`, apply it, then run the command again",
            ),
            ExitCode.REFUSED,
        )


def delete_mail(run: Run, address: MailAddress, platform: Platform) -> tuple[str, ...]:
    """Delete a removed user's mail on the store and return what was deleted, as paths.

    Empty where nothing was there. platform: of the store. MailprovError says what was
    deleted and what was not.
    """
    (store,) = run.site.hosts_with(Role.STORE)
    run.progress.tell(store.ref, "deleting mail")
    try:
        completed = run.fleet.transport(store).run(
            run.programs["delete_mail"],
            run.owner,
            *_request(run, address, platform),
            timeout=DELETE_SECONDS,
            doing="deleting mail",
            keep=True,
        )
    except MailprovError as error:
        raise MailprovError((*error.diagnostics, _unheard(store)), error.exit_code) from error
    answer = _parse(completed.stdout.decode(errors="replace"))
    if completed.status == ExitStatus.UNFIT_STATE:
        raise run.session(run.fleet.transport(store)).broken("deleting mail", completed)
    if completed.status != ExitStatus.DONE:
        words = "\n".join(answer.words) or completed.stderr.decode(errors="replace").strip()
        raise _not_deleted(store, address, answer, words, completed.status)
    return tuple(answer.deleted)


def _request(run: Run, address: MailAddress, platform: Platform) -> tuple[str, ...]:
    """Return the arguments of delete_mail.sh behind the first."""
    accounts, home = run.site.accounts, mailbox_home(run.site, address)
    if accounts.kind is AccountKind.SYSTEM:
        return ("system", address.local, home, accounts.group, accounts.mailbox)
    (store,) = (one.name for one in rooms() if one.stores_mail)
    folder = f"{platform.daemons[store].config_dir}/mailprov"
    return ("virtual", address, home, accounts.group, folder)


def _parse(text: str) -> _Answer:
    answer = _Answer()
    for section, argument, line in follow(text.splitlines()):
        if line is not None:
            answer.words.append(free_text(line))
        elif section == Section.DELETED:
            answer.deleted.append(argument)
    return answer


def _unheard(store: Host) -> Diagnostic:
    return Diagnostic(
        summary="the user is removed, but the host did not confirm that the mail was deleted",
        where=str(store.key),
        fix="run the command again: it deletes the remaining mail, or reports that there is none",
    )


def _not_deleted(
    store: Host, address: MailAddress, answer: _Answer, words: str, status: int
) -> MailprovError:
    meanings: Mapping[int, str] = {
        ExitStatus.REFUSED: "the host refuses to delete the mail",
        ExitStatus.LOCKED: "another apply is running on the host",
    }
    what = meanings.get(status, "mailprov could not delete the mail, or a part of it")
    gone = ", ".join(answer.deleted) or "nothing"
    return MailprovError(
        Diagnostic(
            summary=f"{what}; the user is removed, and these were deleted: {gone}",
            where=str(store.key),
            got=words,
            want=f"the mail of {address} gone",
            fix="remove the cause above, then run the command again",
        ),
        ExitCode.REFUSED if status in {ExitStatus.REFUSED, ExitStatus.LOCKED} else ExitCode.FAILED,
    )

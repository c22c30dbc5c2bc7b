"""`rollback --directory`: bring earlier users, aliases and passwords back.

Nothing does this as a side effect: it revives removed users and old passwords, so it is
asked for by the number of a transaction. It happens on the host as a whole; no hash
travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.site import Host, Role
from provisioner.plan.history import History
from provisioner.remote.protocol import Answer, ExitStatus, Section
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.verbs.outcome import HostOutcome, HostStatus, failed
from provisioner.verbs.plan import DriftDecision
from provisioner.verbs.ports import Transport
from provisioner.verbs.recall import read_history
from provisioner.verbs.run import Run, gather
from provisioner.verbs.session import TRANSACT_SECONDS, HostSession
from provisioner.verbs.transaction_answer import read_answer


def restore_directory(run: Run, drift: DriftDecision, serial: str) -> tuple[HostOutcome, ...]:
    """Put the directory of transaction `serial` back on the hosts that have users."""

    def work(host: Host, transport: Transport) -> HostOutcome:
        run.progress.tell(host.ref, "restoring users")
        session = run.session(transport)
        history = read_history(session)
        changes, notes = _restore(run, host, session, history, (serial, drift))
        status = HostStatus.CHANGED if changes else HostStatus.UNCHANGED
        run.progress.tell(host.ref, "users restored")
        return HostOutcome(host.ref, status, history.current, changes, notices=notes)

    hosts = [host for host in run.hosts if Role.STORE in host.roles]
    told = gather(run.fleet, hosts, work)
    return tuple(
        told.values.get(host.ref) or failed(host.ref, told.errors[host.ref]) for host in hosts
    )


def _restore(
    run: Run, host: Host, session: HostSession, history: History, what: tuple[str, DriftDecision]
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return what the host changed, and what is told of users who lost their access."""
    serial, drift = what
    doing = "restoring users"
    arguments = (run.owner, serial, history.serial, drift.value)
    with session.start("restore", TRANSACT_SECONDS, doing, *arguments) as conversation:
        conversation.finish()
        lines = list(conversation.lines())
        completed = conversation.result()
    answer = Answer.read(lines)
    if completed.status != ExitStatus.DONE or not answer.ends_with(Section.FINISHED):
        said = {name: "\n".join([argument, *body]).strip() for name, argument, body in answer.parts}
        failure = _failure(completed.status, serial, history, said)
        if failure is None:
            raise session.broken(doing, completed)
        raise MailprovError(replace(failure, where=str(host.key)), ExitCode.REFUSED)
    return tuple(_changes(answer, serial)), read_answer(lines, lambda _: None).notes()


def _changes(answer: Answer, serial: str) -> Iterator[Change]:
    reason = f"as after transaction {serial}"
    for name, argument, _ in answer.parts:
        match name:
            case Section.RESTORED:
                yield Change("file", argument, Action.UPDATE, reason, plane=Plane.DIRECTORY)
            case Section.PASSWORD:
                yield Change("password", argument, Action.UPDATE, reason, plane=Plane.DIRECTORY)
            case Section.LOCKED_ACCOUNT:
                yield Change("account", argument, Action.LOCK, reason, plane=Plane.DIRECTORY)


def _failure(
    status: int, serial: str, history: History, said: Mapping[str, str]
) -> Diagnostic | None:
    """Return what a program means that refused, by its exit status; None if it just broke."""
    kept = ", ".join(sorted(history.snapshots, key=int))
    refusals: Mapping[int, Diagnostic] = {
        ExitStatus.REFUSED: Diagnostic(
            summary="the record of that transaction on the host is damaged; nothing was changed",
            got=f"another content of {said.get(Section.DAMAGED, '')}",
            fix="choose another transaction, or apply a site file",
        ),
        ExitStatus.ABSENT: Diagnostic(
            summary="the host has no users of that transaction",
            got=serial,
            want=kept or "no users are kept there",
            fix="`mailprov history` lists them",
        ),
        ExitStatus.UNSUITABLE: Diagnostic(
            summary="those users are of another kind than the present configuration; nothing "
            "was changed",
            fix="apply the site file of that time, which has both",
        ),
        ExitStatus.EDITED: Diagnostic(
            summary="files of users were edited on the host since the last apply; nothing was "
            "changed there",
            got=said.get(Section.EDITED, ""),
            fix="--overwrite-drift restores the earlier files, --keep-drift keeps the present ones",
        ),
        ExitStatus.CARRIER: Diagnostic(
            summary="those users change the password or the lock of an account that this "
            "connection or its sudo needs; nothing was changed",
            got=said.get(Section.CARRIER, ""),
            want="a login that is not a mail account",
            fix="use another login (hosts.K.ssh.user), then run the command again",
        ),
        ExitStatus.LOCKED: Diagnostic(
            summary="another apply is running on this host, or has just ended",
            got=said.get(Section.LOCKED, ""),
            fix="wait until it has ended, then try again",
        ),
    }
    return refusals.get(status)

"""The plan back to an earlier configuration: recalled generation and facts in, plan out.

The directory plane has no part in it. Whatever users, aliases and passwords there are now
stay, because the recalled generation has none and the facts are compared without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.model.site import Host
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.drift import find_drift
from provisioner.plan.generation import AS_FOUND, Generation, user_files
from provisioner.render.artifact import Plane, SealedArtifact
from provisioner.resources.change import Action, Change


def diff_recalled(generation: Generation, facts: Facts, *, keep_drift: bool = False) -> Plan:
    """Return the plan that brings the configuration back and leaves the directory alone.

    generation: recalled, with the secrets that the host has now. keep_drift: leave files
    alone that somebody else changed. Raises MailprovError (refused) for an edited secret
    that would have to be overwritten: nobody has its content but the host.
    """
    configuration = without_directory(facts)
    _refuse_edited_secrets(generation, configuration, keep_drift=keep_drift)
    plan = diff_generation(generation, configuration, keep_drift=keep_drift)
    changes = [_as_configuration(change) for change in plan.changes if not _is_directory(change)]
    if generation.as_found:
        changes = list(_as_found(changes))
    return replace(plan, changes=tuple(changes))


def without_directory(facts: Facts) -> Facts:
    """Return the facts as if the host had no users."""
    introduction = facts.introduction
    left = {
        path: file for path, file in introduction.left.items() if file.plane is Plane.CONFIGURATION
    }
    return replace(
        facts,
        introduction=replace(
            introduction, left=left, managed_accounts=frozenset(), activating={}, credentials={}
        ),
    )


def refuse_other_users(host: Host, generation: Generation, facts: Facts) -> None:
    """Raise MailprovError (refused) where the configuration could not read today's users.

    A site that changes the kind of its accounts, or has so many more or fewer of them that
    they are kept in another way, changes what its daemons read: the old configuration with
    the new files would refuse valid mail.
    """
    left = facts.introduction.left
    now = user_files(path for path, file in left.items() if file.plane is Plane.DIRECTORY)
    if generation.as_found or generation.user_files == now:
        return
    raise MailprovError(
        Diagnostic(
            summary="that configuration keeps its users in files that are gone; nothing was "
            "changed",
            where=str(host.key),
            got=f"users in {', '.join(now) or 'no file'}",
            want=f"users in {', '.join(generation.user_files) or 'no file'}",
            fix="apply the site file of that time, which has the users",
        ),
        ExitCode.REFUSED,
    )


def _refuse_edited_secrets(generation: Generation, facts: Facts, *, keep_drift: bool) -> None:
    sealed = {a.path for a in generation.artifacts if isinstance(a, SealedArtifact)}
    edited = sealed & find_drift(generation, facts).keys()
    if edited and not keep_drift:
        raise MailprovError(
            [
                Diagnostic(
                    summary="a secret file was edited on the host since the last apply, and a "
                    "rollback has no copy of it; nothing was changed there",
                    where=f"{generation.host}:{path}",
                    fix="apply the site file, which has the secret, or roll back with --keep-drift",
                )
                for path in sorted(edited)
            ],
            ExitCode.REFUSED,
        )


def _is_directory(change: Change) -> bool:
    """Tell whether a change would have the host forget its users."""
    return change.kind == "record" and change.plane is Plane.DIRECTORY


def _as_configuration(change: Change) -> Change:
    """Return the change as one that has to be confirmed: a daemon's account or folder."""
    return replace(change, plane=Plane.CONFIGURATION)


def _as_found(changes: list[Change]) -> Iterator[Change]:
    """Yield the changes with every service stopped before, and started after its files."""
    retired = [change for change in changes if change.action is Action.RETIRE]
    for change in retired:
        yield replace(change, reason="stopped, and not started at boot")
    for change in changes:
        if change.action is Action.REMOVE:
            yield replace(change, reason="removed, or restored as found")
    for change in retired:
        yield replace(change, action=Action.RESTORE, reason="as it was found")
    yield from (change for change in changes if change.kind == "record")


def is_at_rest(facts: Facts) -> bool:
    """Tell whether there is no configuration of mailprov's on the host."""
    return facts.introduction.generation in {None, AS_FOUND}

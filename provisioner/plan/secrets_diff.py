"""What is particular about the files of daemons' secrets in a plan.

They change with users' files, at once and whatever becomes of the configuration. Only who goes
with a configuration stays until that is confirmed: the one before would not work without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.plan.generation import Generation
from provisioner.render.artifact import Plane
from provisioner.render.daemon_secrets import SECRETS_FOLDER, SecretFile, is_secret_path
from provisioner.resources.change import Action, Change
from provisioner.resources.file import is_known
from provisioner.resources.file_state import LeftFile

_SHORTEST = 4
_NAMED = re.compile(rf"/[\w./-]*{SECRETS_FOLDER}[\w.-]+")


def leaving_secrets(changes: Iterable[Change], facts: Facts) -> Mapping[str, LeftFile]:
    """Return the secrets that changes remove, where the configuration changes too."""
    listed = list(changes)
    if not any(change.plane is Plane.CONFIGURATION for change in listed):
        return {}
    return {
        change.name: facts.introduction.left[change.name]
        for change in listed
        if change.action is Action.REMOVE and is_secret_path(change.name)
    }


def without_secrets(generation: Generation, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that a host said of a generation, without the secrets that it brings."""
    files = (one for one in generation.artifacts if isinstance(one, SecretFile))
    # What is shorter is no secret, and would make holes in every other word.
    hidden = [text for file in files for text in file.hidden if len(text) >= _SHORTEST]
    for line in lines:
        shown = line
        for text in hidden:
            shown = shown.replace(text, "(secret)")
        yield shown


def refuse_unread_secrets(generation: Generation, changes: Iterable[Change]) -> None:
    """Raise MailprovError (invalid site) where a secret has to be written that nobody read."""
    unread = {
        artifact.path
        for artifact in generation.artifacts
        if artifact.plane is Plane.SECRETS and not is_known(artifact)
    }
    named = [change.name for change in changes if change.kind == "file" and change.name in unread]
    if named:
        raise MailprovError(
            [
                Diagnostic(
                    summary="mailprov must write a secret, but cannot read its reference",
                    where=f"{generation.host}:{path}",
                    got="a file that differs from the last apply",
                    want="the secret, at the place that the site file names",
                    fix=(
                        "set the variable, or make the file or the command work; then run "
                        "the command again"
                    ),
                )
                for path in named
            ],
            ExitCode.INVALID_SITE,
        )


def refuse_lost_secrets(generation: Generation, facts: Facts) -> None:
    """Raise MailprovError (refused) where an earlier configuration reads a secret that is gone.

    generation: recalled. No history has a copy of a secret, so that no rollback revives one.
    """
    named = {
        path
        for artifact in generation.artifacts
        for path in _NAMED.findall(artifact.content.decode(errors="replace"))
    }
    lost = sorted(named - facts.introduction.left.keys())
    if lost:
        raise MailprovError(
            Diagnostic(
                summary="that configuration needs a secret that the host no longer has, and a "
                "rollback cannot restore it; nothing was changed",
                where=str(generation.host),
                got=f"no {', '.join(lost)}",
                want="the secret that its daemons use",
                fix="apply the site file of that time, which has the secret",
            ),
            ExitCode.REFUSED,
        )

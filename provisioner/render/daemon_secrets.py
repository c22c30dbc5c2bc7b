"""The files that hold a secret of a daemon: each has one, and lies in a folder of its own.

By the folder a host tells them from users' files: none of them is ever copied to its history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.problems import KeyPath
from provisioner.model.secrets import DaemonSecrets
from provisioner.platforms.record import Daemon
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.environment import TEMPLATES
from provisioner.render.quoting import Quoted

SECRETS_FOLDER = "/mailprov/secrets/"
"""Below a daemon's own folder, where a host's security module lets the daemon read. The remote
program knows it too (remote/core/prelude.sh, `without_secrets`)."""

# A line, and the row of a lookup table.
_PLACEHOLDERS = {False: "not-read", True: "not-read not-read"}


@dataclass(frozen=True)
class SecretFile(Artifact):
    """A file with a daemon's secret. place: where the site file names that.

    unread: a placeholder stands where the secret will be. hidden: what nobody may be shown,
    though a daemon's checker says it.
    """

    place: KeyPath = ()
    unread: bool = False
    hidden: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SecretFileView:
    """What the template of a secret's file prints: the keyed digest, and the daemon's lines."""

    tag: Quoted
    lines: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class SecretForm:
    """How a daemon reads a secret.

    lines: the secret in the daemon's language. rows: it is a lookup table, and not one line.
    """

    daemon: Daemon
    lines: Callable[[str], tuple[Quoted, ...]]
    rows: bool = False


def held_path(config_dir: str, *names: str) -> str:
    """Return where the secret of a value in a daemon's own words lies, by the value's names."""
    return f"{config_dir}{SECRETS_FOLDER}{'-'.join(names).replace('/', '-')}"


def is_secret_path(path: str) -> bool:
    """Tell whether a file holds a secret of a daemon."""
    return SECRETS_FOLDER in path


def secret_file(
    path: str,
    place: KeyPath,
    secrets: DaemonSecrets,
    form: SecretForm,
) -> SecretFile:
    """Return the file with the secret of a place.

    Raises MailprovError (invalid site) where the language cannot express the secret, which it
    does not show.
    """
    known = secrets.known.get(place)
    text, tag = (known.text, known.tag) if known else (_PLACEHOLDERS[form.rows], "not-read")
    view = SecretFileView(Quoted(tag), form.lines(text))
    content = TEMPLATES.render("secrets/file", view)
    return SecretFile(
        path,
        content,
        mode=0o600,
        secret=True,
        plane=Plane.SECRETS,
        daemons=(form.daemon,),
        rank=35,
        place=place,
        unread=known is None,
        hidden=tuple(_telling(known.text)) if known else (),
    )


def _telling(secret: str) -> Iterator[str]:
    """Yield the secret, and where it is a lookup table what stands in its rows; longest first."""
    for row in secret.splitlines():
        value = row.split(maxsplit=1)[-1].strip()
        yield from sorted({row, value, value.rpartition(":")[2]}, key=len, reverse=True)


def hidden(quote: Callable[[str], Quoted], value: str) -> Quoted:
    """Return the quoted value; MailprovError that shows none of it where it cannot be written."""
    try:
        return quote(value)
    except MailprovError as refusal:
        (told,) = refusal.diagnostics
        raise MailprovError(
            Diagnostic(told.summary, told.where, "a secret", told.want, "change the secret"),
            ExitCode.INVALID_SITE,
        ) from None

"""The files that hold a secret of a daemon: each has one, and lies in a folder of its own.

By the folder a host tells them from users' files: none of them is ever copied to its history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.daemon_secrets import RELAY_PASSWORD
from provisioner.model.problems import KeyPath
from provisioner.model.secrets import DaemonSecrets
from provisioner.model.site import Relay
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.environment import render_template
from provisioner.render.quoting import Quoted, texthash_key, texthash_value

SECRETS_FOLDER = "/mailprov/secrets/"
"""Below a daemon's own folder, where a host's security module lets the daemon read. The remote
program knows it too (ssh/remote/prelude.sh, `without_secrets`)."""

_PLACEHOLDER = "not-read"


@dataclass(frozen=True)
class SecretFile(Artifact):
    """A file with a daemon's secret. place: where the site file names that.

    unread: a placeholder stands where the secret will be.
    """

    place: KeyPath = ()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class SecretFileView:
    """What the template of a secret's file prints: the keyed digest, and the daemon's lines."""

    tag: Quoted
    lines: tuple[Quoted, ...]


def is_secret_path(path: str) -> bool:
    """Tell whether a file holds a secret of a daemon."""
    return SECRETS_FOLDER in path


def render_relay_login(
    relay: Relay, platform: Platform, secrets: DaemonSecrets
) -> Iterator[Artifact]:
    """Yield the lookup table with the login at the relay, where there is one."""
    if relay.user is not None:
        yield _secret_file(
            relay_login_path(relay, platform),
            RELAY_PASSWORD,
            secrets,
            lambda password: (relay_login_row(relay, password),),
            "postfix",
        )


def relay_login_path(relay: Relay, platform: Platform) -> str:
    """Return where the login at the relay lies.

    Another relay, or another name there, is another file: main.cf names the one that fits.
    """
    about = f"{nexthop(relay)} {relay.user}".encode()
    name = f"relay-{hashlib.sha256(about).hexdigest()[:12]}"
    return f"{platform.daemons['postfix'].config_dir}{SECRETS_FOLDER}{name}"


def relay_login_row(relay: Relay, password: str) -> Quoted:
    """Return the row of smtp_sasl_password_maps (postconf(5)); MailprovError for an unfit password.

    smtp(8) looks the next hop up as relayhost has it.
    """
    key = texthash_key(nexthop(relay))
    return Quoted(f"{key} {_hidden(texthash_value, f'{relay.user}:{password}')}")


def nexthop(relay: Relay) -> str:
    """Return the relay as Postfix's next hop; the brackets keep it from looking for an MX."""
    return f"[{relay.host}]:{relay.port}"


def _secret_file(
    path: str,
    place: KeyPath,
    secrets: DaemonSecrets,
    lines: Callable[[str], tuple[Quoted, ...]],
    daemon: Daemon,
) -> Artifact:
    known = secrets.known.get(place)
    text, tag = (known.text, known.tag) if known else (_PLACEHOLDER, _PLACEHOLDER)
    view = SecretFileView(Quoted(tag), lines(text))
    content = render_template("secrets/file", view)
    return SecretFile(
        path,
        content,
        mode=0o600,
        secret=True,
        plane=Plane.SECRETS,
        daemons=(daemon,),
        rank=35,
        place=place,
        unread=known is None,
    )


def _hidden(quote: Callable[[str], Quoted], value: str) -> Quoted:
    """Return the quoted value; MailprovError that shows none of it where it cannot be written."""
    try:
        return quote(value)
    except MailprovError as refusal:
        (told,) = refusal.diagnostics
        raise MailprovError(
            Diagnostic(told.summary, told.where, "a secret", told.want, "change the secret"),
            ExitCode.INVALID_SITE,
        ) from None

"""The files that hold a secret of a daemon: each has one, and lies in a folder of its own.

By the folder a host tells them from users' files: none of them is ever copied to its history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.daemon_secrets import RELAY_PASSWORD, has_rows
from provisioner.model.problems import KeyPath
from provisioner.model.secrets import DaemonSecrets, HeldSecret
from provisioner.model.site import PostfixExtra, Relay
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.environment import render_template
from provisioner.render.quoting import Quoted, texthash_key, texthash_value

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


def held_path(config_dir: str, *names: str) -> str:
    """Return where the secret of a value in a daemon's own words lies, by the value's names."""
    return f"{config_dir}{SECRETS_FOLDER}{'-'.join(names).replace('/', '-')}"


def render_postfix_secrets(
    extra: PostfixExtra, platform: Platform, secrets: DaemonSecrets
) -> tuple[PostfixExtra, tuple[Artifact, ...]]:
    """Return the site's own parameters with lookup tables in place of secrets, and the tables."""
    folder = platform.daemons["postfix"].config_dir
    tables: list[Artifact] = []

    def named(value: str, *names: str) -> str:
        if not isinstance(value, HeldSecret):
            return value
        path = held_path(folder, *names)
        place = ("postfix", *names)
        tables.append(secret_file(path, place, secrets, table_rows, "postfix"))
        return f"{platform.postfix.map_type}:{path}"

    main = {name: named(value, "main", name) for name, value in extra.main.items()}
    master = {
        service: {name: named(value, "master", service, name) for name, value in options.items()}
        for service, options in extra.master.items()
    }
    return PostfixExtra(main=main, master=master), tuple(tables)


def table_rows(text: str) -> tuple[Quoted, ...]:
    """Return the rows of a lookup table, which the secret is as it stands."""
    return tuple(Quoted(line) for line in text.splitlines() if line.strip())


def is_secret_path(path: str) -> bool:
    """Tell whether a file holds a secret of a daemon."""
    return SECRETS_FOLDER in path


def render_relay_login(
    relay: Relay, platform: Platform, secrets: DaemonSecrets
) -> Iterator[Artifact]:
    """Yield the lookup table with the login at the relay, where there is one."""
    if relay.user is not None:
        yield secret_file(
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
    return Quoted(f"{key} {hidden(texthash_value, f'{relay.user}:{password}')}")


def nexthop(relay: Relay) -> str:
    """Return the relay as Postfix's next hop; the brackets keep it from looking for an MX."""
    return f"[{relay.host}]:{relay.port}"


def secret_file(
    path: str,
    place: KeyPath,
    secrets: DaemonSecrets,
    lines: Callable[[str], tuple[Quoted, ...]],
    daemon: Daemon,
) -> SecretFile:
    """Return the file with the secret of a place. lines: in the daemon's language.

    Raises MailprovError (invalid site) where the language cannot express the secret, which it
    does not show.
    """
    known = secrets.known.get(place)
    text, tag = (known.text, known.tag) if known else (_PLACEHOLDERS[has_rows(place)], "not-read")
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

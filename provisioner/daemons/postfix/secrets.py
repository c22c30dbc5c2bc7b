"""The secrets that Postfix uses: each a lookup table in a file of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from provisioner.daemons.postfix.habits import habits
from provisioner.daemons.postfix.quoting import texthash_key, texthash_value
from provisioner.model.daemon_secrets import RELAY_PASSWORD
from provisioner.model.secrets import DaemonSecrets, HeldSecret
from provisioner.model.site import PostfixExtra, Relay
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact
from provisioner.render.daemon_secrets import (
    SECRETS_FOLDER,
    SecretForm,
    held_path,
    hidden,
    secret_file,
)
from provisioner.render.quoting import Quoted


def render_postfix_secrets(
    extra: PostfixExtra, platform: Platform, secrets: DaemonSecrets
) -> tuple[PostfixExtra, tuple[Artifact, ...]]:
    """Return the site's own parameters with lookup tables in place of secrets, and the tables."""
    folder = platform.daemons["postfix"].config_dir
    tables: list[Artifact] = []
    form = SecretForm("postfix", table_rows, rows=True)

    def named(value: str, *names: str) -> str:
        if not isinstance(value, HeldSecret):
            return value
        path = held_path(folder, *names)
        place = ("postfix", *names)
        tables.append(secret_file(path, place, secrets, form))
        return f"{habits(platform).map_type}:{path}"

    main = {name: named(value, "main", name) for name, value in extra.main.items()}
    master = {
        service: {name: named(value, "master", service, name) for name, value in options.items()}
        for service, options in extra.master.items()
    }
    return PostfixExtra(main=main, master=master), tuple(tables)


def table_rows(text: str) -> tuple[Quoted, ...]:
    """Return the rows of a lookup table, which the secret is as it stands."""
    return tuple(Quoted(line) for line in text.splitlines() if line.strip())


def render_relay_login(
    relay: Relay, platform: Platform, secrets: DaemonSecrets
) -> Iterator[Artifact]:
    """Yield the lookup table with the login at the relay, where there is one."""
    if relay.user is not None:
        yield secret_file(
            relay_login_path(relay, platform),
            RELAY_PASSWORD,
            secrets,
            SecretForm("postfix", lambda password: (relay_login_row(relay, password),)),
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

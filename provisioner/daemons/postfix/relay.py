"""How Postfix sends by a smarthost: what main.cf says of it, and whom it trusts to vouch for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.daemons.postfix.habits import habits
from provisioner.daemons.postfix.secrets import nexthop, relay_login_path
from provisioner.model.site import Relay
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact

# PEM allows text before the first block (RFC 7468 section 2).
_HEAD = b"Managed by mailprov: authorities that `relay.ca_file` in site.yaml names.\n"
_PLACEHOLDER = b"(the certificates are read when the site is applied)\n"


@dataclass(frozen=True, slots=True)
class RelayView:
    """What the template of main.cf prints of the relay.

    login: a lookup table, or empty. cleartext_reason: why there need be no TLS, or empty.
    """

    nexthop: str
    tls: bool
    wrapped: bool
    ca_file: str
    login: str
    cleartext_reason: str


def relay_view(
    relay: Relay, platform: Platform, authorities: bytes | None, cleartext_reason: str
) -> RelayView:
    """Return what main.cf says of a relay."""
    login = relay_login_path(relay, platform) if relay.user is not None else ""
    own_ca = relay.ca_file is not None
    return RelayView(
        nexthop=nexthop(relay),
        tls=relay.tls != "none",
        wrapped=relay.tls == "wrapped",
        ca_file=_ca_path(platform, authorities) if own_ca else platform.ca_bundle,
        login=f"{habits(platform).map_type}:{login}" if login else "",
        cleartext_reason=cleartext_reason,
    )


def render_relay_ca(
    relay: Relay, platform: Platform, authorities: bytes | None
) -> Iterator[Artifact]:
    """Yield the certificates that `relay.ca_file` names; a note in their place when offline."""
    if relay.ca_file is not None:
        path = _ca_path(platform, authorities)
        content = _HEAD + (authorities or _PLACEHOLDER)
        yield Artifact(path, content, daemons=("postfix",), rank=40)


def _ca_path(platform: Platform, authorities: bytes | None) -> str:
    # Named by its content: no process reads new authorities beside the main.cf before.
    name = hashlib.sha256(authorities or _PLACEHOLDER).hexdigest()[:12]
    return f"{platform.daemons['postfix'].config_dir}/mailprov/relay-ca-{name}.pem"

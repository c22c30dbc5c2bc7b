"""The certificate that a host's daemons show, and what is said where there is none.

One PEM file holds key and chain, so that both change in one rename and never disagree.
Where each host makes its own, nothing is rendered: the key never leaves the host.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Allowance, Site, TlsFiles
from provisioner.platforms.record import Daemon
from provisioner.render.artifact import Artifact

CHAIN_PATH = "/etc/mailprov/tls/site.pem"

# PEM allows text before the first block (RFC 7468 section 2).
_HEAD = b"Managed by mailprov: key and certificates that `tls.files` in site.yaml names.\n"
_PLACEHOLDER = b"(the key and the certificates are read when the site is applied)\n"


def cleartext_reason(site: Site) -> str:
    """Return what allows passwords in the clear, and why; empty where nothing does.

    Where there is no TLS at all, that is the reason.
    """
    for allowance in (Allowance.CLEARTEXT_LOGIN, Allowance.NO_TLS):
        if allowance in site.allow_insecure:
            return f"{allowance}: {site.allow_insecure[allowance]}"
    return ""


def render_tls_chain(
    site: Site, secrets: SiteSecrets, readers: tuple[Daemon, ...]
) -> Iterator[Artifact]:
    """Yield the operator's own key and certificates; a note in their place when offline.

    readers: the daemons of the host that show the certificate.
    """
    if not isinstance(site.tls, TlsFiles):
        return
    yield Artifact(
        CHAIN_PATH,
        _HEAD + (secrets.tls_chain or _PLACEHOLDER),
        mode=0o600,
        secret=True,
        daemons=readers,
        rank=10,
    )

"""The certificate that a host's daemons show, and what is said where there is none.

One PEM file holds key and chain, so that both change in one rename and never disagree.
Where each host makes its own, nothing is rendered: the key never leaves the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Allowance, Site, TlsFiles
from provisioner.model.topology import Link, Tcp
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact

CHAIN_PATH = "/etc/mailprov/tls/site.pem"
PEERS_PATH = "/etc/mailprov/tls/peers.pem"
"""The certificates of the hosts that a host delivers to or passes logins on to."""

# PEM allows text before the first block (RFC 7468 section 2).
_HEAD = b"Managed by mailprov: key and certificates that `tls.files` in site.yaml names.\n"
_PLACEHOLDER = b"(the key and the certificates are read when the site is applied)\n"


_PEERS_HEAD = b"Managed by mailprov: certificates of the site's hosts that this one connects to.\n"
_PEER_PLACEHOLDER = "(the certificate of {} is read from that host when the site is applied)\n"


def trust_path(site: Site, platform: Platform) -> str:
    """Return the file with the authorities for other hosts' certificates.

    Where each host makes its own certificate, each is its own authority: it says of itself that
    it may sign for nobody. An operator's own are of an authority that the system trusts.
    """
    return platform.ca_bundle if isinstance(site.tls, TlsFiles) else PEERS_PATH


def render_peers(
    site: Site, links: Iterable[Link], secrets: SiteSecrets, readers: tuple[Daemon, ...]
) -> Iterator[Artifact]:
    """Yield the certificates of the hosts that a host's links lead to with TLS.

    readers: as in `render_tls_chain`. A note stands in the place of one that nobody asked for yet.
    """
    peers = dict.fromkeys(
        link.server for link in links if isinstance(link.way, Tcp) and link.way.tls
    )
    if not peers or isinstance(site.tls, TlsFiles):
        return
    known = secrets.certificates
    each = (known.get(peer) or _PEER_PLACEHOLDER.format(peer).encode() for peer in peers)
    yield Artifact(PEERS_PATH, _PEERS_HEAD + b"".join(each), daemons=readers, rank=10)


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

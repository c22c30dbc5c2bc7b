"""The site's ports in the language of the firewall that runs on a host.

What is written is a file of mailprov's own that comes, changes and goes like every other; the
operator's rules stay as they are (docs/decisions/0024-a-firewall-is-the-operators.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.model.services import LMTP_PORT, services_of
from provisioner.model.site import Host, IPAddress, Site
from provisioner.model.topology import deliverers
from provisioner.render.artifact import Artifact
from provisioner.render.environment import TEMPLATES
from provisioner.render.nature import Firewall, FirewallKind
from provisioner.render.quoting import Quoted

FIREWALLD_POLICY = "/etc/firewalld/policies/mailprov.xml"
UFW_APPLICATION = "/etc/ufw/applications.d/mailprov"
NFTABLES_PROGRAM = "/etc/mailprov/open-ports"
NFTABLES_UNIT_PART = "/etc/systemd/system/nftables.service.d/mailprov.conf"


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """An address of another host of the site. version: of IP."""

    version: int
    address: Quoted


@dataclass(frozen=True, slots=True)
class FirewallView:
    """What the templates print. udp: those ports that take datagrams too.

    lmtp: the port that is open to the site's own hosts only. peers: their addresses.
    """

    zone: str
    tcp: tuple[int, ...]
    udp: tuple[int, ...]
    lmtp: int
    peers: tuple[PeerAddress, ...]


def render_firewall(site: Site, host: Host, firewall: Firewall) -> tuple[Artifact, ...]:
    """Return the files that open the host's ports, and no others.

    They come after the daemons: until they listen there is nothing to open.
    """
    services = services_of(site, host)
    ports = tuple(service.port for service in services)
    udp = tuple(service.port for service in services if service.datagrams)
    peers = tuple(PeerAddress(one.version, Quoted(str(one))) for one in peers_of(site, host))
    view = FirewallView(firewall.zone, ports, udp, LMTP_PORT, peers)
    return tuple(
        Artifact(path, TEMPLATES.render(template, view), rank=98)
        for path, template in _files(firewall.kind)
    )


def peers_of(site: Site, host: Host) -> tuple[IPAddress, ...]:
    """Return the addresses of the hosts that deliver to a host by LMTP."""
    return tuple(address for one in deliverers(site, host) for address in one.addresses)


def firewall_notices(site: Site, host: Host, firewall: Firewall) -> Iterator[str]:
    """Yield what the host's firewall cannot be told: ufw's applications are open to everybody."""
    peers = peers_of(site, host)
    if peers and firewall.kind == "ufw":
        yield (
            f"{host.key}: ufw is not opened for port {LMTP_PORT}, by which other hosts deliver: "
            f"`ufw allow proto tcp from ADDRESS to any port {LMTP_PORT}` for each of "
            f"{', '.join(map(str, peers))}"
        )


def _files(kind: FirewallKind) -> Iterator[tuple[str, str]]:
    match kind:
        case "firewalld":  # firewalld.policy(5)
            yield FIREWALLD_POLICY, "firewalld/policies/mailprov.xml"
        case "ufw":  # ufw(8), APPLICATION INTEGRATION
            yield UFW_APPLICATION, "ufw/applications.d/mailprov"
        case "nftables":  # nft(8); systemd.unit(5), drop-in
            yield NFTABLES_PROGRAM, "nftables/open-ports"
            yield NFTABLES_UNIT_PART, "nftables/nftables.service.d/mailprov.conf"

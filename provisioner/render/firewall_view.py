"""The site's ports in the language of the firewall that runs on a host.

What is written is a file of mailprov's own that comes, changes and goes like every other; the
operator's rules stay as they are (docs/decisions/0024-a-firewall-is-the-operators.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.model.services import services_of
from provisioner.model.site import Host, Site
from provisioner.render.artifact import Artifact
from provisioner.render.environment import TEMPLATES
from provisioner.render.nature import Firewall, FirewallKind

FIREWALLD_POLICY = "/etc/firewalld/policies/mailprov.xml"
UFW_APPLICATION = "/etc/ufw/applications.d/mailprov"
NFTABLES_PROGRAM = "/etc/mailprov/open-ports"
NFTABLES_UNIT_PART = "/etc/systemd/system/nftables.service.d/mailprov.conf"


@dataclass(frozen=True, slots=True)
class FirewallView:
    """What the templates print. udp: those ports that take datagrams too."""

    zone: str
    tcp: tuple[int, ...]
    udp: tuple[int, ...]


def render_firewall(site: Site, host: Host, firewall: Firewall) -> tuple[Artifact, ...]:
    """Return the files that open the host's ports, and no others.

    They come after the daemons: until they listen there is nothing to open.
    """
    services = services_of(site, host)
    ports = tuple(service.port for service in services)
    udp = tuple(service.port for service in services if service.datagrams)
    view = FirewallView(firewall.zone, ports, udp)
    return tuple(
        Artifact(path, TEMPLATES.render(template, view), rank=98)
        for path, template in _files(firewall.kind)
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

"""What Unbound needs of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.daemons.unbound.habits import habits
from provisioner.daemons.unbound.quoting import TEMPLATES
from provisioner.daemons.unbound.view import render_unbound, unbound_interfaces
from provisioner.model.services import DNS_PORT
from provisioner.model.site import IPAddress
from provisioner.platforms.record import Platform
from provisioner.probes.unix_sockets import UnixSocket
from provisioner.render.artifact import Artifact
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener
from provisioner.rooms.addresses import listed_addresses
from provisioner.rooms.room import Behaviour, Carrier


class UnboundBehaviour(Behaviour):
    """Unbound's files, its trust anchor, and the ports of the resolver."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield Unbound's files."""
        yield from render_unbound(
            carrier.site, carrier.host, carrier.platform, carrier.secrets.daemons
        )
        # What keeps resolvconf(8) from telling Unbound whom to ask.
        path = habits(carrier.platform).resolvconf_switch
        managed = "resolvconf" in carrier.nature.resolver_managers
        if managed and path and not carrier.host.keeps_resolver:
            # Before Unbound starts. A reload forgets what resolvconf has told it since.
            content = TEMPLATES.render("unbound/default/unbound", None)
            yield Artifact(path, content, daemons=("unbound",), rank=20)

    def recipes(self, carrier: Carrier) -> Iterator[Recipe]:
        """Yield the trust anchor, a file that Unbound itself keeps up to date (RFC 5011)."""
        own = habits(carrier.platform)
        command = " ".join(own.anchor_command)
        yield Recipe("trust-anchor", own.anchor, command, own.user, own.user, 0o644)

    def listeners(self, carrier: Carrier) -> Iterator[Listener]:
        """Yield the resolver's ports; unbound.conf(5) writes an interface as address@port."""
        options = carrier.site.unbound.get("server", {})
        default = _number(options.get("port", ()), DNS_PORT)
        by_port: dict[int, list[IPAddress]] = {}
        for interface in options.get("interface", unbound_interfaces(carrier.host)):
            text, _, port = interface.partition("@")
            by_port.setdefault(_number([port], default), []).extend(listed_addresses(text))
        for number, addresses in by_port.items():
            for transport in ("tcp", "udp"):
                yield Listener("unbound", transport, number, tuple(addresses))

    def sockets(self, platform: Platform) -> Iterator[UnixSocket]:
        """Yield the socket of unbound-control(8)."""
        yield UnixSocket(habits(platform).control, "unbound", "unbound-control", "root")


def _number(texts: Iterable[str], otherwise: int) -> int:
    return next((int(text) for text in texts if text.isascii() and text.isdigit()), otherwise)


BEHAVIOUR = UnboundBehaviour()

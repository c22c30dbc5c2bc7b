"""Where Postfix delivers users' mail: to Dovecot on this host, or on the host of their store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.daemons.postfix.habits import habits
from provisioner.daemons.postfix.maps import MapRow
from provisioner.directory.inline import directory_of
from provisioner.model.names import HostKey
from provisioner.model.site import Role, Site
from provisioner.model.topology import LinkService, Tcp, Unix
from provisioner.platforms.record import Platform
from provisioner.render.tls_chain import trust_path
from provisioner.rooms.room import Carrier


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """What the templates print of deliveries.

    transport: of whoever has no row of its own. rows: whether there are such rows. remote: how many
    deliveries to other hosts there are at once. trust: the authorities for their certificates,
    empty where the site has no TLS.
    """

    transport: str
    rows: bool
    remote: int
    trust: str


# To each host as many as Postfix allows to one destination where nothing is said (postconf(5)).
_DELIVERIES = 20


def delivery_view(carrier: Carrier) -> DeliveryView:
    """Return how mail gets to the stores from a host."""
    by_store = _transports(carrier)
    remote = sum(isinstance(way, Tcp) for way in _ways(carrier).values())
    tls = carrier.site.tls != "none"
    return DeliveryView(
        transport=by_store[_first(carrier.site)],
        rows=len(by_store) > 1,
        remote=_DELIVERIES * remote,
        trust=trust_path(carrier.site, carrier.platform) if remote and tls else "",
    )


def transport_rows(carrier: Carrier) -> Iterator[MapRow]:
    """Yield the users whose mail is not on the first store, each with the way there.

    It is transport(5): Postfix looks up the whole address, then without a detail.
    """
    by_store, first = _transports(carrier), _first(carrier.site)
    directory = directory_of(carrier.site)
    for address in directory.mailboxes():
        store = directory.store_of(address)
        if store != first:
            yield MapRow(address, by_store[store])


def socket_in_queue(unix: Unix, platform: Platform) -> str:
    """Return a socket as main.cf has it: relative to the queue, so that it is right in a chroot."""
    return unix.path.removeprefix(f"{habits(platform).queue_directory}/")


def _transports(carrier: Carrier) -> Mapping[HostKey, str]:
    return {store: _transport(way, carrier.platform) for store, way in _ways(carrier).items()}


def _ways(carrier: Carrier) -> Mapping[HostKey, Unix | Tcp]:
    delivery = (one for one in carrier.links if one.service is LinkService.DELIVERY)
    return {one.server: one.way for one in delivery}


def _transport(way: Unix | Tcp, platform: Platform) -> str:
    if isinstance(way, Tcp):
        return f"remote-lmtp:inet:{way.host}:{way.port}"
    return f"lmtp:unix:{socket_in_queue(way, platform)}"


def _first(site: Site) -> HostKey:
    return site.hosts_with(Role.STORE)[0].key

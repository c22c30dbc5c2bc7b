"""How the hosts of a site reach a store by Dovecot, and a store the others.

Postfix of every other host delivers by LMTP. A store passes on the logins of users whose mail
another store has (docs/decisions/0042-links-between-hosts.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.services import LMTP_PORT
from provisioner.model.topology import LinkService, carried, deliverers
from provisioner.render.quoting import Quoted
from provisioner.render.tls_chain import trust_path
from provisioner.rooms.room import Carrier


@dataclass(frozen=True, slots=True)
class Peers:
    """How other hosts of the site reach a store, and it them.

    lmtp_port: 0 where no other host delivers here. senders: a pattern of the addresses that deliver
    here. stores: the other stores' addresses, which pass logins on. trust: the authorities for
    their certificates.
    """

    lmtp_port: int
    senders: Quoted
    stores: tuple[str, ...]
    trust: str


def peers_of(carrier: Carrier) -> Peers:
    """Return how other hosts reach this one, if it is a store, and it the other stores."""
    site, host = carrier.site, carrier.host
    senders = deliverers(site, host)
    stores = [one for one in senders if LinkService.DELIVERY in carried(one.roles)]
    texts = [str(address) for one in senders for address in one.addresses]
    return Peers(
        lmtp_port=LMTP_PORT if senders else 0,
        senders=Quoted("|".join(map(_address_pattern, texts))),
        stores=tuple(str(address) for one in stores for address in one.addresses),
        trust=trust_path(site, carrier.platform) if site.tls != "none" else "",
    )


def _address_pattern(text: str) -> str:
    """Return a regular expression for an address, without the colons that end a variable's name."""
    return text.replace(".", "[.]").replace(":", "[^0-9a-f]")

"""`networks` and `dns`: who may ask, and what the resolvers know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provisioner.model.file.written import OneOrMany, Short, Written
from provisioner.model.names import DomainName, ZoneName
from provisioner.model.networks import HostAddress, Network, parse_host_address
from provisioner.model.records import OwnerName, RecordData, RecordType
from provisioner.model.scalars import Port, parse_integer
from provisioner.model.services import DNS_OVER_TLS_PORT, DNS_PORT
from provisioner.model.values import InvalidValueError


class WrittenNetworks(Written):
    """Who may do what without logging in. Loopback always may."""

    trusted: OneOrMany[Network] = Field(
        (), description="Networks that may relay mail without a login.", examples=[["192.0.2.0/24"]]
    )
    resolver: OneOrMany[Network] | None = Field(
        None,
        description="Networks that may query the resolver; by default the hosts and `trusted`.",
    )


class WrittenForwardServer(Written):
    """A resolver to forward to."""

    address: HostAddress = Field(description="IPv4 or IPv6 address of the resolver.")
    port: Port | None = Field(None, description="Port; 53, or 853 with `tls_name`.")
    tls_name: DomainName | None = Field(
        None, description="Name in the resolver's certificate; it turns DNS over TLS on."
    )

    @property
    def asked_port(self) -> int:
        """The port that is asked, the protocol's own where none is written."""
        return self.port or (DNS_OVER_TLS_PORT if self.tls_name else DNS_PORT)


def _forward_server(text: str) -> WrittenForwardServer:
    address, at, port = text.partition("@")
    if "#" in text:
        # Unbound itself reads `addr@853 #name` as an address and a comment: the peer is
        # then not verified, and no check says so.
        raise InvalidValueError(
            "a TLS name in the text of a server",
            want="address or address@port, or a map",
            fix="write {address: ADDRESS, tls_name: NAME}",
        )
    return WrittenForwardServer.model_construct(
        address=parse_host_address(address), port=parse_integer(port, 1, 65535) if at else None
    )


ForwardServerForm = Annotated[WrittenForwardServer, Short(_forward_server)]


class WrittenDns(Written):
    """What the site's resolvers know besides the mail records."""

    forward: dict[ZoneName, OneOrMany[ForwardServerForm]] = Field(
        {},
        description='Zone ("." for all names) to the resolvers to query.',
        examples=[{".": [{"address": "9.9.9.9", "tls_name": "dns.quad9.net"}]}],
    )
    insecure: OneOrMany[ZoneName] = Field(
        (), description="Zones without DNSSEC validation (domain-insecure)."
    )
    records: dict[OwnerName, dict[RecordType, OneOrMany[RecordData]]] = Field(
        {},
        description="Further records: name, type, data. `@` is the primary domain itself.",
        examples=[{"www": {"A": "192.0.2.80"}}],
    )
    zone_type: Literal["transparent", "static"] = Field(
        "transparent",
        description="`static`: names of the domains that are not listed do not exist.",
    )

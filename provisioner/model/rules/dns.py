"""Rules about forwarding and further records."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from provisioner.diagnostics import quoted
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.records import parse_record_data
from provisioner.model.services import DNS_PORT
from provisioner.model.site import IPAddress, Role
from provisioner.model.values import InvalidValueError

_TYPES_BY_FAMILY = {4: "A", 6: "AAAA"}


def judge_forward(reading: Reading) -> Iterator[SiteProblem]:
    """Require every forwarded zone once, with servers."""
    seen: dict[str, str] = {}
    for zone, servers in reading.file.dns.forward.items() if reading.file.dns else ():
        path = ("dns", "forward", zone)
        if zone.canonical in seen:
            yield SiteProblem(
                path,
                "a zone given twice",
                got=f"{quoted(zone)}, which is {quoted(seen[zone.canonical])} already",
                want="every zone once",
                fix="put the servers into one list",
                at_key=True,
            )
        seen.setdefault(zone.canonical, zone)
        if not servers:
            yield SiteProblem(
                path,
                "a zone without servers",
                got="an empty list",
                want="addresses of resolvers",
                fix="name a server, or remove the zone",
            )
        encrypted = [server for server in servers if server.tls_name]
        if encrypted and len(encrypted) < len(servers):
            yield SiteProblem(
                path,
                "a zone with some servers over TLS and some in cleartext",
                got=f"{len(encrypted)} of {len(servers)} with `tls_name`",
                want="all or none: Unbound enables TLS for a whole zone",
                fix="give every server its `tls_name`, or none",
            )


def judge_forward_loops(reading: Reading) -> Iterator[SiteProblem]:
    """Require that no resolver of the site is asked by itself, which would never end."""
    own: dict[IPAddress, str] = {
        IPv4Address("127.0.0.1"): "the resolver itself",
        IPv6Address("::1"): "the resolver itself",
    }
    for key in reading.hosts_with(Role.DNS):
        own |= dict.fromkeys(
            reading.file.hosts[key].address, f"hosts.{key}, a resolver of the site"
        )
    for zone, servers in reading.file.dns.forward.items() if reading.file.dns else ():
        for index, server in enumerate(servers):
            port = server.asked_port
            if server.address in own and port == DNS_PORT:
                yield SiteProblem(
                    ("dns", "forward", zone, index),
                    "a resolver of this site: it would query itself and never get an answer",
                    got=f"{server.address}, port {port}: {own[server.address]}",
                    want="another resolver, or another program's port, like 127.0.0.1@5335",
                    fix="name the resolver to query; without `forward` names are resolved "
                    "from the root",
                )


def judge_records(reading: Reading) -> Iterator[SiteProblem]:
    """Require well-formed records, each once, and none that the site makes itself."""
    own = _own_records(reading)
    seen: dict[tuple[str, str, str], KeyPath] = {}
    for owner, by_type in reading.file.dns.records.items() if reading.file.dns else ():
        name = owner.within(reading.domains)
        for rtype, values in by_type.items():
            path: KeyPath = ("dns", "records", owner, rtype)
            if (name, rtype) in own:
                yield SiteProblem(
                    path,
                    "a record that the site makes itself",
                    got=f"{name} {rtype}",
                    want="records beside those of the model",
                    fix=own[name, rtype],
                    at_key=True,
                )
            for index, written in enumerate(values):
                here = (*path, index)
                try:
                    data = parse_record_data(rtype, written, reading.file.domain)
                except InvalidValueError as error:
                    yield SiteProblem.of(here, error, quoted(written))
                    continue
                if (name, rtype, data) in seen:
                    yield SiteProblem(
                        here,
                        "a record given twice",
                        got=quoted(f"{name} {rtype} {data}"),
                        want="every record once",
                        fix="remove one of the two",
                    )
                seen.setdefault((name, rtype, data), here)


def _own_records(reading: Reading) -> dict[tuple[str, str], str]:
    """Return owner and type of the records that the model makes, with what to do instead."""
    own: dict[tuple[str, str], str] = {}
    for domain in reading.domains:
        own[domain, "MX"] = "set `mx`"
        own[domain, "NS"] = "remove it: the hosts with the role dns are the name servers"
    for key, host in reading.file.hosts.items():
        try:
            fqdn = reading.fqdn(key)
        except InvalidValueError:
            continue  # told by the rule about names
        for address in host.address:
            own[fqdn, _TYPES_BY_FAMILY[address.version]] = f"set `hosts.{key}.address`"
    return own

"""What Unbound's templates are given, and its files.

Values come from the site and the platform alone. Names are absolute (with the final
dot), because unbound.conf(5) would otherwise leave that to chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from provisioner.daemons.unbound.habits import habits
from provisioner.daemons.unbound.options import UnboundConf, render_unbound_site
from provisioner.daemons.unbound.quoting import TEMPLATES, unbound_string
from provisioner.model.names import DomainName
from provisioner.model.once import once_per_site
from provisioner.model.secrets import DaemonSecrets, HeldSecret
from provisioner.model.site import Allowance, DnsRecord, ForwardZone, Host, IPNetwork, Site
from provisioner.model.zone import Pointer, zones_of
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact
from provisioner.render.daemon_secrets import SecretForm, held_path, hidden, secret_file
from provisioner.render.quoting import Quoted
from provisioner.rooms.addresses import has_ipv6

_TTL = 3600
# Zones that Unbound answers by itself unless told not to (RFC 6303, RFC 6761, RFC 8375).
_BUILT_IN = (
    "test",
    "home.arpa",
    "10.in-addr.arpa",
    *(f"{number}.172.in-addr.arpa" for number in range(16, 32)),
    "168.192.in-addr.arpa",
    *(f"{number}.100.in-addr.arpa" for number in range(64, 128)),
    "254.169.in-addr.arpa",
    "d.f.ip6.arpa",
    *(f"{digit}.e.f.ip6.arpa" for digit in "89ab"),
)

_ADDRESS_TYPES = frozenset({"A", "AAAA"})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask: a network, and `allow` or `refuse`."""

    network: str
    action: str


@dataclass(frozen=True, slots=True)
class LocalZone:
    """A zone that is answered from this file, and how names without data are treated."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ForwardRow:
    """A server to forward to; `opens_zone` on the first of each zone."""

    zone: str
    opens_zone: bool
    tls: bool
    server: str


@dataclass(frozen=True, slots=True)
class UnboundView:
    """All that the templates under templates/unbound/ print. interfaces: the host's own."""

    user: str
    directory: str
    pid_file: str
    control: str
    anchor: str
    ca_bundle: str
    includes: tuple[str, ...]
    access: tuple[Access, ...]
    open_reason: str
    insecure: tuple[str, ...]
    private_domains: tuple[str, ...]
    zones: tuple[LocalZone, ...]
    static_zones: bool
    records: tuple[str, ...]
    pointers: tuple[str, ...]
    forwards: tuple[ForwardRow, ...]
    asks_loopback: bool
    interfaces: tuple[str, ...] = ()


def render_unbound(
    site: Site, host: Host, platform: Platform, secrets: DaemonSecrets
) -> Iterator[Artifact]:
    """Yield Unbound's files for a host; they need no Unbound to be running.

    unbound.conf and the control part restart the daemon: sockets are opened and
    certificates read only when it starts. The others are read again at a reload.
    """
    view, parts = _shared(site, platform)
    yield from parts
    yield from _secrets(site, platform, secrets)
    view = replace(view, interfaces=unbound_interfaces(host))
    main = TEMPLATES.record("unbound/unbound.conf", view, UnboundConf(site.unbound)).text
    path = f"{platform.daemons['unbound'].config_dir}/unbound.conf"
    yield Artifact(path, main, daemons=("unbound",), restart=True, rank=30)
    if switch := habits(platform).anchor_switch:
        content = TEMPLATES.render("unbound/sysconfig/unbound", None)
        yield Artifact(switch, content, daemons=("unbound",), rank=20)


@once_per_site
def _shared(site: Site, platform: Platform) -> tuple[UnboundView, tuple[Artifact, ...]]:
    """Return what all of the site's resolvers have in common."""
    names = ["server", "zones", "forward", "control"]
    if site.unbound:
        names.append("site")
    paths = {name: f"{habits(platform).parts_dir}/mailprov-{name}.conf" for name in names}
    view = _view(site, platform, tuple(paths.values()))
    return view, tuple(_parts(site, platform, view, paths))


def _held(site: Site) -> Iterator[tuple[str, str]]:
    """Yield clause and name of each option that is a secret."""
    for clause, options in site.unbound.items():
        for name, values in options.items():
            if any(isinstance(value, HeldSecret) for value in values):
                yield clause, name


def _secrets(site: Site, platform: Platform, secrets: DaemonSecrets) -> Iterator[Artifact]:
    """Yield a file with each option that is a secret.

    Unbound reads it again at a reload, when it is root no longer.
    """
    for clause, name in _held(site):

        def option(value: str, clause: str = clause, name: str = name) -> tuple[Quoted, ...]:
            return Quoted(f"{clause}:"), Quoted(f"    {name}: {hidden(unbound_string, value)}")

        path = _secret_path(platform, name)
        form = SecretForm("unbound", option)
        file = secret_file(path, ("unbound", clause, name), secrets, form)
        yield replace(file, group=habits(platform).user, mode=0o640, restart=True, rank=20)


def _secret_path(platform: Platform, name: str) -> str:
    return f"{held_path(platform.daemons['unbound'].config_dir, name)}.conf"


def _parts(
    site: Site, platform: Platform, view: UnboundView, paths: Mapping[str, str]
) -> Iterator[Artifact]:
    included = tuple(_secret_path(platform, name) for _, name in _held(site))
    for part, path in paths.items():
        if part == "site":
            content = render_unbound_site(site.unbound, included)
        else:
            name = f"unbound/unbound.conf.d/mailprov-{part}.conf"
            content = TEMPLATES.record(name, view, UnboundConf(site.unbound)).text
        restart = part in {"control", "site"}
        yield Artifact(path, content, daemons=("unbound",), restart=restart, rank=20)


def _view(site: Site, platform: Platform, includes: tuple[str, ...]) -> UnboundView:
    own = habits(platform)
    return UnboundView(
        user=own.user,
        directory=own.directory,
        pid_file=own.pid_file,
        control=own.control,
        anchor=own.anchor,
        ca_bundle=platform.ca_bundle,
        includes=includes,
        access=tuple(_access(site)),
        open_reason=site.allow_insecure.get(Allowance.OPEN_RESOLVER, ""),
        insecure=tuple(_absolute(zone) for zone in site.dns.insecure),
        private_domains=_private_domains(site),
        zones=tuple(_zones(site)),
        static_zones=site.dns.zone_type == "static",
        records=tuple(map(_record, zones_of(site).records)),
        pointers=tuple(map(_pointer, zones_of(site).pointers)),
        forwards=tuple(row for zone in site.dns.forward for row in _forward_rows(zone)),
        asks_loopback=any(
            server.address.is_loopback for zone in site.dns.forward for server in zone.servers
        ),
    )


def unbound_interfaces(host: Host) -> tuple[str, ...]:
    """Return the addresses that Unbound listens on: loopback and the host's own."""
    loopback = ["127.0.0.1"]
    # A host without IPv6 has no ::1, and Unbound does not start if it cannot bind.
    if has_ipv6(host):
        loopback.append("::1")
    # One that stands there twice Unbound cannot bind.
    return tuple(dict.fromkeys((*loopback, *map(str, host.addresses))))


def _access(site: Site) -> Iterator[Access]:
    own = [ip_network(address) for host in site.hosts for address in host.addresses]
    allowed: dict[IPNetwork, None] = dict.fromkeys((*own, *site.networks.resolver))
    for everybody in (ip_network("0.0.0.0/0"), ip_network("::/0")):
        if everybody not in allowed:
            yield Access(str(everybody), "refuse")
    yield Access("127.0.0.0/8", "allow")
    yield Access("::1/128", "allow")
    for network in allowed:
        yield Access(str(network), "allow")


def _private_domains(site: Site) -> tuple[str, ...]:
    names: list[str] = [domain.name for domain in site.domains]
    names += [zone.zone for zone in site.dns.forward if zone.zone != "."]
    return tuple(dict.fromkeys(_absolute(name) for name in names))


def _zones(site: Site) -> Iterator[LocalZone]:
    zones = zones_of(site)
    names = frozenset[str](zone.name for zone in zones.domains)
    static = site.dns.zone_type == "static"
    for zone in zones.domains:
        # `transparent` would hide what a name has beside the site's records: the web page and the
        # SPF record at the domain itself (unbound.conf(5), local-zone).
        yield LocalZone(_absolute(zone.name), "static" if static else "typetransparent")
    addressed = {record.owner for record in zones.records if record.type in _ADDRESS_TYPES}
    outside = {record.owner for record in zones.outside}
    for name in dict.fromkeys(record.owner for record in zones.records):
        # Whose addresses the site has, it has all of: an A elsewhere must not meet its AAAA.
        if name in outside or (name in addressed and name not in names and not static):
            kind = "transparent" if name in addressed else "typetransparent"
            yield LocalZone(_absolute(name), kind)
    for forwarded in _hidden_forwards(site):
        # Opens just this part of the zone around it, not all of it.
        yield LocalZone(_absolute(forwarded), "transparent")


def _hidden_forwards(site: Site) -> Iterator[str]:
    """Yield the forwarded zones that Unbound would otherwise answer by itself."""
    own = frozenset[str](domain.name for domain in site.domains)
    closed = own.union(_BUILT_IN) if site.dns.zone_type == "static" else frozenset(_BUILT_IN)
    for forward in site.dns.forward:
        if forward.zone not in own and _is_within(forward.zone, closed):
            yield forward.zone


def _record(record: DnsRecord) -> str:
    return f"{_absolute(record.owner)} {_TTL} IN {record.type} {record.data}"


def _pointer(pointer: Pointer) -> str:
    return f"{pointer.address} {_TTL} {_absolute(pointer.name)}"


def _forward_rows(zone: ForwardZone) -> Iterator[ForwardRow]:
    tls = any(server.tls_name for server in zone.servers)
    for position, server in enumerate(zone.servers):
        text = f"{server.address}@{server.port}"
        if server.tls_name:
            text += f"#{server.tls_name}"
        yield ForwardRow(_absolute(zone.zone), position == 0, tls, text)


def _absolute(name: str | DomainName) -> str:
    return name if name.endswith(".") else f"{name}."


def _is_within(name: str, zones: Collection[str]) -> bool:
    """Tell whether a name is, or lies below, one of the zones; its labels are few, they many."""
    labels = name.split(".")
    return any(".".join(labels[start:]) in zones for start in range(len(labels)))

"""What Postfix's templates are given, and its files.

main.cf is one table for all services; what differs between port 25 and the submission
ports stands in master.cf. Parameters keep Postfix's own spelling throughout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from provisioner.daemons.postfix.delivery import (
    DeliveryView,
    delivery_view,
    socket_in_queue,
    transport_rows,
)
from provisioner.daemons.postfix.features import PostfixFeatures, postfix_features
from provisioner.daemons.postfix.habits import habits
from provisioner.daemons.postfix.maps import MapRow, MapView, tables_of
from provisioner.daemons.postfix.options import (
    MainCf,
    MasterCf,
    without_absent,
)
from provisioner.daemons.postfix.quoting import TEMPLATES
from provisioner.daemons.postfix.relay import RelayView, relay_view, render_relay_ca
from provisioner.daemons.postfix.secrets import render_postfix_secrets, render_relay_login
from provisioner.model.names import DomainName
from provisioner.model.networks import bracketed
from provisioner.model.services import services_of
from provisioner.model.site import AccountKind, Allowance, Host, Role, Site
from provisioner.model.targets import MOST_ADDRESSES
from provisioner.model.topology import LinkService
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.directory_table import TABLE_PATH, has_tables
from provisioner.render.quoting import Quoted
from provisioner.render.spelling import domain_pattern
from provisioner.render.tls_chain import CHAIN_PATH, cleartext_reason
from provisioner.rooms.addresses import has_ipv6
from provisioner.rooms.room import Carrier

# What a running master(8) does not take over at a reload (postconf(5), inet_interfaces).
RESTART_PARAMETERS = frozenset({"inet_interfaces", "inet_protocols"})

# So many addresses that take all the connections which one may have do not take all of a port.
_MANY_ADDRESSES = 20
_CONNECTIONS_TO_MX = 20  # main.cf.j2: smtpd_client_connection_count_limit
_FEWEST_PROCESSES, _MOST_PROCESSES = 100, 1000


@dataclass(frozen=True, slots=True)
class SubmissionPort:
    """A port where users hand in mail; `wrapped`: TLS from the first byte (RFC 8314)."""

    port: int
    label: str
    wrapped: bool


@dataclass(frozen=True, slots=True)
class PostfixView:
    """All that the templates under templates/postfix/ print."""

    features: PostfixFeatures
    vendor: tuple[tuple[str, str], ...]
    hostname: str
    domain: str
    inet_protocols: str
    translated: tuple[str, ...]
    networks: tuple[str, ...]
    open_relay_reason: str
    destinations: tuple[Quoted, ...]
    virtual: bool
    domains: tuple[str, ...]
    alias_domains: tuple[str, ...]
    recipients: str
    aliases: str
    senders: str
    most_addresses: int
    prober: str
    chain: str
    tls: bool
    no_tls_reason: str
    dane: bool
    submission_tls_level: str
    auth_only: str
    cleartext_reason: str
    message_size: int
    logins_per_minute: int
    connections: int
    mx_processes: int
    submission_processes: int
    chroot: Quoted
    mx: bool
    submission: tuple[SubmissionPort, ...]
    header_checks: str
    relay: RelayView | None
    delivery: DeliveryView
    transports: str
    logins: str


@dataclass(frozen=True, slots=True)
class HeaderView:
    """What the table of the submission ports' headers prints; patterns: of the site's domains."""

    hostname: Quoted
    domain: Quoted
    patterns: tuple[Quoted, ...]


def render_postfix(carrier: Carrier) -> Iterator[Artifact]:
    """Yield Postfix's files for a host, in the order in which they have to become live."""
    site, host, platform = carrier.site, carrier.host, carrier.platform
    secrets = carrier.secrets.daemons
    folder = f"{platform.daemons['postfix'].config_dir}/mailprov"
    checks = _header_checks(site, host)
    checks_path = f"{folder}/submission-headers-{hashlib.sha256(checks).hexdigest()[:12]}.regexp"
    view = _view(carrier, folder, checks_path)
    if site.relay is not None:
        reason = site.allow_insecure.get(Allowance.CLEARTEXT_RELAY, "")
        relay = relay_view(site.relay, platform, secrets.relay_ca, reason)
        view = replace(view, relay=relay)
        yield from render_relay_ca(site.relay, platform, secrets.relay_ca)
        yield from render_relay_login(site.relay, platform, secrets)
    if not has_tables(site):
        yield from (_map(folder, name, rows) for name, rows in tables_of(site))
        if view.delivery.rows:
            yield _map(folder, "transports", transport_rows(carrier))
    if view.submission:
        # Named by its content: a running daemon never reads a half-changed pair of
        # master.cf and table.
        yield Artifact(checks_path, checks, daemons=("postfix",), rank=40)
    config = platform.daemons["postfix"].config_dir
    extra, tables = render_postfix_secrets(without_absent(site.postfix), platform, secrets)
    yield from tables
    master = TEMPLATES.record("postfix/master.cf", view, MasterCf(extra.master))
    yield Artifact(f"{config}/master.cf", master.text, daemons=("postfix",), rank=80)
    main = TEMPLATES.record("postfix/main.cf", view, MainCf(extra.main))
    yield Artifact(f"{config}/main.cf", main.text, daemons=("postfix",), rank=90)


def _map(folder: str, name: str, rows: Iterable[MapRow]) -> Artifact:
    return Artifact(
        f"{folder}/{name}",
        TEMPLATES.render(f"postfix/mailprov/{name}", MapView(tuple(rows))),
        group="postfix",
        mode=0o640,
        plane=Plane.DIRECTORY,
        daemons=("postfix",),
        rank=40,
    )


def _header_checks(site: Site, host: Host) -> bytes:
    view = HeaderView(
        hostname=_pattern(host.fqdn),
        domain=Quoted(site.domain),
        patterns=tuple(_typed_pattern(domain.name) for domain in site.domains),
    )
    return TEMPLATES.render("postfix/mailprov/submission-headers", view)


def _typed_pattern(name: DomainName) -> Quoted:
    """Return a regular expression for a domain in its A-labels and as people write it."""
    typed = domain_pattern(name)
    return _pattern(name) if typed is None else Quoted(f"({_pattern(name)}|{typed})")


def _pattern(name: DomainName) -> Quoted:
    """Return a regular expression (regex(7)) that matches this name alone."""
    return Quoted(name.replace(".", "\\."))


def _view(carrier: Carrier, folder: str, header_checks: str) -> PostfixView:
    site, host, platform = carrier.site, carrier.host, carrier.platform
    logins = carrier.unix(LinkService.LOGINS)
    virtual = site.accounts.kind is AccountKind.VIRTUAL
    names = tuple(domain.name for domain in site.domains)
    tls = site.tls != "none"
    reasons = site.allow_insecure
    maps = f"{habits(platform).map_type}:{folder}"
    if has_tables(site):
        maps = f"{platform.table_type}:{TABLE_PATH}"
    return PostfixView(
        features=postfix_features(platform.daemons["postfix"]),
        vendor=tuple(habits(platform).parameters.items()),
        hostname=host.fqdn,
        domain=site.domain,
        inet_protocols="all" if has_ipv6(host) else "ipv4",
        translated=tuple(_translated(host)),
        networks=tuple(bracketed(network) for network in site.networks.trusted),
        open_relay_reason=reasons.get(Allowance.OPEN_RELAY, ""),
        destinations=tuple(_destinations(site, host, virtual=virtual)),
        virtual=virtual,
        domains=names,
        alias_domains=tuple(name for name in names if name != site.domain),
        recipients=f"{maps}/recipients",
        aliases=f"{maps}/aliases",
        senders=f"{maps}/senders",
        most_addresses=MOST_ADDRESSES,
        prober=f"{habits(platform).map_type}:{folder}/probe" if takes_mail(host) else "",
        chain=CHAIN_PATH,
        tls=tls,
        no_tls_reason=reasons.get(Allowance.NO_TLS, ""),
        dane=Role.DNS in host.roles and not host.keeps_resolver,
        submission_tls_level=_submission_tls_level(site),
        auth_only="yes" if _submission_tls_level(site) == "encrypt" else "no",
        cleartext_reason=cleartext_reason(site),
        message_size=site.submission.message_size,
        logins_per_minute=site.submission.logins_per_minute,
        connections=site.submission.connections,
        mx_processes=_MANY_ADDRESSES * _CONNECTIONS_TO_MX,
        submission_processes=_smtpd_processes(site.submission.connections),
        chroot=Quoted("y" if habits(platform).chroot else "n"),
        mx=Role.MX in host.roles,
        submission=tuple(_submission_ports(site, host)),
        header_checks=f"regexp:{header_checks}",
        relay=None,
        delivery=delivery_view(carrier),
        transports=f"{maps}/transports",
        logins=socket_in_queue(logins, platform) if logins else "",
    )


def takes_mail(host: Host) -> bool:
    """Tell whether a host takes mail by SMTP, from other servers or from users."""
    return not host.roles.isdisjoint({Role.MX, Role.SUBMISSION})


def _destinations(site: Site, host: Host, *, virtual: bool) -> Iterator[Quoted]:
    """Yield mydestination. A name may belong to one address class only (ADDRESS_CLASS_README)."""
    taken = {domain.name for domain in site.domains}
    if host.fqdn not in taken:
        yield Quoted("$myhostname")
    yield Quoted("localhost.$mydomain")
    yield Quoted("localhost")
    if not virtual:
        yield Quoted("$mydomain")


def _submission_ports(site: Site, host: Host) -> Iterator[SubmissionPort]:
    for service in services_of(site, host):
        if service.role is Role.SUBMISSION:
            yield SubmissionPort(service.port, service.name, service.tls == "implicit")


def _submission_tls_level(site: Site) -> str:
    if site.tls == "none":
        return "none"
    return "may" if site.submission.cleartext_login else "encrypt"


def _smtpd_processes(connections: int) -> int:
    """Return the process limit of a port; Postfix's default is the least, memory the bound."""
    return min(max(connections * _MANY_ADDRESSES, _FEWEST_PROCESSES), _MOST_PROCESSES)


def _translated(host: Host) -> Iterator[str]:
    """Yield the host's public addresses that a router translates; Postfix reads those it speaks."""
    for address in host.public_addresses:
        if address not in host.addresses and (address.version == 4 or has_ipv6(host)):  # noqa: PLR2004 IP version
            yield str(address)

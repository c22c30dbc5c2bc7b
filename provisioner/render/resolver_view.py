"""The host's own resolver configuration.

Every host of a site with a `dns` host asks the site's resolvers and nobody else, which
is what makes DNSSEC answers (and DANE, which stands on them) worth anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

from provisioner.model.site import Host, Role, Site
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact
from provisioner.render.environment import TEMPLATES

ResolverManager = Literal["NetworkManager", "openresolv", "resolvconf"]
RESOLVER_MANAGERS: frozenset[ResolverManager] = frozenset(get_args(ResolverManager))
RESOLV_CONF = "/etc/resolv.conf"
# resolv.conf(5): the library reads three and ignores the rest without a word.
_MAX_NAMESERVERS = 3


@dataclass(frozen=True, slots=True)
class ResolverView:
    """What the template of resolv.conf prints."""

    nameservers: tuple[str, ...]


def render_resolver(
    site: Site, host: Host, platform: Platform, copiers: tuple[Daemon, ...]
) -> Iterator[Artifact]:
    """Yield resolv.conf, last of all: the resolver has to be up before it is asked.

    Before it comes what keeps the release's own manager of the network from writing over
    it. copiers: daemons of the host that keep a copy, and restart to renew it.
    """
    if host.keeps_resolver:
        return
    servers = tuple(islice(_nameservers(site, host), _MAX_NAMESERVERS))
    if not servers:
        return
    view = ResolverView(servers)
    if platform.network_manager:
        yield _network_manager_part()
    content = TEMPLATES.render("resolv.conf", view)
    yield Artifact(RESOLV_CONF, content, daemons=copiers, restart=bool(copiers), rank=99)


def _nameservers(site: Site, host: Host) -> Iterator[str]:
    """Yield whom the host asks, in that order: itself if it can, then the site's resolvers."""
    own = host.addresses if Role.DNS in host.roles else ()
    if own:
        yield "127.0.0.1"
    for other in site.hosts:
        if Role.DNS in other.roles:
            yield from (str(address) for address in other.addresses if address not in own)


def render_resolver_guards(managers: Collection[ResolverManager]) -> Iterator[Artifact]:
    """Yield what keeps programs that a host happens to have from writing over resolv.conf.

    managers: those programs; `resolvconf` is any of that name, openresolv's too.
    systemd-resolved is no such program: it reads a resolv.conf that is not its
    own, and serves others on 127.0.0.53 by what that says (systemd-resolved.service(8)).
    """
    if "NetworkManager" in managers:
        yield _network_manager_part()
    if "openresolv" in managers:
        content = TEMPLATES.render("resolvconf.conf", None)
        yield Artifact("/etc/resolvconf.conf", content, rank=97)


def _network_manager_part() -> Artifact:
    content = TEMPLATES.render("NetworkManager/conf.d/mailprov.conf", None)
    return Artifact("/etc/NetworkManager/conf.d/mailprov.conf", content, rank=97)

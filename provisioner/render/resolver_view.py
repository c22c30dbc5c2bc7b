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
from provisioner.render.environment import render_template

ResolverManager = Literal["NetworkManager", "openresolv", "resolvconf"]
RESOLVER_MANAGERS: frozenset[ResolverManager] = frozenset(get_args(ResolverManager))
RESOLV_CONF = "/etc/resolv.conf"
# resolv.conf(5): the library reads three and ignores the rest without a word.
_MAX_NAMESERVERS = 3


@dataclass(frozen=True, slots=True)
class ResolverView:
    """What the template of resolv.conf prints."""

    nameservers: tuple[str, ...]


def render_resolver(site: Site, host: Host, platform: Platform) -> Iterator[Artifact]:
    """Yield resolv.conf, last of all: the resolver has to be up before it is asked.

    Before it comes what keeps the release's own manager of the network from writing over
    it. Postfix restarts: in its chroot it keeps a copy that is renewed when it starts.
    """
    if host.keeps_resolver:
        return
    servers = tuple(islice(_nameservers(site, host), _MAX_NAMESERVERS))
    if not servers:
        return
    view = ResolverView(servers)
    if platform.network_manager:
        yield _network_manager_part()
    content = render_template("resolv.conf", view)
    mail = bool(host.roles - {Role.DNS})
    daemons: tuple[Daemon, ...] = ("postfix",) if mail else ()
    yield Artifact(RESOLV_CONF, content, daemons=daemons, restart=mail, rank=99)


def _nameservers(site: Site, host: Host) -> Iterator[str]:
    """Yield whom the host asks, in that order: itself if it can, then the site's resolvers."""
    own = host.addresses if Role.DNS in host.roles else ()
    if own:
        yield "127.0.0.1"
    for other in site.hosts:
        if Role.DNS in other.roles:
            yield from (str(address) for address in other.addresses if address not in own)


def render_resolver_guards(
    platform: Platform, managers: Collection[ResolverManager], *, unbound: bool
) -> Iterator[Artifact]:
    """Yield what keeps programs that a host happens to have from writing over resolv.conf.

    managers: those programs; `resolvconf` is any of that name, openresolv's too. unbound: the
    host runs it. systemd-resolved is no such program: it reads a resolv.conf that is not its
    own, and serves others on 127.0.0.53 by what that says (systemd-resolved.service(8)).
    """
    if "NetworkManager" in managers:
        yield _network_manager_part()
    if "openresolv" in managers:
        content = render_template("resolvconf.conf", None)
        yield Artifact("/etc/resolvconf.conf", content, rank=97)
    if "resolvconf" in managers and unbound and platform.unbound.resolvconf_switch:
        # Before Unbound starts. A reload forgets what resolvconf has told it since.
        content = render_template("default/unbound", None)
        path = platform.unbound.resolvconf_switch
        yield Artifact(path, content, daemons=("unbound",), rank=20)


def _network_manager_part() -> Artifact:
    content = render_template("NetworkManager/conf.d/mailprov.conf", None)
    return Artifact("/etc/NetworkManager/conf.d/mailprov.conf", content, rank=97)

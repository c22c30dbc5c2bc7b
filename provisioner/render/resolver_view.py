"""The host's own resolver configuration.

Every host of a site with a `dns` host asks the site's resolvers and nobody else, which
is what makes DNSSEC answers (and DANE, which stands on them) worth anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.model.site import Host, Role, Site
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact
from provisioner.render.environment import render_template

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
    servers = [str(address) for other in site.hosts_with(Role.DNS) for address in other.addresses]
    if not servers:
        return
    if Role.DNS in host.roles:
        own = {str(address) for address in host.addresses}
        servers = ["127.0.0.1", *(server for server in servers if server not in own)]
    view = ResolverView(tuple(servers[:_MAX_NAMESERVERS]))
    if platform.network_manager:
        path = f"{platform.network_manager}/mailprov.conf"
        yield Artifact(path, render_template("NetworkManager/conf.d/mailprov.conf", view), rank=97)
    content = render_template("resolv.conf", view)
    mail = bool(host.roles - {Role.DNS})
    daemons: tuple[Daemon, ...] = ("postfix",) if mail else ()
    yield Artifact("/etc/resolv.conf", content, daemons=daemons, restart=mail, rank=99)

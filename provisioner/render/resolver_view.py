"""The host's own resolver configuration.

Every host of a site with a `dns` host asks the site's resolvers and nobody else, which
is what makes DNSSEC answers (and DANE, which stands on them) worth anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from provisioner.model.site import Host
from provisioner.model.topology import Link, LinkService, Tcp
from provisioner.platforms.record import Daemon
from provisioner.render.artifact import Artifact
from provisioner.render.environment import TEMPLATES
from provisioner.render.nature import Nature

RESOLV_CONF = "/etc/resolv.conf"
# resolv.conf(5): the library reads three and ignores the rest without a word.
_MAX_NAMESERVERS = 3


@dataclass(frozen=True, slots=True)
class ResolverView:
    """What the template of resolv.conf prints."""

    nameservers: tuple[str, ...]


def render_resolver(
    host: Host, links: Iterable[Link], nature: Nature, copiers: tuple[Daemon, ...]
) -> Iterator[Artifact]:
    """Yield resolv.conf, last of all: the resolver has to be up before it is asked.

    Before it comes what keeps programs that the release or the host has from writing over it.
    systemd-resolved is no such program: it reads a resolv.conf that is not its own, and serves
    others on 127.0.0.53 by what that says (systemd-resolved.service(8)).
    links: of the host's daemons and its own. copiers: daemons of the host that keep a copy, and
    restart to renew it.
    """
    if host.keeps_resolver:
        return
    ways = (one.way for one in links if one.service is LinkService.RESOLVING)
    asked = (way.host for way in ways if isinstance(way, Tcp))
    servers = tuple(islice(asked, _MAX_NAMESERVERS))
    if not servers:
        return
    if nature.platform.network_manager or "NetworkManager" in nature.resolver_managers:
        content = TEMPLATES.render("NetworkManager/conf.d/mailprov.conf", None)
        yield Artifact("/etc/NetworkManager/conf.d/mailprov.conf", content, rank=97)
    if "openresolv" in nature.resolver_managers:
        content = TEMPLATES.render("resolvconf.conf", None)
        yield Artifact("/etc/resolvconf.conf", content, rank=97)
    content = TEMPLATES.render("resolv.conf", ResolverView(servers))
    yield Artifact(RESOLV_CONF, content, daemons=copiers, restart=bool(copiers), rank=99)

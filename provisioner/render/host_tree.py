"""All files of one host: what the site means, in the languages of its daemons."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import has_tables, render_directory_table
from provisioner.render.dovecot_view import render_dovecot
from provisioner.render.postfix_view import render_postfix
from provisioner.render.resolver_view import render_resolver
from provisioner.render.tls_chain import render_tls_chain
from provisioner.render.unbound_view import render_unbound


def render_host(
    site: Site, host: Host, platform: Platform, secrets: SiteSecrets
) -> tuple[Artifact, ...]:
    """Return the host's files in the order in which they have to become live.

    Pure: no clock, no environment, no network. Users whose password is not among the
    secrets get a placeholder that admits nobody. Raises MailprovError (invalid site)
    for a value that a daemon's language cannot express.
    """
    artifacts = list(_artifacts(site, host, platform, secrets))
    return tuple(sorted(artifacts, key=lambda artifact: artifact.rank))


def _artifacts(
    site: Site, host: Host, platform: Platform, secrets: SiteSecrets
) -> Iterator[Artifact]:
    if Role.DNS in host.roles:
        yield from render_unbound(site, host, platform, secrets.daemons)
    if host.roles - {Role.DNS}:
        if site.tls != "none":
            yield from render_tls_chain(site, secrets)
        if has_tables(site):
            yield render_directory_table(site, platform, secrets)
        yield from render_dovecot(site, host, platform, secrets)
        yield from render_postfix(site, host, platform, secrets.daemons)
    yield from render_resolver(site, host, platform)

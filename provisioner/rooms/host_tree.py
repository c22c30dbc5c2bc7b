"""All files of one host: what the site means, in the languages of its daemons."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Site
from provisioner.model.topology import carries_mail, shows_certificate
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import has_tables, render_directory_table
from provisioner.render.firewall_view import render_firewall
from provisioner.render.nature import Nature
from provisioner.render.resolver_view import render_resolver
from provisioner.render.tls_chain import render_peers, render_tls_chain
from provisioner.rooms.registry import carrier_of, rooms_of
from provisioner.rooms.room import Carrier


def render_host(
    site: Site, host: Host, nature: Nature, secrets: SiteSecrets
) -> tuple[Artifact, ...]:
    """Return the host's files in the order in which they have to become live.

    Pure: no clock, no environment, no network. Users whose password is not among the
    secrets get a placeholder that admits nobody. Raises MailprovError (invalid site)
    for a value that a daemon's language cannot express.
    """
    return render_carrier(carrier_of(site, host, nature, secrets))


def render_carrier(carrier: Carrier) -> tuple[Artifact, ...]:
    """Return the same for the host as its daemons see it."""
    firewall = carrier.nature.firewall
    opened = render_firewall(carrier.site, carrier.host, firewall) if firewall else ()
    return (*sorted(_artifacts(carrier), key=lambda artifact: artifact.rank), *opened)


def _artifacts(carrier: Carrier) -> Iterator[Artifact]:
    site, host, rooms = carrier.site, carrier.host, rooms_of(carrier.host)
    readers = tuple(room.name for room in rooms if room.reads_certificate)
    if shows_certificate(site, host):
        yield from render_tls_chain(site, carrier.secrets, readers)
        yield from render_peers(site, carrier.links, carrier.secrets, readers)
    if carries_mail(host) and has_tables(site):
        rows = (row for room in rooms for row in room.behaviour.table_rows(carrier))
        yield render_directory_table(carrier.platform, rows)
    for room in rooms:
        yield from room.behaviour.render(carrier)
    copiers = tuple(room.name for room in rooms if room.copies_resolver)
    yield from render_resolver(host, carrier.links, carrier.nature, copiers)

"""The site's ports in the language of firewalld(1), for hosts where it runs.

A policy of its own (firewalld.policy(5)) leaves the operator's zones alone, and is a file
that comes, changes and goes like every other.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.ports import DNS_PORT, ports_of
from provisioner.model.site import Host, Site
from provisioner.render.artifact import Artifact
from provisioner.render.environment import render_template

POLICY_PATH = "/etc/firewalld/policies/mailprov.xml"


@dataclass(frozen=True, slots=True)
class FirewallView:
    """What the template of the policy prints. zone: the one that connections fall into."""

    zone: str
    tcp: tuple[int, ...]
    udp: tuple[int, ...]


def render_firewall(site: Site, host: Host, zone: str) -> Artifact:
    """Return the policy that opens the host's ports to those who come through the zone.

    It comes after the daemons: until they listen there is nothing to open.
    """
    ports = ports_of(site, host)
    view = FirewallView(zone, ports, tuple(port for port in ports if port == DNS_PORT))
    return Artifact(POLICY_PATH, render_template("firewalld/policies/mailprov.xml", view), rank=98)

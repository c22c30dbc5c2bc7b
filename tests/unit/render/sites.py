"""Small sites for the tests of rendering, written as a person writes them."""

from __future__ import annotations

from provisioner.directory.inline import directory_of
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Site
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact
from provisioner.render.nature import Nature
from provisioner.rooms.host_tree import render_host
from provisioner.site.load import parse_site

ONE_HOST = """
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users: {alice: {password: {env: ALICE}}}
"""
TWO_HOSTS = """
domain: example.org
hosts:
  ns: {address: 10.0.0.2, roles: dns}
  mail: {address: 10.0.0.3, roles: [mx, submission, store]}
users: {alice: {password: {env: ALICE}}}
"""


def site_of(text: str, more: str = "") -> Site:
    """Return the site that a text describes."""
    return parse_site((text + more).encode(), "site.yaml").site


def artifacts_of(site: Site, host: str, platform: str = "debian-12") -> dict[str, Artifact]:
    """Return a host's files by path, in the order of activation; hashes of the site file are in."""
    secrets = SiteSecrets(directory_of(site).hashes())
    rendered = render_host(site, site.host(host), Nature(platform_named(platform)), secrets)
    return {artifact.path: artifact for artifact in rendered}


def lines_of(site: Site, host: str, path: str, platform: str = "debian-12") -> list[str]:
    """Return a file's lines without comments, blank lines and indentation."""
    text = artifacts_of(site, host, platform)[path].content.decode()
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]

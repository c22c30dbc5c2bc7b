"""The site's ports as a policy of firewalld's."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, site_of

from provisioner.diagnostics import MailprovError
from provisioner.model.ports import ports_of
from provisioner.render.artifact import Plane
from provisioner.render.firewall_view import POLICY_PATH, render_firewall


def policy_of(text: str, host: str) -> ET.Element:
    site = site_of(text)
    artifact = render_firewall(site, site.host(host), "public")
    assert (artifact.path, artifact.plane) == (POLICY_PATH, Plane.CONFIGURATION)
    assert b"Managed by mailprov" in artifact.content
    return ET.fromstring(artifact.content)  # noqa: S314 (it is our own)


def opened(policy: ET.Element) -> set[tuple[str, str]]:
    return {(row.attrib["port"], row.attrib["protocol"]) for row in policy.iter("port")}


@pytest.mark.parametrize(("text", "host"), [(ONE_HOST, "mail"), (TWO_HOSTS, "mail")])
def test_the_models_ports_are_opened_and_no_others(text: str, host: str) -> None:
    site = site_of(text)
    ports = ports_of(site, site.host(host))
    udp = {("53", "udp")} if 53 in ports else set()
    assert opened(policy_of(text, host)) == {(str(port), "tcp") for port in ports} | udp


def test_it_holds_for_who_comes_to_this_host_through_the_zone() -> None:
    policy = policy_of(ONE_HOST, "mail")
    assert [zone.attrib["name"] for zone in policy.iter("ingress-zone")] == ["public"]
    assert [zone.attrib["name"] for zone in policy.iter("egress-zone")] == ["HOST"]


def test_what_the_zone_refuses_is_refused_before() -> None:
    # firewalld.policies(5): above zero means after the zone's own rules.
    policy = policy_of(ONE_HOST, "mail")
    assert int(policy.attrib["priority"]) > 0
    assert policy.attrib["target"] == "CONTINUE"


@pytest.mark.parametrize("zone", ['a"/><x y="', "a b", "", "a\nb"])
def test_a_zone_that_is_no_name_is_refused(zone: str) -> None:
    site = site_of(ONE_HOST)
    with pytest.raises(MailprovError):
        render_firewall(site, site.host("mail"), zone)

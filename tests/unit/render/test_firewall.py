"""The site's ports in the language of each firewall."""

from __future__ import annotations

from configparser import ConfigParser
from xml.etree import ElementTree as ET

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, site_of

from provisioner.diagnostics import MailprovError
from provisioner.model.services import ports_of
from provisioner.render.artifact import Plane
from provisioner.render.firewall_view import (
    FIREWALLD_POLICY,
    NFTABLES_PROGRAM,
    NFTABLES_UNIT_PART,
    UFW_APPLICATION,
    render_firewall,
)
from provisioner.render.nature import Firewall, FirewallKind

UFW_PORTS_OF_A_RULE = 15
"""ufw(8): more than that many ports are refused."""


def files_of(text: str, host: str, kind: FirewallKind) -> dict[str, str]:
    site = site_of(text)
    artifacts = render_firewall(site, site.host(host), Firewall(kind, "public"))
    assert {artifact.plane for artifact in artifacts} == {Plane.CONFIGURATION}
    assert all(b"Managed by mailprov" in artifact.content for artifact in artifacts)
    return {artifact.path: artifact.content.decode() for artifact in artifacts}


def policy_of(text: str, host: str) -> ET.Element:
    files = files_of(text, host, "firewalld")
    assert list(files) == [FIREWALLD_POLICY]
    return ET.fromstring(files[FIREWALLD_POLICY])  # noqa: S314 (it is our own)


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
        render_firewall(site, site.host("mail"), Firewall("firewalld", zone))


@pytest.mark.parametrize(("text", "host"), [(ONE_HOST, "mail"), (TWO_HOSTS, "mail")])
def test_ufw_has_them_as_one_application(text: str, host: str) -> None:
    site = site_of(text)
    ports = ports_of(site, site.host(host))
    profile = ConfigParser()
    profile.read_string(files_of(text, host, "ufw")[UFW_APPLICATION])
    assert profile.sections() == ["mailprov"]
    tcp, _, udp = profile["mailprov"]["ports"].partition("|")
    assert tcp == ",".join(map(str, ports)) + "/tcp"
    assert udp == ("53/udp" if 53 in ports else "")
    assert len(ports) <= UFW_PORTS_OF_A_RULE


def test_nftables_lets_them_in_whenever_it_has_loaded_its_rules() -> None:
    site = site_of(ONE_HOST)
    ports = ports_of(site, site.host("mail"))
    files = files_of(ONE_HOST, "mail", "nftables")
    assert list(files) == [NFTABLES_PROGRAM, NFTABLES_UNIT_PART]
    assert f"\ntcp='{' '.join(map(str, ports))} '\n" in files[NFTABLES_PROGRAM]
    # With the hyphen a failure leaves the unit, and with it the host's own rules, as they are.
    run = f"-/bin/sh {NFTABLES_PROGRAM}"
    assert files[NFTABLES_UNIT_PART].splitlines()[-2:] == [
        f"ExecStartPost={run}",
        f"ExecReload={run}",
    ]

"""The example sites are valid, and their lab variants differ in nothing but the place."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from provisioner.lab.sites import LabSite, check_collisions
from provisioner.model.site import Site
from provisioner.site.load import load_site

_FOLDER = Path(__file__).parents[3] / "inventories"
_FILES = sorted(_FOLDER.glob("*/*.yaml"))
_LAB = (ip_network("10.89.0.0/24"), ip_network("198.18.0.0/24"))
# Where things are, and what the lab's own root zone needs.
_PLACE = {"hosts", "networks", "dns", "unbound"}


def _site(name: str) -> Site:
    return load_site(_FOLDER / name).site


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_FOLDER)))
def test_an_example_is_valid_and_worth_no_warning_but_the_open_ones(path: Path) -> None:
    assert bool(load_site(path).warnings) == path.name.startswith("open")


# What the tutorial gets wrong, as words of the warning and of the safe setting.
_TOLD = [
    ("networks.trusted: an open relay", "trusted: [your own networks]"),
    ("networks.resolver: an open resolver", "resolver: [your own networks]"),
    ("submission.cleartext_login: login in cleartext", "cleartext_login: false"),
    ("imap.cleartext_login: login in cleartext", "cleartext_login: false"),
    ("pop3.cleartext_login: login in cleartext", "cleartext_login: false"),
    ("tls: no TLS", "tls: self-signed"),
    ("allow_insecure.weak-hash: weak password schemes", "BLF-CRYPT"),
    ("relay_domains repeats mydestination", "no `relay_domains`"),
    (
        "smtpd_sasl_security_restrictions: Postfix has no such parameter",
        "smtpd_sasl_security_options",
    ),
    ("switches SELinux off", "SELinux enforcing"),
    ("switches the firewall off", "mail: 25, 110, 143, 587, 4190"),
    ("never opens 587", "users send on 587"),
]


@pytest.mark.parametrize("name", ["tutorial/open.yaml", "tutorial/open-lab.yaml"])
def test_all_that_the_tutorial_gets_wrong_is_told_with_the_safe_setting(name: str) -> None:
    told = load_site(_FOLDER / name).warnings
    assert len(told) == len(_TOLD)
    for word, safe in _TOLD:
        (one,) = (one for one in told if word in one.summary)
        assert safe in one.want
        assert one.got
        assert one.fix


@pytest.mark.parametrize(
    ("name", "variant"),
    [("tutorial/site.yaml", "tutorial/lab.yaml"), ("tutorial/open.yaml", "tutorial/open-lab.yaml")],
)
def test_a_lab_variant_means_the_same_elsewhere(name: str, variant: str) -> None:
    site, lab = _site(name), _site(variant)

    def meaning(one: Site) -> dict[str, object]:
        told = one.model_dump(exclude=_PLACE)
        # The reasons may speak of the place.
        return told | {"allow_insecure": set(one.allow_insecure)}

    assert meaning(lab) == meaning(site)
    assert [(host.key, host.fqdn, host.roles) for host in lab.hosts] == [
        (host.key, host.fqdn, host.roles) for host in site.hosts
    ]
    assert lab.dns.insecure == site.dns.insecure
    assert lab.dns.zone_type == site.dns.zone_type


@pytest.mark.parametrize(
    "name",
    [
        "tutorial/lab.yaml",
        "tutorial/open-lab.yaml",
        "beginner/lab.yaml",
        "lab/north.yaml",
        "lab/south.yaml",
    ],
)
def test_a_lab_variant_stays_in_the_lab(name: str) -> None:
    site = _site(name)
    servers = [server.address for zone in site.dns.forward for server in zone.servers]
    addresses = [address for host in site.hosts for address in host.addresses]
    assert servers
    assert all(any(address in one for one in _LAB) for address in servers + addresses)
    assert site.unbound["server"]["trust-anchor"] == ("@LAB_TRUST_ANCHOR@",)


def test_the_two_providers_can_share_a_lab() -> None:
    names = [_FOLDER / f"lab/{name}.yaml" for name in ("north", "south")]
    check_collisions([LabSite(path, load_site(path).site, "") for path in names])


def test_the_controller_of_the_lab_can_play_a_stranger() -> None:
    trusted = _site("tutorial/lab.yaml").networks.trusted
    assert not any(ip_address("10.89.0.254") in network for network in trusted)


def test_the_tutorials_open_values_are_all_there_with_a_reason() -> None:
    site = _site("tutorial/open.yaml")
    assert str(site.networks.trusted[0]) == "0.0.0.0/0"
    assert site.tls == "none"
    assert site.imap.cleartext_login
    assert {allowance.value for allowance in site.allow_insecure} == {
        "open-relay",
        "open-resolver",
        "cleartext-login",
        "no-tls",
        "weak-hash",
    }
    assert site.postfix.main["relay_domains"] == "$mydestination"
    assert "smtpd_sasl_security_restrictions" in site.postfix.main
    assert all(len(reason) > 10 for reason in site.allow_insecure.values())

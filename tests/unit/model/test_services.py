"""The one table of services: what a site opens is what is probed."""

from __future__ import annotations

from typing import Any

import pytest
from support.readings import reading_of

from provisioner.model.resolve import resolve_site
from provisioner.model.services import SERVICES, mail_services_of, ports_of
from provisioner.model.site import Imap, Pop3, Role, Submission

NO_TLS: dict[str, Any] = {
    "tls": "none",
    "allow_insecure": {"no-tls": "lab", "cleartext-login": "lab"},
    **{name: {"cleartext_login": "true"} for name in ("submission", "imap", "pop3")},
}
SITES: list[dict[str, Any]] = [{}, {"pop3": {"ports": []}, "imap": {"ports": "993"}}, NO_TLS]


@pytest.mark.parametrize("sections", SITES)
def test_the_ports_are_those_of_the_services_and_dns(sections: dict[str, Any]) -> None:
    site = resolve_site(reading_of(**sections))
    (host,) = site.hosts
    got = ports_of(site, host)
    assert got == tuple(sorted({53, *(service.port for service in mail_services_of(site, host))}))


@pytest.mark.parametrize(
    ("settings", "role", "protocol"),
    [
        (Submission(), Role.SUBMISSION, "smtp"),
        (Imap(), Role.STORE, "imap"),
        (Pop3(), Role.STORE, "pop3"),
    ],
)
def test_what_is_on_unless_the_site_says_otherwise_is_all_of_the_table(
    settings: Submission | Imap | Pop3, role: Role, protocol: str
) -> None:
    rows = {one.port for one in SERVICES if (one.role, one.protocol) == (role, protocol)}
    assert settings.ports == rows


def test_no_two_services_share_a_port_or_a_name() -> None:
    assert len({one.port for one in SERVICES}) == len(SERVICES)
    assert len({one.name for one in SERVICES}) == len(SERVICES)

"""The ports that a site opens are the ports that are probed."""

from __future__ import annotations

from typing import Any

import pytest
from support.readings import reading_of

from provisioner.model.ports import ports_of
from provisioner.model.resolve import resolve_site
from provisioner.probes.services import services_of

NO_TLS: dict[str, Any] = {
    "tls": "none",
    "allow_insecure": {"no-tls": "lab", "cleartext-login": "lab"},
    **{name: {"cleartext_login": "true"} for name in ("submission", "imap", "pop3")},
}
SITES: list[dict[str, Any]] = [{}, {"pop3": {"ports": []}, "imap": {"ports": "993"}}, NO_TLS]


@pytest.mark.parametrize("sections", SITES)
def test_the_ports_are_those_of_the_services_and_dns(sections: dict[str, Any]) -> None:
    site = resolve_site(reading_of(**sections).file)
    (host,) = site.hosts
    got = ports_of(site, host)
    assert got == tuple(sorted({53, *(service.port for service in services_of(site, host))}))

"""The rooms of a host, and the host as its daemons see it."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, site_of

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.secrets import SiteSecrets
from provisioner.platforms.records import platform_named
from provisioner.render.nature import Nature
from provisioner.rooms.registry import carrier_of


def test_a_system_that_a_room_does_not_know_is_refused() -> None:
    site = site_of(ONE_HOST)
    platform = platform_named("debian-12")
    known = {name: one for name, one in platform.daemons.items() if name != "dovecot"}
    nature = Nature(platform.model_copy(update={"daemons": known}))
    with pytest.raises(MailprovError) as caught:
        carrier_of(site, site.host("mail"), nature, SiteSecrets())
    assert caught.value.exit_code is ExitCode.REFUSED
    told = caught.value.diagnostics[0]
    assert (told.summary, told.where, told.got) == (
        "mailprov cannot set up Dovecot on this system",
        "mail",
        "Debian 12",
    )
    assert "Debian 13" in told.want

"""An option of the site's own stands in its own file, and mailprov's makes room for it."""

from __future__ import annotations

import re

import pytest
from unit.render.sites import TWO_HOSTS, artifacts_of, site_of

from provisioner.daemons.unbound.options import Sections, UnboundConf
from provisioner.daemons.unbound.quoting import TEMPLATES
from provisioner.render.environment import template_folder
from provisioner.render.settings import Rendered

_TEMPLATE = """\
{{ section("server") }}
    # why
    {{ option("deny-any", "yes") }}
    {{ option("private-address", "10.0.0.0/8") }}
    {{ option("private-address", "fc00::/7") }}
    local-zone: "a." static

{{ section("remote-control") }}
    {{ option("control-enable", "yes") }}
"""


def _rendered(own: Sections) -> Rendered:
    recorder = UnboundConf(own)
    made = TEMPLATES.environment.from_string(_TEMPLATE)
    return recorder.rendered(made.render(recorder.words()))


def test_without_options_of_the_site_all_is_mailprovs() -> None:
    got = _rendered({})
    assert got.text.decode().splitlines() == [
        "server:",
        "    # why",
        "    deny-any: yes",
        "    private-address: 10.0.0.0/8",
        "    private-address: fc00::/7",
        '    local-zone: "a." static',
        "",
        "remote-control:",
        "    control-enable: yes",
    ]
    assert got.settings == {
        "server/deny-any": ("yes",),
        "server/private-address": ("10.0.0.0/8", "fc00::/7"),
        "remote-control/control-enable": ("yes",),
    }


def test_all_lines_of_an_option_make_room_for_one_hint() -> None:
    got = _rendered({"server": {"private-address": ("10.0.0.0/8",), "prefetch": ("no",)}})
    assert got.text.decode().splitlines() == [
        "server:",
        "    # why",
        "    deny-any: yes",
        "    # private-address: set by site.yaml, see mailprov-site.conf",
        '    local-zone: "a." static',
        "",
        "remote-control:",
        "    control-enable: yes",
    ]
    assert got.settings.keys() == {"server/deny-any", "remote-control/control-enable"}


def test_an_option_of_one_clause_leaves_the_others_alone() -> None:
    got = _rendered({"remote-control": {"deny-any": ("no",), "control-enable": ("no",)}})
    assert "    deny-any: yes\n" in got.text.decode()
    assert "    # control-enable: set by site.yaml, see mailprov-site.conf\n" in got.text.decode()


def test_rows_of_data_stand_beside_the_sites() -> None:
    more = 'unbound: {server: {local-data: "x.example.org. A 10.0.0.9", deny-any: "no"}}\n'
    files = artifacts_of(site_of(TWO_HOSTS, more), "ns")
    folder = "/etc/unbound/unbound.conf.d"
    zones, server, site = (
        files[f"{folder}/mailprov-{part}.conf"].content.decode()
        for part in ("zones", "server", "site")
    )
    assert '    local-data: "mail.example.org. 3600 IN A 10.0.0.3"\n' in zones
    assert '    local-data: "x.example.org. A 10.0.0.9"\n' in site
    assert "    # deny-any: set by site.yaml, see mailprov-site.conf\n" in server


@pytest.mark.parametrize(
    "name", ["", *(f".d/mailprov-{part}" for part in ("server", "zones", "forward", "control"))]
)
def test_a_template_sets_nothing_but_rows_of_data_without_a_word(name: str) -> None:
    file = f"unbound.conf{name}{'.conf' if name else ''}.j2"
    text = template_folder().joinpath("unbound", *file.split("/")).read_text(encoding="utf-8")
    raw = {found[1] for found in re.finditer(r"^ *([a-z-]+):", text, re.MULTILINE)}
    assert raw <= {"local-zone", "local-data", "local-data-ptr", "include"}

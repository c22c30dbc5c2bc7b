"""How a plan looks."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, fulfilled, state_of, with_file

from provisioner.cli.plan_view import plan_lines
from provisioner.inventory.load import parse_site
from provisioner.model.secrets import SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.diff import diff_generation
from provisioner.plan.facts import Facts, Introduction
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.workflow.plan import SitePlan

SITE = parse_site(
    b"""
domain: example.org
hosts: {mail: {address: 192.0.2.10}}
users: {alice: {password: {env: ALICE}}}
""",
    "site.yaml",
).site


def concise(generation: Generation, facts: Facts) -> list[str]:
    survey = SitePlan({generation.host: diff_generation(generation, facts)})
    return [str(line) for line in plan_lines(survey, concise=True)]


def test_a_first_plan_of_one_host_is_read_on_one_screen() -> None:
    platform = platform_named("debian-12")
    generation = compile_generation(SITE, SITE.host("mail"), platform, SiteSecrets(), {})
    lines = concise(generation, Facts(Introduction(os_release={})))
    assert len(lines) <= 50
    assert not [line for line in lines if line.lstrip().startswith(("+", "-", "@@"))]
    (conf_d,) = [line for line in lines if " in /etc/dovecot/conf.d: missing" in line]
    assert conf_d.startswith("  create 1")
    assert any(line.startswith("  create file /etc/postfix/main.cf: missing (+") for line in lines)


def test_each_of_a_few_changes_is_one_line_with_what_comes_and_goes() -> None:
    was = replace(state_of(MAIN_CF), sha256="0" * 64, content=b"a = 1\n-x\n+y\n")
    facts = with_file(fulfilled(), MAIN_CF.path, was)
    facts = replace(facts, left_contents={MAIN_CF.path: MAIN_CF.content})
    drift = "edited on the host: content differs"
    *lines, last = concise(GENERATION, facts)
    assert lines == [
        "mail: Debian 12",
        f"  update file /etc/postfix/main.cf: content differs (+1 -2); {drift}",
        "  reload unit postfix.service: /etc/postfix/main.cf changed",
        f"  update record {GENERATION.id}: the generation stays",
        "3 changes on 1 host",
    ]
    assert "--overwrite-drift" in last

"""One command over several sites: each host is worked on by the run over its own site."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.refs import ref

from provisioner.site.load import parse_site
from provisioner.verbs.run import Run
from provisioner.verbs.runs import SITES_AT_ONCE, Runs, side_by_side

FILE = """\
domain: {0}
hosts: {{mail: {{address: 192.0.2.10}}}}
users: {{alice: {{password: {{env: X}}}}}}
"""
DOMAINS = ("one.example", "two.example", "three.example")


def runs() -> Runs:
    nothing: Any = None
    sites = [parse_site(FILE.format(name).encode(), name).site for name in DOMAINS]
    return Runs(
        tuple(Run(site, site.hosts, nothing, {}, nothing, nothing, "owner") for site in sites),
        several=True,
    )


def test_a_host_belongs_to_the_run_over_its_site() -> None:
    for name in DOMAINS:
        assert runs().of(ref("mail", name)).site.domain == name


def test_the_runs_over_some_sites_keep_their_order() -> None:
    got = runs().within({ref("x", "three.example").site, ref("x", "one.example").site})
    assert [run.site.domain for run in got.runs] == ["one.example", "three.example"]
    assert got.several


def test_sites_are_worked_on_at_the_same_time_and_answered_in_order() -> None:
    together = threading.Barrier(SITES_AT_ONCE, timeout=20)

    def work(number: int) -> int:
        together.wait()
        return number * 2

    numbers = range(SITES_AT_ONCE)
    assert side_by_side(numbers, work) == [number * 2 for number in numbers]


def test_a_lone_site_is_worked_on_where_ctrl_c_reaches_it() -> None:
    assert side_by_side([1], lambda _: threading.current_thread()) == [threading.main_thread()]


def test_what_goes_wrong_with_one_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side([1, 0], lambda number: 1 // number)

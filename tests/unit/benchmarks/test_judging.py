"""What a run said and left behind, judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import ANSIBLE, MAILPROV, PLAN, PYINFRA, render_ansible_cfg
from benchmarks.hosts import differences, questions, unlike_wanted
from benchmarks.layouts import BASE, CHANGED, spread_site, whole_sites
from benchmarks.measure import Measurement, parse_cpu, parse_pss
from benchmarks.resources import generations_of, resources_of
from benchmarks.scenarios import BenchmarkError, changes_in, check, inside_of
from provisioner.model.site import Site
from provisioner.site.load import parse_site

ANSIBLE_SAID = """\
PLAY RECAP ****
h1 : ok=11   changed=0    unreachable=0    failed=0
h2 : ok=11   changed=2    unreachable=0    failed=0
"""
PYINFRA_SAID = "    Grand total     88      {}       -       {}   \n"
MAILPROV_SAID = """\
HOST  STATUS     CHANGES  GENERATION        SERVICES
h1    changed    3        b91e4bb84146cbf7  postfix reloaded
h2    unchanged  0        b91e4bb84146cbf8  -
"""


def _site(text: str) -> Site:
    return parse_site(text.replace("@LAB_TRUST_ANCHOR@", ". DS 1 8 2 00").encode(), "x").site


def _done(output: str, status: int = 0) -> Measurement:
    return Measurement(1.0, 1.0, 1.0, 0, 0, (status,), output)


@pytest.mark.parametrize(
    ("name", "output", "want"),
    [
        (ANSIBLE, ANSIBLE_SAID, 2),
        (PYINFRA, PYINFRA_SAID.format("-", "88"), 0),
        (PYINFRA, PYINFRA_SAID.format("4", "84"), 4),
        (MAILPROV, MAILPROV_SAID, 1),
        (PLAN, "0 changes on 1 host\n", None),
    ],
)
def test_changes_are_counted_from_what_a_tool_says(name: str, output: str, want: int) -> None:
    assert changes_in(name, output) == want


def test_a_run_that_failed_has_no_time() -> None:
    with pytest.raises(BenchmarkError, match="ended with"):
        check(ANSIBLE, _done(ANSIBLE_SAID, status=2), changes=True)


def test_a_run_with_nothing_to_do_must_not_change_anything() -> None:
    check(PYINFRA, _done(PYINFRA_SAID.format("-", "88")), changes=False)
    with pytest.raises(BenchmarkError, match="changed 4 things"):
        check(PYINFRA, _done(PYINFRA_SAID.format("4", "84")), changes=False)


def test_a_run_that_should_change_something_must_do_so() -> None:
    with pytest.raises(BenchmarkError, match="changed 0 things"):
        check(PYINFRA, _done(PYINFRA_SAID.format("-", "88")), changes=True)


def test_seconds_that_a_run_counted_itself_are_its_last_line() -> None:
    assert inside_of('warning\n{"inside": 0.25, "reading": 0.1}\n') == 0.25
    assert inside_of("PLAY RECAP\n") is None
    assert inside_of("") is None


def test_processor_time_and_memory_are_read_as_the_kernel_writes_them() -> None:
    assert parse_cpu("usage_usec 1500000\nuser_usec 1000000\n") == 1.5
    assert parse_pss("Rss:  9 kB\nPss:      2048 kB\nPss_Dirty: 1 kB\n") == 2 * 1024 * 1024
    assert (parse_cpu(""), parse_pss("")) == (0.0, 0)


def test_every_layout_is_valid_and_its_variants_differ_in_one_setting() -> None:
    for text in (*whole_sites(), *spread_site()):
        base, changed = (generations_of(_site(one)) for one in (text.base, text.changed))
        assert text.base.replace(BASE, CHANGED) == text.changed
        differing = {
            a.path
            for one, other in zip(base, changed, strict=True)
            for a, b in zip(one.artifacts, other.artifacts, strict=True)
            if a.sha256 != b.sha256
        }
        assert differing == {"/etc/postfix/main.cf"}


def test_the_whole_layout_has_eight_servers_and_the_spread_one_a_single_site_of_eight() -> None:
    assert [len(_site(text.base).hosts) for text in whole_sites()] == [1] * 8
    assert [len(_site(text.base).hosts) for text in spread_site()] == [8]


def test_other_tools_get_every_file_of_a_host_once() -> None:
    (generation,) = generations_of(_site(whole_sites(1)[0].base))
    resources = resources_of(generation)
    files = [f for group in resources["files"].values() for f in group]
    got = [f["path"] for f in [*files, *resources["resolver"]]]
    assert sorted(got) == sorted(artifact.path for artifact in generation.artifacts)
    assert [u["name"] for u in resources["units"]] == [
        "unbound.service",
        "dovecot.service",
        "postfix.service",
    ]
    asked = questions(resources)
    assert {("file", path) for path in got} <= set(asked)
    assert ("place", "/etc/mailprov/tls/site.pem") in asked


def test_a_resource_that_differs_between_two_hosts_is_told() -> None:
    one = {"h1": {"file /a": "x", "unit b": "enabled"}}
    assert differences(one, one) == []
    assert differences(one, {"h1": {"file /a": "y", "unit b": "enabled"}}) == [
        "h1: file /a: 'x', not 'y'"
    ]
    assert differences(one, {"h1": {"file /a": "x"}}) == ["h1: unit b: 'enabled', not 'nothing'"]


def test_a_file_with_another_mode_is_not_as_wanted() -> None:
    file = {"path": "/a", "owner": "root", "group": "mail", "mode": "0640", "sha256": "00"}
    wanted = {"h1": {"packages": [], "units": [], "files": {"postfix": [file]}, "resolver": []}}
    good = {"h1": {"file /a": "regular file root:mail 640 00  -"}}
    assert unlike_wanted(good, wanted) == []
    bad = {"h1": {"file /a": "regular file root:mail 644 00  -"}}
    assert len(unlike_wanted(bad, wanted)) == 1
    assert len(unlike_wanted({}, wanted)) == 1


def test_ansible_is_configured_as_its_documentation_advises(tmp_path: Path) -> None:
    text = render_ansible_cfg("linear", tmp_path)
    for line in ("pipelining = True", "forks = 8", "interpreter_python = /usr/bin/python3"):
        assert line in text.splitlines()
    assert "ControlPersist" in text

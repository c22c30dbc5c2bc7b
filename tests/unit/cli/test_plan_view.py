"""What `plan` prints of several hosts."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF

from provisioner.cli.plan_view import plan_lines
from provisioner.model.names import HostKey
from provisioner.plan.diff import diff_generation
from provisioner.plan.facts import Facts, Introduction
from provisioner.workflow.plan import SitePlan

BARE = Facts(Introduction(os_release={}))


def test_lines_that_hosts_have_alike_are_shown_once_and_the_others_name_the_host() -> None:
    own = replace(MAIN_CF, content=b"a = 3\n")
    generations = {
        "one": GENERATION,
        "two": replace(GENERATION, artifacts=(own, *GENERATION.artifacts[1:])),
        "three": GENERATION,
    }
    plans = {HostKey(key): diff_generation(each, BARE) for key, each in generations.items()}
    got = [str(line) for line in plan_lines(SitePlan(plans))]
    starts = [got.index(f"{key}: Debian 12") for key in generations]
    one, two, three = (
        got[start:end] for start, end in zip(starts, [*starts[1:], len(got)], strict=True)
    )
    file = f"  create file {MAIN_CF.path}: missing"
    assert one[one.index(file) + 4] == "    +a = 1"
    assert two[two.index(file) + 4] == "    +a = 3"
    assert three[three.index(file) + 1] == "    the same lines as on one"
    assert "    the same lines as on one" in two  # its aliases
    assert "    the same lines as on one" not in one

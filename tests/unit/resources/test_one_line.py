"""Kinds that a host tells of in a line: what a module of a few lines gets from that."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from support.generations import GENERATION, HOST, fulfilled

from provisioner import resources
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts, Introduction
from provisioner.facts.observation import parse_facts, parse_introduction
from provisioner.plan.change import Plan
from provisioner.plan.comparison import compare_paths
from provisioner.plan.diff import diff_generation
from provisioner.plan.drift import find_drift
from provisioner.plan.generation import Generation
from provisioner.plan.listing import host_listing
from provisioner.plan.manifest import observation_rows
from provisioner.plan.recall import Remembered, generation_as_found, recall_generation
from provisioner.plan.record import name_of
from provisioner.plan.rollback import diff_recalled
from provisioner.plan.transaction import pack_transaction
from provisioner.probes.hosts import FileProblem
from provisioner.remote.protocol import MalformedError
from provisioner.render.artifact import Plane
from provisioner.resources import registry
from provisioner.resources.change import Action

KINDS = Path(__file__).parents[2] / "lab/kinds"
TIDY = ("timer", "tidy.timer")
DAILY = "*-*-* 03:00:00"
ON, OFF = f"enabled active {DAILY}", f"disabled inactive {DAILY}"


@pytest.fixture(autouse=True)
def _found() -> Iterator[None]:
    """Have one more module be found beside the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "__path__", [*resources.__path__, str(KINDS)])
        registry.kinds.cache_clear()
        yield
    registry.kinds.cache_clear()


def with_timer(calendar: str = DAILY) -> Generation:
    """Return the generation with a timer."""
    timer = import_module("provisioner.resources.timer").Timer("tidy.timer", calendar)
    return replace(GENERATION, others=(timer,))


def with_line(facts: Facts, now: str, left: str | None = None) -> Facts:
    """Return the facts with the timer as it is, and as the last transaction left it."""
    lines = {TIDY: left} if left else {}
    introduction = replace(facts.introduction, lines=lines)
    return replace(facts, lines={TIDY: now}, introduction=introduction)


def rows_of(plan: Plan) -> list[list[str]]:
    """Return the rows of the plan's transaction."""
    with tarfile.open(fileobj=io.BytesIO(pack_transaction(plan))) as opened:
        steps = opened.extractfile("steps")
        assert steps is not None
        return [row.split("\t") for row in steps.read().decode().splitlines()]


def timers(plan: Plan) -> list[tuple[str, str, str]]:
    return [(c.action.value, c.name, c.reason) for c in plan.changes if c.kind == "timer"]


def test_it_is_asked_for_where_it_is_wanted_or_was_left() -> None:
    asked = b"resource\ttimer\ttidy.timer\n"
    nobody = Introduction({})
    assert asked in observation_rows(with_timer(), nobody)
    assert asked not in observation_rows(GENERATION, nobody)
    assert asked in observation_rows(GENERATION, replace(nobody, lines={TIDY: ON}))


def test_what_a_host_tells_and_has_left_is_read() -> None:
    told = ["@managed", "unit\tx.service", f"resource\ttimer\ttidy.timer\t{ON}", "@ready"]
    introduction = parse_introduction(told)
    assert introduction.lines == {TIDY: ON}
    assert parse_facts(introduction, ["@resources", f"timer\ttidy.timer\t{OFF}"]).lines == {
        TIDY: OFF
    }
    with pytest.raises(MalformedError) as caught:
        parse_facts(introduction, ["@resources", "timer\ttidy.timer"])
    assert caught.value.section == "resources"
    with pytest.raises(MalformedError) as caught:
        parse_introduction(["@managed", "resource\ttimer\ttidy.timer", "@ready"])
    assert caught.value.section == "managed"


def test_what_a_host_tells_nothing_of_is_missing() -> None:
    facts = with_line(fulfilled(with_timer()), ON, ON)
    silent, missing = (replace(facts, lines=lines) for lines in ({}, {TIDY: "-"}))
    plans = [diff_generation(with_timer(), one) for one in (silent, missing)]
    assert timers(plans[0]) == timers(plans[1])
    assert plans[0].drift == plans[1].drift
    assert plans[0].seen == plans[1].seen
    compared = [list(compare_paths(with_timer(), one)) for one in (silent, missing)]
    assert compared[0] == compared[1]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (ON, []),
        (OFF, [("update", "tidy.timer", f"is {OFF}, wanted {ON}")]),
        ("-", [("create", "tidy.timer", f"is missing, wanted {ON}")]),
    ],
)
def test_it_changes_where_its_line_is_another(now: str, told: list[tuple[str, str, str]]) -> None:
    assert (
        timers(diff_generation(with_timer(), with_line(fulfilled(with_timer()), now, ON))) == told
    )


def test_its_change_comes_behind_the_services() -> None:
    plan = diff_generation(with_timer(), Facts(Introduction({})))
    kinds = [change.kind for change in plan.changes]
    assert kinds.index("timer") > max(n for n, kind in enumerate(kinds) if kind == "unit")
    assert kinds[-1] == "record"


def test_the_transaction_keeps_its_line_puts_it_and_remembers_it() -> None:
    rows = rows_of(diff_generation(with_timer(), with_line(fulfilled(GENERATION), OFF)))
    assert ["resource", "timer", "tidy.timer"] in rows
    assert ["act-configuration", "resource", "timer", "tidy.timer", ON] in rows
    assert ["managed", "resource", "timer", "tidy.timer", ON] in rows
    assert ["seen", "timer tidy.timer", OFF] in rows
    acts = [row[1] for row in rows if row[0] == "act-configuration"]
    assert acts.index("begin") < acts.index("resource")


def test_what_is_wanted_no_more_is_given_back() -> None:
    plan = diff_generation(GENERATION, with_line(fulfilled(), ON, ON))
    assert timers(plan) == [("retire", "tidy.timer", "no longer part of this host")]
    rows = rows_of(plan)
    assert ["act-configuration", "restore_resource", "timer", "tidy.timer"] in rows
    assert ["resource", "timer", "tidy.timer"] in rows
    assert not [row for row in rows if row[:2] == ["managed", "resource"]]


def test_what_somebody_changed_is_drift_unless_it_is_what_the_site_wants() -> None:
    assert find_drift(with_timer(), with_line(fulfilled(with_timer()), ON, ON)) == {}
    assert find_drift(with_timer(), with_line(fulfilled(with_timer()), ON, OFF)) == {}
    drift = find_drift(with_timer(), with_line(fulfilled(with_timer()), OFF, ON))
    assert drift["tidy.timer"].what == f"is {OFF}, was left {ON}"
    plan = diff_generation(with_timer(), with_line(fulfilled(with_timer()), OFF, ON))
    assert [one.path for one in plan.drift] == ["tidy.timer"]


@pytest.mark.parametrize("has_timer", [True, False])
def test_what_somebody_changed_may_stay_and_is_drift_still(*, has_timer: bool) -> None:
    wanted = with_timer() if has_timer else GENERATION
    facts = with_line(fulfilled(wanted), OFF, ON)
    plan = diff_generation(wanted, facts, keep_drift=True)
    assert timers(plan) == []
    assert plan.drift == ()
    assert ["managed", "resource", "timer", "tidy.timer", ON] in rows_of(plan)


def test_verify_compares_it_with_what_is_wanted() -> None:
    assert ("tidy.timer", ()) in compare_paths(with_timer(), with_line(fulfilled(), ON))
    problem = FileProblem("state", OFF, ON)
    assert ("tidy.timer", (problem,)) in compare_paths(with_timer(), with_line(fulfilled(), OFF))


def test_a_generation_is_named_by_it_and_recalled_with_it() -> None:
    assert with_timer().id != GENERATION.id
    assert b"others" not in GENERATION.record
    weekly = replace(with_timer("Mon *-*-* 03:00:00"), artifacts=())
    assert weekly.id != replace(with_timer(), artifacts=()).id
    again = recall_generation(HOST, weekly.id, Remembered(weekly.record, {}))
    assert again.others == weekly.others


def test_a_record_with_a_kind_that_is_not_known_is_refused_and_named() -> None:
    stored = replace(with_timer(), artifacts=()).record.replace(b'"timer"', b'"moon"')
    with pytest.raises(MailprovError, match="moon"):
        recall_generation(HOST, name_of(stored), Remembered(stored, {}))


def test_a_host_that_has_a_kind_that_is_not_known_is_refused() -> None:
    facts = fulfilled()
    introduction = replace(facts.introduction, lines={("moon", "full"): "up"})
    with pytest.raises(MailprovError) as refused:
        diff_generation(GENERATION, replace(facts, introduction=introduction))
    assert refused.value.exit_code is ExitCode.REFUSED
    (told,) = refused.value.diagnostics
    assert (told.where, told.got) == ("mail", "moon full")


def test_the_way_to_generation_0_stops_it_and_gives_it_back_behind_the_files() -> None:
    found = generation_as_found(HOST, GENERATION.platform)
    plan = diff_recalled(found, with_line(fulfilled(with_timer()), ON, ON))
    actions = [(change.kind, change.action) for change in plan.changes]
    retired = actions.index(("timer", Action.RETIRE))
    restored = actions.index(("timer", Action.RESTORE))
    files = [n for n, (kind, _) in enumerate(actions) if kind == "file"]
    assert retired < min(files) < max(files) < restored
    assert all(change.plane is Plane.CONFIGURATION for change in plan.changes)


def test_it_is_listed_as_it_is_wanted() -> None:
    assert f"\ntimer tidy.timer: {ON}\n".encode() in host_listing(with_timer())

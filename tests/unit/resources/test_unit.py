"""A unit is restarted where a reload does not do, reloaded where it does, or left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.generations import GENERATION, MAIN_CF, MAP, fulfilled, state_of, steps, with_file

from provisioner.facts.host import Facts
from provisioner.plan.diff import diff_generation
from provisioner.plan.manifest import observation_rows
from provisioner.platforms.records import platform_named
from provisioner.resources.unit import Unit, UnitState


def test_a_file_that_a_reload_does_not_reach_restarts_its_daemon() -> None:
    resolver = replace(MAP, path="/etc/resolv.conf", restart=True)
    generation = replace(GENERATION, artifacts=(MAIN_CF, resolver))
    facts = with_file(fulfilled(generation), resolver.path, None)
    assert ("restart", "unit", "postfix.service") in steps(generation, facts)


def test_a_daemon_that_is_down_is_started_and_not_reloaded() -> None:
    facts = fulfilled()
    down = UnitState("postfix@-.service", "loaded", "failed", "failed", "", 0, "exit-code")
    facts = replace(facts, units={**facts.units, down.name: down})
    facts = with_file(facts, MAP.path, None)
    got = [step for step in steps(GENERATION, facts) if step[1] == "unit"]
    assert got == [("start", "unit", "postfix.service")]


UPGRADED = replace(
    GENERATION,
    platform=platform_named("debian-13"),
    units=(Unit("postfix", "postfix.service", "postfix.service"),),
)


def test_a_unit_of_the_release_before_that_still_runs_makes_way() -> None:
    # Debian 12's name of the daemon, and postfix.service as that release left it behind.
    old = UnitState("postfix@-.service", "loaded", "active", "running", "disabled", 0, "success")
    left = UnitState("postfix.service", "loaded", "active", "exited", "enabled", 0, "success")
    facts = replace(fulfilled(UPGRADED), units={one.name: one for one in (old, left)})
    assert [step for step in steps(UPGRADED, facts) if step[1] == "unit"] == [
        ("retire", "unit", "postfix@-.service"),
        ("restart", "unit", "postfix.service"),
    ]
    gone = replace(facts, units={**facts.units, old.name: replace(old, active="inactive")})
    assert [step for step in steps(UPGRADED, gone) if step[1] == "unit"] == [
        ("restart", "unit", "postfix.service")
    ]
    assert steps(UPGRADED, fulfilled(UPGRADED)) == []
    assert b"unit\tpostfix@-.service\n" in observation_rows(UPGRADED, facts.introduction)


def test_a_dovecot_that_was_running_before_us_starts_anew() -> None:
    unit = Unit("dovecot", "dovecot.service", "dovecot.service")
    part = replace(MAP, path="/etc/dovecot/dovecot.conf", daemons=("dovecot",))
    generation = replace(GENERATION, artifacts=(part,), units=(unit, *GENERATION.units))
    facts = with_file(fulfilled(generation), part.path, None)
    # It may have started before a module was installed whose settings it now has to read.
    assert ("restart", "unit", "dovecot.service") in steps(generation, facts)
    ours = replace(facts.introduction, managed_units=frozenset({"dovecot.service"}))
    assert ("reload", "unit", "dovecot.service") in steps(
        generation, replace(facts, introduction=ours)
    )
    assert not [step for step in steps(generation, fulfilled(generation)) if "unit" in step]


def test_a_service_that_a_broken_off_apply_owed_a_restart_gets_it() -> None:
    facts = fulfilled()
    introduction = replace(facts.introduction, unfinished=frozenset({"postfix.service"}))
    got = steps(GENERATION, replace(facts, introduction=introduction))
    assert got == [("restart", "unit", "postfix.service"), ("update", "record", GENERATION.id)]


def test_a_mode_alone_restarts_nothing() -> None:
    resolver = replace(MAP, path="/etc/resolv.conf", restart=True)
    generation = replace(GENERATION, artifacts=(MAIN_CF, resolver))
    state = replace(state_of(resolver), mode=0o600)
    got = steps(generation, with_file(fulfilled(generation), resolver.path, state))
    assert ("restart", "unit", "postfix.service") not in got


def with_unit(**changed: object) -> Facts:
    facts = fulfilled()
    units = {name: replace(unit, **changed) for name, unit in facts.units.items()}  # type: ignore[arg-type]
    return replace(facts, units=units)


_TWO = with_file(
    with_file(fulfilled(), MAP.path, replace(state_of(MAP), mode=0o600)),
    MAIN_CF.path,
    replace(state_of(MAIN_CF), mode=0o600),
)
_OWED = replace(fulfilled().introduction, unfinished=frozenset({"postfix.service"}))


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        (with_unit(enabled="disabled"), "enable", "does not start at boot"),
        (with_unit(active="failed"), "start", "not running"),
        (with_unit(sub="exited"), "restart", "is active without a process"),
        (replace(fulfilled(), introduction=_OWED), "restart", "an earlier apply was interrupted"),
        (with_file(fulfilled(), MAP.path, None), "reload", f"{MAP.path} changed"),
        (_TWO, "reload", f"{MAIN_CF.path} and 1 more changed"),
    ],
)
def test_a_unit_is_touched_for_a_reason_that_the_plan_says(
    facts: Facts, action: str, reason: str
) -> None:
    plan = diff_generation(GENERATION, facts)
    got = [(one.action.value, one.reason) for one in plan.changes if one.kind == "unit"]
    assert got == [(action, reason)]


def test_a_restart_names_the_file_that_needs_it_and_no_other() -> None:
    resolver = replace(MAP, path="/etc/resolv.conf", restart=True)
    generation = replace(GENERATION, artifacts=(MAIN_CF, resolver))
    facts = with_file(with_file(fulfilled(generation), resolver.path, None), MAIN_CF.path, None)
    facts = with_file(facts, MAIN_CF.path, replace(state_of(MAIN_CF), mode=0o600))
    plan = diff_generation(generation, facts)
    assert [one.reason for one in plan.changes if one.kind == "unit"] == [
        "/etc/resolv.conf changed"
    ]


def test_a_unit_that_takes_anothers_place_names_it_on_both_sides() -> None:
    old = UnitState("postfix@-.service", "loaded", "active", "running", "disabled", 0, "success")
    facts = fulfilled(UPGRADED)
    plan = diff_generation(UPGRADED, replace(facts, units={**facts.units, old.name: old}))
    assert [(one.name, one.reason) for one in plan.changes if one.kind == "unit"] == [
        ("postfix@-.service", "postfix.service takes its place"),
        ("postfix.service", "replaces postfix@-.service"),
    ]

"""A unit is restarted where a reload does not do, reloaded where it does, or left alone."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, MAP, fulfilled, state_of, steps, with_file

from provisioner.facts.host import UnitState
from provisioner.plan.manifest import observation_rows
from provisioner.platforms.records import platform_named
from provisioner.resources.declared import Unit


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

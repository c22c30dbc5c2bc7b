"""A generation's name on a host: by its bytes, or as the host has had it."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, fulfilled, state_of, steps, with_file

from provisioner.facts.host import Facts
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import AS_FOUND, Stored
from provisioner.plan.record_1 import name_1
from provisioner.plan.transaction import pack_transaction

OLD = name_1(GENERATION.recorded)
"""What mailprov 0.1 called this very configuration."""
EDITED = replace(MAIN_CF, content=b"a = 3\n")


def of_before(facts: Facts | None = None) -> Facts:
    """Return a host that is as the generation says, under the name of before."""
    facts = facts or fulfilled()
    return replace(facts, introduction=replace(facts.introduction, generation=OLD))


def test_a_host_with_this_configuration_under_its_old_name_needs_no_change() -> None:
    plan = diff_generation(GENERATION, of_before())
    assert (plan.changes, plan.name) == ((), OLD)
    assert GENERATION.id != OLD


def test_what_is_put_right_there_keeps_the_name_and_the_record() -> None:
    facts = with_file(of_before(), MAIN_CF.path, state_of(EDITED))
    plan = diff_generation(GENERATION, facts)
    (record,) = (change for change in plan.changes if change.kind == "record")
    assert (record.name, record.reason) == (OLD, "the generation stays")
    rows = pack_transaction(plan)
    assert f"act-configuration\tbegin\t{OLD}\n".encode() in rows
    assert b"\nrecord\t" not in rows
    assert GENERATION.record not in rows


def test_another_configuration_gets_its_own_name_there() -> None:
    other = replace(GENERATION, artifacts=(EDITED, *GENERATION.artifacts[1:]))
    plan = diff_generation(other, of_before())
    assert plan.name == other.id
    assert ("update", "record", other.id) in steps(other, of_before())
    assert other.record in pack_transaction(plan)


def test_a_host_that_was_found_or_never_changed_gets_the_own_name() -> None:
    for in_force in (None, "", AS_FOUND, "0123456789abcdef", GENERATION.id):
        assert GENERATION.name_on(in_force) == GENERATION.id
    assert replace(GENERATION, as_found=True).name_on(OLD) == AS_FOUND


def test_what_was_recalled_keeps_its_name_and_its_bytes() -> None:
    recalled = replace(GENERATION, recalled=Stored("feedfacefeedface", b"as it was"))
    assert (recalled.id, recalled.record) == ("feedfacefeedface", b"as it was")
    assert recalled.stored == GENERATION.stored
    plan = diff_generation(recalled, fulfilled())
    assert plan.name == "feedfacefeedface"
    assert b"as it was" in pack_transaction(plan)


def test_what_is_behind_a_gate_is_another_generation_and_no_old_name_is_its() -> None:
    behind = replace(GENERATION, passed=("0123456789abcdef",))
    assert behind.id != GENERATION.id
    assert behind.name_on(OLD) == behind.id
    plan = diff_generation(behind, fulfilled())
    assert [(change.kind, change.name) for change in plan.changes] == [("record", behind.id)]
    assert b"managed\tpassed\t0123456789abcdef\n" in pack_transaction(plan)

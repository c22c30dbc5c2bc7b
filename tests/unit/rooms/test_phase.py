"""By what a host remembers an action or a gate, and what is still ahead of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from provisioner.rooms.phase import Gate, SiteAction, ahead_of, passed_of

ACTION = SiteAction(id="a.publish", text="Publish", about=("record",), program="true")
GATE = Gate(id="a.seen", text="Seen?", about=("record",), questions=(), again=timedelta(hours=1))


def test_another_wording_is_the_same_gate_and_another_thing_is_another() -> None:
    again = timedelta(hours=2)
    assert replace(GATE, text="Is it seen?", again=again).key == GATE.key
    assert replace(GATE, about=("another record",)).key != GATE.key
    assert replace(GATE, id="a.other").key != GATE.key
    assert replace(GATE, about=("rec", "ord")).key != GATE.key


def test_the_key_is_the_same_in_every_version() -> None:
    assert GATE.key == "9e03711ad89231f4"


def test_what_is_remembered_is_not_ahead_and_what_nobody_names_is_forgotten() -> None:
    rows = ((ACTION, GATE),)
    assert ahead_of(rows, ()) == rows
    assert ahead_of(rows, {ACTION.key}) == ((GATE,),)
    assert ahead_of(rows, {ACTION.key, GATE.key}) == ()
    assert passed_of(rows, {GATE.key, "of another time"}) == (GATE.key,)
    assert passed_of(rows, {GATE.key, ACTION.key}) == tuple(sorted((ACTION.key, GATE.key)))

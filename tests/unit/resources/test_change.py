"""A change as programs read it (docs/reference/commands.md)."""

from __future__ import annotations

from provisioner.resources.change import Action, Change, Drift


def test_what_is_empty_is_left_out() -> None:
    assert Change("unit", "postfix.service", Action.RELOAD, "x changed").as_json() == {
        "kind": "unit",
        "name": "postfix.service",
        "action": "reload",
        "reason": "x changed",
    }


def test_a_diff_and_what_somebody_else_did_are_told_apart() -> None:
    drift = Drift("/etc/x", "content differs", "-mine\n+theirs\n")
    change = Change("file", "/etc/x", Action.UPDATE, "differs", "-theirs\n+new\n", drift)
    got = change.as_json()
    assert got["diff"] == "-theirs\n+new\n"
    assert got["drift"] == {"what": "content differs", "diff": "-mine\n+theirs\n"}

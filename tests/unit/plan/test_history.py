"""The history of a host, and which generation a person means by it."""

from __future__ import annotations

import pytest

from provisioner.diagnostics import ExitCode, MailprovError, quoted
from provisioner.plan.history import (
    History,
    check_wanted,
    choose_generation,
    parse_event,
    parse_history,
)

A, B, C = "aaaa000000000001", "aaaa111100000002", "cccc000000000003"


def line(serial: int, plane: str, generation: str, outcome: str) -> str:
    return f"2026-11-24T10:00:0{serial}Z\t{serial}\t{plane}\t{generation}\troot@x\t{outcome}"


LINES = [
    line(1, "directory", "", "in force"),
    line(2, "configuration", A, "confirmed"),
    line(3, "configuration", B, "confirmed"),
    line(4, "configuration", C, "returned: not confirmed in time"),
    line(5, "directory", B, "in force"),
]
HISTORY = parse_history([f"5\t{B}"], LINES, ["0", A, B], ["1", "5"])


def choose(wanted: str | None, history: History = HISTORY) -> str:
    return choose_generation("mail", history, wanted)


def test_each_plane_has_its_own_current_event() -> None:
    assert [event.serial for event in HISTORY.events if HISTORY.is_current(event)] == ["3", "5"]


def test_what_can_be_brought_back_is_what_is_kept_and_was_confirmed() -> None:
    got = [event.serial for event in HISTORY.events if HISTORY.can_return_to(event)]
    assert got == ["1", "2", "3", "5"]


def test_what_was_not_confirmed_or_is_not_kept_cannot_be_brought_back() -> None:
    event = parse_event(line(4, "configuration", A, "returned: not confirmed in time"))
    assert event
    assert not HISTORY.can_return_to(event)
    gone = parse_event(line(4, "configuration", C, "confirmed"))
    assert gone
    assert not HISTORY.can_return_to(gone)


def test_a_configuration_that_is_not_in_force_is_not_current() -> None:
    history = parse_history([f"5\t{A}"], LINES, ["0", A, B], ["1", "5"])
    # The last that was confirmed is another than the host has.
    assert [event.serial for event in history.events if history.is_current(event)] == ["5"]


def test_the_head_and_the_numbers_are_kept() -> None:
    assert (HISTORY.serial, HISTORY.current) == ("5", B)
    assert HISTORY.snapshots == frozenset({"1", "5"})


def test_without_a_wish_it_is_the_configuration_before_the_one_in_force() -> None:
    assert choose(None) == A


def test_a_second_rollback_undoes_the_first() -> None:
    after = parse_history(
        [f"6\t{A}"], [*LINES, line(6, "configuration", A, "confirmed")], [A, B], []
    )
    assert choose(None, after) == B


@pytest.mark.parametrize(("wanted", "want"), [("0", "0"), (A, A), ("aaaa0", A), ("aaaa1111", B)])
def test_the_beginning_of_an_id_is_enough(wanted: str, want: str) -> None:
    assert choose(wanted) == want


@pytest.mark.parametrize(
    ("wanted", "got", "words"),
    [
        ("aaaa", f"aaaa: {A}, {B}", "several"),
        ("cccc", "cccc", "no such"),
        ("ffff", "ffff", "no such"),
    ],
)
def test_what_is_several_or_none_is_refused(wanted: str, got: str, words: str) -> None:
    with pytest.raises(MailprovError) as caught:
        choose(wanted)
    assert caught.value.exit_code is ExitCode.REFUSED
    (told,) = caught.value.diagnostics
    assert (told.where, told.got, told.want) == ("mail", got, f"0, {A}, {B}")
    assert words in told.summary


def test_a_host_that_keeps_nothing_is_told_so() -> None:
    with pytest.raises(MailprovError) as caught:
        choose("ffff", History())
    assert "confirmed" in caught.value.diagnostics[0].want


def test_the_host_as_found_is_never_taken_by_default() -> None:
    first = parse_history([f"2\t{A}"], LINES[:2], ["0", A], ["1"])
    with pytest.raises(MailprovError) as caught:
        choose(None, first)
    (told,) = caught.value.diagnostics
    assert (told.where, told.got) == ("mail", f"generation {A} in force")
    assert told.summary
    assert told.want
    assert "--to 0" in told.fix


def test_neither_users_nor_what_returned_is_a_configuration_to_go_back_to() -> None:
    lines = [
        line(1, "configuration", A, "confirmed"),
        line(2, "configuration", B, "returned: not confirmed in time"),
        line(3, "directory", B, "in force"),
        line(4, "directory", B, "confirmed"),
        line(5, "configuration", C, "confirmed"),
    ]
    assert choose(None, parse_history([f"5\t{C}"], lines, [A, B, C], [])) == A


def test_a_generation_that_is_gone_is_passed_over() -> None:
    lines = [*LINES, line(6, "configuration", C, "confirmed")]
    history = parse_history([f"6\t{C}"], lines, ["0", A, C], [])
    assert choose(None, history) == A


@pytest.mark.parametrize("wanted", ["", "00", "abc", "ABCD", "aaaa ", "../..", "a" * 17])
def test_what_cannot_be_an_id_is_wrong_usage(wanted: str) -> None:
    with pytest.raises(MailprovError) as caught:
        check_wanted(wanted)
    assert caught.value.exit_code is ExitCode.USAGE
    (told,) = caught.value.diagnostics
    assert told.got == quoted(wanted)
    assert told.want
    assert "mailprov history" in told.fix


@pytest.mark.parametrize("wanted", ["0", "abcd", "a" * 16])
def test_what_may_be_an_id_passes(wanted: str) -> None:
    check_wanted(wanted)


@pytest.mark.parametrize("text", ["", "2026-11-24T10:00:00Z\t3\tconf", line(1, "other", A, "x")])
def test_a_line_that_a_full_disk_cut_short_is_passed_over(text: str) -> None:
    assert parse_event(text) is None


def test_a_host_without_history_has_none() -> None:
    assert parse_history([], [], [], []) == History()

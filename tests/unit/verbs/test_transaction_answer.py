"""What a host answers while it carries out a transaction."""

from __future__ import annotations

from provisioner.verbs.transaction_answer import read_answer


def test_each_step_is_told_and_the_end_is_seen() -> None:
    told: list[str] = []
    answer = read_answer(
        ["@step check", "@check doveconf -n 0", "@step admit /etc/x", "@step reload a.service",
         "@finished"],
        told.append,
    )  # fmt: skip
    assert told == ["checking the new configuration", "activating files", "reload a"]
    assert answer.finished
    assert answer.notes() == ()


def test_a_failed_step_has_its_output_and_a_check_its_name() -> None:
    answer = read_answer(
        ["@check doveconf -n 1", "|bad line", "@failed reload x", "|why", "|@finished"],
        lambda _: None,
    )
    assert answer.checks == ["doveconf -n: bad line"]
    assert (answer.failed, answer.output, answer.finished) == (
        "reload x",
        ["why", "@finished"],
        False,
    )


def test_ended_sessions_are_noted_and_a_failure_to_end_one_is_told() -> None:
    answer = read_answer(
        ["@ended alice@example.org", "@ended bob@example.org", "@kept carol@example.org",
         "|no answer from anvil", "@finished"],
        lambda _: None,
    )  # fmt: skip
    assert answer.finished
    assert answer.notes() == (
        "logged out because of changed access: alice@example.org, bob@example.org",
        "mailprov could not end open sessions: carol@example.org (no answer from anvil)",
    )


def test_what_is_said_again_is_told_once() -> None:
    said = ["@ended alice@example.org", "@kept carol@example.org", "|no answer from anvil"]
    answer = read_answer([*said, *said, "@finished"], lambda _: None)
    assert answer.notes() == (
        "logged out because of changed access: alice@example.org",
        "mailprov could not end open sessions: carol@example.org (no answer from anvil)",
    )


def test_what_only_prepares_has_changed_nothing_that_is_live() -> None:
    prepared = read_answer(["@step check", "@step prepare ", "@failed prepare "], lambda _: None)
    begun = read_answer(["@step prepare ", "@step account alice"], lambda _: None)
    assert (prepared.begun, begun.begun) == (False, True)

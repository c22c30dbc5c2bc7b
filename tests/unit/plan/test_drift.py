"""What was left, what is there and what is wanted: each of the ways the three can differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.generations import GENERATION, MAIN_CF, USERS, fulfilled, state_of, with_file

from provisioner.facts.host import Facts, Pending
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import TABLE_PATH
from provisioner.resources.change import Action
from provisioner.resources.file_state import FileState, LeftFile, TableState, left_by

EDITED = b"a = 1\nb = 2\nmynetworks = 0.0.0.0/0\n"
OLD = replace(MAIN_CF, content=b"a = 1\nb = 1\n")
GONE = replace(MAIN_CF, path="/etc/postfix/mailprov/old")


def edited(artifact: Artifact = MAIN_CF, content: bytes = EDITED) -> FileState:
    """Return the state of a file into which somebody wrote."""
    state = state_of(replace(artifact, content=content))
    return replace(state, content=None if artifact.secret else content)


def left(facts: Facts, path: str, file: LeftFile) -> Facts:
    """Return the facts of a host whose last transaction left the file so."""
    introduction = facts.introduction
    return replace(
        facts, introduction=replace(introduction, left={**introduction.left, path: file})
    )


def file_steps(plan: Plan) -> list[tuple[str, str]]:
    return [(change.action.value, change.name) for change in plan.changes if change.kind == "file"]


def test_an_edit_is_drift_and_is_shown_from_what_was_left_to_what_is_there() -> None:
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAIN_CF.path, edited()))
    (drift,) = plan.drift
    assert (drift.path, drift.what) == (MAIN_CF.path, "content differs")
    assert "+mynetworks = 0.0.0.0/0\n" in drift.diff
    header = f"--- {MAIN_CF.path} (as applied)\n+++ {MAIN_CF.path} (on the host)\n"
    assert drift.diff.startswith(header)


def test_an_edit_and_a_change_of_the_site_are_told_apart() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, edited())
    facts = replace(left(facts, MAIN_CF.path, left_by(OLD)), left_contents={OLD.path: OLD.content})
    (change,) = (change for change in diff_generation(GENERATION, facts).changes if change.drift)
    assert change.drift is not None
    assert "-b = 1\n+b = 2\n+mynetworks" in change.drift.diff
    assert "-mynetworks = 0.0.0.0/0\n" in change.diff


def test_a_change_of_the_site_alone_is_no_drift() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, replace(state_of(OLD), content=OLD.content))
    plan = diff_generation(GENERATION, left(facts, MAIN_CF.path, left_by(OLD)))
    assert (plan.drift, file_steps(plan)) == ((), [("update", MAIN_CF.path)])


def test_an_edit_that_the_site_took_over_is_noted_and_undoes_nothing() -> None:
    plan = diff_generation(GENERATION, left(fulfilled(), MAIN_CF.path, left_by(OLD)))
    assert plan.drift == ()
    assert [change.kind for change in plan.changes] == ["record"]


def test_an_edit_that_the_site_took_over_is_not_kept_from_it_either() -> None:
    facts = left(fulfilled(), MAIN_CF.path, left_by(OLD))
    assert diff_generation(GENERATION, facts, keep_drift=True).kept == {}


def test_what_a_broken_off_transaction_wrote_itself_is_no_drift() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, edited())
    # Two broke off; what is there is of the first.
    states = (left_by(replace(MAIN_CF, content=EDITED)), left_by(replace(MAIN_CF, mode=0o600)))
    begun = {MAIN_CF.path: states}
    facts = replace(facts, introduction=replace(facts.introduction, activating=begun))
    plan = diff_generation(GENERATION, facts)
    assert (plan.drift, file_steps(plan)) == ((), [("update", MAIN_CF.path)])


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (replace(state_of(MAIN_CF), mode=0o666), "mode is 0666, wanted 0644"),
        (replace(state_of(MAIN_CF), group="alice"), "group is alice, wanted root"),
        (None, "missing"),
        (
            FileState("symbolic link", "root", "root", 0o644, MAIN_CF.sha256),
            "kind is symbolic link, wanted regular file",
        ),
    ],
)
def test_owner_mode_kind_and_absence_count_like_content(state: FileState | None, what: str) -> None:
    plan = diff_generation(GENERATION, with_file(fulfilled(), MAIN_CF.path, state))
    assert [(drift.what, drift.diff) for drift in plan.drift] == [(what, "")]


def test_a_secret_file_drifts_without_showing_its_content() -> None:
    facts = with_file(fulfilled(), USERS.path, edited(USERS, b"eve:{X}other-hash\n"))
    plan = diff_generation(GENERATION, facts)
    assert [(drift.path, drift.diff) for drift in plan.drift] == [(USERS.path, "")]
    assert "other-hash" not in repr(plan)
    assert "secret-hash" not in repr(plan)


def test_an_edited_file_that_left_the_site_is_drift_too() -> None:
    facts = left(with_file(fulfilled(), GONE.path, edited(GONE)), GONE.path, left_by(GONE))
    facts = replace(facts, left_contents={GONE.path: GONE.content})
    plan = diff_generation(GENERATION, facts)
    assert file_steps(plan) == [("remove", GONE.path)]
    assert "+mynetworks" in plan.drift[0].diff


def test_keeping_drift_leaves_the_file_alone_and_remembers_how_it_was_left() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, edited())
    facts = with_file(facts, USERS.path, None)
    facts = left(with_file(facts, GONE.path, edited(GONE)), GONE.path, left_by(GONE))
    facts = left(facts, USERS.path, left_by(USERS))
    plan = diff_generation(GENERATION, facts, keep_drift=True)
    assert (plan.drift, file_steps(plan)) == ((), [])
    assert plan.kept == {
        MAIN_CF.path: left_by(MAIN_CF),
        USERS.path: left_by(USERS),
        GONE.path: left_by(GONE),
    }
    assert not any(change.action is Action.RELOAD for change in plan.changes)


def test_keeping_drift_where_nothing_else_is_to_do_changes_nothing() -> None:
    facts = with_file(fulfilled(), MAIN_CF.path, edited())
    assert diff_generation(GENERATION, facts, keep_drift=True).changes == ()


def test_a_secret_file_shows_no_diff_even_where_its_content_is_known() -> None:
    state = edited(replace(USERS, secret=False), b"eve:{X}other-hash\n")
    plan = diff_generation(GENERATION, with_file(fulfilled(), USERS.path, state))
    assert [(drift.path, drift.diff) for drift in plan.drift] == [(USERS.path, "")]


def test_a_file_that_left_the_site_and_the_host_is_no_drift() -> None:
    assert diff_generation(GENERATION, left(fulfilled(), GONE.path, left_by(GONE))).drift == ()


def test_a_file_is_no_drift_that_the_pending_configuration_removed() -> None:
    """It is gone because the host is about to return or to confirm, and nobody took it away."""
    facts = with_file(fulfilled(), MAIN_CF.path, None)
    pending = replace(facts.introduction, pending=Pending("7", "a" * 12, "op@desk", armed=True))
    assert diff_generation(GENERATION, replace(facts, introduction=pending)).drift == ()
    begun = {MAIN_CF.path: (left_by(MAIN_CF),)}
    facts = replace(facts, introduction=replace(pending, activating=begun))
    assert [drift.what for drift in diff_generation(GENERATION, facts).drift] == ["missing"]


_UNTOUCHED = {
    "made by the host itself": "/etc/mailprov/tls/site.pem",
    "gone with the site": GONE.path,
    "softened": "/etc/postfix/softened",
    "begun": "/etc/postfix/begun",
}


@pytest.mark.parametrize("why", _UNTOUCHED)
def test_no_file_hides_the_drift_of_those_after_it(why: str) -> None:
    path = _UNTOUCHED[why]
    other = replace(MAIN_CF, path=path, content=b"other\n")
    generation = GENERATION
    if why in {"softened", "begun"}:
        generation = replace(GENERATION, artifacts=(other, *GENERATION.artifacts))
    facts = with_file(fulfilled(generation), MAIN_CF.path, edited())
    if why == "begun":
        facts = with_file(facts, path, edited(other))
    elif why == "softened":
        facts = with_file(facts, path, edited(other, b"softer\n"))
    introduction = replace(
        facts.introduction,
        left={path: left_by(other), **facts.introduction.left},
        softened=path if why == "softened" else facts.introduction.softened,
        activating={path: (left_by(replace(other, content=EDITED)),)} if why == "begun" else {},
    )
    plan = diff_generation(generation, replace(facts, introduction=introduction))
    assert [drift.path for drift in plan.drift] == [MAIN_CF.path]


TABLE = replace(GONE, path=TABLE_PATH)


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (FileState("fifo", "root", "root", 0o644, TABLE.sha256), "kind is fifo, wanted table"),
        (
            replace(edited(TABLE), table=TableState(edited=("03", "7f"))),
            "content differs (shards: 03, 7f)",
        ),
    ],
)
def test_an_edited_table_is_named_as_one_with_its_shards(state: FileState, what: str) -> None:
    facts = left(with_file(fulfilled(), TABLE.path, state), TABLE.path, left_by(TABLE))
    assert [drift.what for drift in diff_generation(GENERATION, facts).drift] == [what]

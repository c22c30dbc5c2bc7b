"""What `user remove --delete-mail` says that it did."""

from __future__ import annotations

from support.refs import ref

from provisioner.cli.user_removal import applied_in_words
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.verbs.outcome import HostOutcome, HostStatus


def test_what_was_applied_on_the_way_to_a_user_that_never_was_is_told() -> None:
    change = Change("password", "bob", Action.UPDATE, "another password", plane=Plane.DIRECTORY)
    outcomes = [HostOutcome(ref("mail"), HostStatus.CHANGED, changes=(change,))]
    got = applied_in_words(outcomes)
    assert got.splitlines()[1:] == ["mail: update password bob"]
    assert "apply made the pending changes" in got


def test_where_nothing_was_pending_that_is_told() -> None:
    got = applied_in_words([HostOutcome(ref("mail"), HostStatus.UNCHANGED)])
    assert "nothing was changed" in got

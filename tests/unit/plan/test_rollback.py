"""The plan back: the configuration changes, and nothing of the directory does."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
from support.generations import (
    GENERATION,
    HOST,
    MAIN_CF,
    MAP,
    USERS,
    fulfilled,
    state_of,
    with_file,
)

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.plan.generation import Generation
from provisioner.plan.recall import generation_as_found
from provisioner.plan.rollback import diff_recalled, refuse_other_users
from provisioner.plan.transaction import pack_transaction
from provisioner.render.artifact import Artifact, Plane, SealedArtifact
from provisioner.resources.account import AccountState
from provisioner.resources.change import Action
from provisioner.resources.file_state import left_by

OLD_MAIN = replace(MAIN_CF, content=b"a = 1\nb = 1\n")
EARLIER = replace(GENERATION, artifacts=(OLD_MAIN, MAP), user_files=(USERS.path,))
AS_FOUND = generation_as_found(HOST, GENERATION.platform)


def with_people(facts: Facts) -> Facts:
    """Return the facts of a host with a person's account."""
    bob = AccountState("bob", 1001, 990, "/home/bob", "/bin/sh", "!revoked")
    introduction = replace(
        facts.introduction,
        managed_accounts=frozenset({"alice", "bob"}),
        managed_units=frozenset({"postfix.service"}),
        serial="7",
    )
    return replace(facts, introduction=introduction, accounts={**facts.accounts, "bob": bob})


NOW = with_people(
    with_file(fulfilled(), MAIN_CF.path, replace(state_of(MAIN_CF), content=MAIN_CF.content))
)


def test_only_the_configuration_goes_back() -> None:
    plan = diff_recalled(EARLIER, NOW)
    assert [(change.action.value, change.name) for change in plan.changes] == [
        ("update", MAIN_CF.path),
        ("reload", "postfix.service"),
        ("update", EARLIER.id),
    ]
    assert {change.plane for change in plan.changes} == {Plane.CONFIGURATION}


@pytest.mark.parametrize("generation", [EARLIER, AS_FOUND])
def test_no_step_touches_users_and_the_host_is_not_told_to_forget_them(
    generation: Generation,
) -> None:
    archive = pack_transaction(diff_recalled(generation, NOW))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        member = opened.extractfile("steps")
        assert member is not None
        steps = member.read().decode()
    assert f"act-configuration\tbegin\t{generation.id}\n" in steps
    for word in ("act-directory", "record_directory", "adopt", "bob", USERS.path):
        assert word not in steps


def test_a_daemons_account_that_is_gone_comes_with_the_configuration() -> None:
    facts = replace(NOW, accounts={})
    changes = {change.name: change for change in diff_recalled(EARLIER, facts).changes}
    assert changes["vmail"].plane is Plane.CONFIGURATION


def test_as_found_services_stop_before_their_files_go_and_start_after() -> None:
    plan = diff_recalled(AS_FOUND, NOW)
    assert [(change.action, change.name) for change in plan.changes] == [
        (Action.RETIRE, "postfix.service"),
        (Action.REMOVE, MAP.path),
        (Action.REMOVE, MAIN_CF.path),
        (Action.RESTORE, "postfix.service"),
        (Action.UPDATE, "0"),
    ]
    retired, *removed, restored = (change.reason for change in plan.changes[:4])
    assert len({retired, *removed, restored}) == 3


def test_as_found_no_final_main_cf_is_expected_and_mail_is_looked_after() -> None:
    rows = pack_transaction(diff_recalled(AS_FOUND, NOW)).decode(errors="replace")
    assert f"main\t{MAIN_CF.path}\n" in rows
    assert "soften" not in rows


def test_a_file_that_was_edited_is_drift_on_the_way_back_too() -> None:
    state = state_of(replace(MAP, content=b"edited"))
    edited = with_file(NOW, MAP.path, replace(state, content=b"edited"))
    for generation in (EARLIER, AS_FOUND):
        assert [drift.path for drift in diff_recalled(generation, edited).drift] == [MAP.path]
        kept = diff_recalled(generation, edited, keep_drift=True)
        assert kept.drift == ()
        assert list(kept.kept) == [MAP.path]


def test_an_edited_secret_is_never_overwritten_by_a_rollback() -> None:
    key = Artifact("/etc/mailprov/tls/site.pem", b"key", mode=0o600, secret=True)
    sealed = SealedArtifact(key.path, b"", mode=0o600, secret=True, digest=key.sha256)
    earlier = replace(EARLIER, artifacts=(sealed, OLD_MAIN, MAP), recipes=())
    left = {**NOW.introduction.left, key.path: left_by(key)}
    facts = replace(NOW, introduction=replace(NOW.introduction, left=left))
    same = with_file(facts, key.path, state_of(key))
    edited = with_file(facts, key.path, state_of(replace(key, content=b"other")))
    assert key.path not in {change.name for change in diff_recalled(earlier, same).changes}
    with pytest.raises(MailprovError) as caught:
        diff_recalled(earlier, edited)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert [one.where for one in caught.value.diagnostics] == [f"mail:{key.path}"]
    assert "--keep-drift" in caught.value.diagnostics[0].fix
    kept = diff_recalled(earlier, edited, keep_drift=True)
    assert key.path not in {change.name for change in kept.changes}


def test_a_configuration_that_could_not_read_todays_users_is_refused() -> None:
    refuse_other_users(HOST, EARLIER, NOW)
    refuse_other_users(HOST, AS_FOUND, NOW)
    with pytest.raises(MailprovError) as caught:
        refuse_other_users(HOST, replace(EARLIER, user_files=("/etc/other",)), NOW)
    assert caught.value.exit_code is ExitCode.REFUSED
    (told,) = caught.value.diagnostics
    assert told.where == "mail"
    assert (told.got, told.want) == (f"users in {USERS.path}", "users in /etc/other")


def test_a_configuration_without_users_does_not_fit_a_host_with_them_nor_the_other_way() -> None:
    nobody = replace(NOW, introduction=replace(NOW.introduction, left={}))
    for generation, facts in ((replace(EARLIER, user_files=()), NOW), (EARLIER, nobody)):
        with pytest.raises(MailprovError) as caught:
            refuse_other_users(HOST, generation, facts)
        (told,) = caught.value.diagnostics
        assert {told.got, told.want} == {f"users in {USERS.path}", "users in no file"}

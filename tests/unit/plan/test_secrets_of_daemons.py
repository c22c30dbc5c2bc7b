"""A secret changes with the users, is in no generation, and goes when nothing reads it any more."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
from support.generations import (
    GENERATION,
    MAIN_CF,
    USERS,
    fulfilled,
    state_of,
    steps,
    with_file,
)
from unit.render.sites import ONE_HOST, site_of

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts
from provisioner.facts.observation import parse_introduction
from provisioner.plan.compile import unread_secrets, with_kept_secrets
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.recall import Remembered, recall_generation
from provisioner.plan.rollback import diff_recalled, refuse_other_users
from provisioner.plan.secrets_diff import (
    refuse_lost_secrets,
    refuse_unread_secrets,
    without_secrets,
)
from provisioner.plan.transaction import pack_transaction
from provisioner.render.artifact import Plane, SealedArtifact
from provisioner.render.daemon_secrets import SecretFile
from provisioner.resources.file_state import left_by

PATH = "/etc/postfix/mailprov/secrets/relay-0123456789ab"
PLACE = ("relay", "password")
SECRET = SecretFile(
    PATH,
    b"# f00d\n[a]:587 me:hunter2\n",
    mode=0o600,
    secret=True,
    plane=Plane.SECRETS,
    daemons=("postfix",),
    rank=35,
    place=PLACE,
)
RELAYHOST = replace(MAIN_CF, content=f"maps = texthash:{PATH}\n".encode())
WITH = replace(GENERATION, artifacts=(SECRET, RELAYHOST, USERS), user_files=(USERS.path,))
WITHOUT = replace(GENERATION, artifacts=(MAIN_CF, USERS))
OTHER = replace(SECRET, content=b"# beef\n[a]:587 me:hunter3\n")


def rows_of(generation: Generation, facts: Facts) -> tuple[list[list[str]], bytes]:
    """Return the rows of the transaction, and the whole archive."""
    archive = pack_transaction(diff_generation(generation, facts))
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        steps = opened.extractfile("steps")
        assert steps is not None
        return [row.split("\t") for row in steps.read().decode().splitlines()], archive


def test_no_generation_and_no_record_knows_the_secret() -> None:
    changed = replace(WITH, artifacts=(OTHER, RELAYHOST, USERS))
    assert changed.id == WITH.id
    assert changed.record == WITH.record
    assert PATH.encode() not in WITH.record


def test_another_secret_alone_is_in_force_at_once_and_nothing_shows_it() -> None:
    changed = replace(WITH, artifacts=(OTHER, RELAYHOST, USERS))
    plan = diff_generation(changed, fulfilled(WITH))
    assert [(change.action.value, change.kind, change.name) for change in plan.changes] == [
        ("update", "file", PATH),
        ("reload", "unit", "postfix.service"),
        ("update", "record", "directory"),
    ]
    assert {change.plane for change in plan.changes} == {Plane.DIRECTORY}
    assert plan.changes[0].reason == "content differs (secret, not shown)"
    assert plan.changes[0].diff == ""
    rows, archive = rows_of(changed, fulfilled(WITH))
    assert not any("configuration" in row[0] for row in rows)
    assert not any(row[0] == "store" and row[1] == PATH for row in rows)
    assert archive.count(b"hunter3") == 1


def test_another_secret_is_in_force_at_once_where_users_wait_for_the_configuration() -> None:
    others = replace(USERS, path="/etc/dovecot/mailprov/others")
    changed = replace(WITH, artifacts=(OTHER, RELAYHOST, others), user_files=(others.path,))
    plan = diff_generation(changed, fulfilled(WITH))
    planes = {change.name: change.plane for change in plan.changes if change.kind == "file"}
    assert planes == {
        PATH: Plane.DIRECTORY,
        others.path: Plane.CONFIGURATION,
        USERS.path: Plane.CONFIGURATION,
    }


def test_a_secret_comes_before_the_configuration_that_reads_it() -> None:
    rows, _ = rows_of(WITH, fulfilled(WITHOUT))
    acts = [row[:3] for row in rows if row[0].startswith("act-")]
    assert acts.index(["act-directory", "activate", PATH]) < acts.index(
        ["act-configuration", "activate", MAIN_CF.path]
    )
    assert not any(row[0] == "undo" and row[1] == PATH for row in rows)


def test_a_secret_goes_once_the_configuration_without_it_is_confirmed() -> None:
    rows, _ = rows_of(WITHOUT, fulfilled(WITH))
    assert ["remove-later", PATH] in rows
    assert not any(row[1:] == ["remove", PATH] for row in rows)
    # Until then it is still mailprov's: a host that returns goes on as before.
    assert any(row[:3] == ["directory", "file", PATH] for row in rows)


def test_a_secret_that_the_configuration_does_not_read_goes_at_once() -> None:
    facts = fulfilled(WITHOUT)
    left = {**facts.introduction.left, PATH: left_by(SECRET)}
    facts = replace(facts, introduction=replace(facts.introduction, left=left))
    facts = with_file(facts, PATH, state_of(SECRET))
    assert steps(WITHOUT, facts) == [
        ("remove", "file", PATH),
        ("update", "record", "directory"),
    ]
    rows, _ = rows_of(WITHOUT, facts)
    assert ["act-directory", "remove", PATH] in rows
    assert not any(row[:3] == ["directory", "file", PATH] for row in rows)


UNREAD = replace(SECRET, content=b"[a]:587 me:not-read\n", unread=True)


def test_the_host_keeps_a_secret_that_nobody_could_read() -> None:
    generation = replace(WITH, artifacts=(UNREAD, RELAYHOST, USERS))
    assert unread_secrets(generation) == (PLACE,)
    facts = fulfilled(WITH)
    kept = with_kept_secrets(generation, facts.introduction.left)
    assert unread_secrets(kept) == ()
    assert diff_generation(kept, facts).changes == ()
    # A host that has none yet: a placeholder, and somebody has to say so.
    assert unread_secrets(with_kept_secrets(generation, {})) == (PLACE,)


@pytest.mark.parametrize("state", [None, replace(state_of(SECRET), sha256="0" * 64)])
def test_a_secret_that_was_edited_or_lost_has_to_be_read(state: object) -> None:
    generation = replace(WITH, artifacts=(UNREAD, RELAYHOST, USERS))
    facts = with_file(fulfilled(WITH), PATH, state)  # type: ignore[arg-type]
    kept = with_kept_secrets(generation, facts.introduction.left)
    plan = diff_generation(kept, facts)
    with pytest.raises(MailprovError) as refusal:
        refuse_unread_secrets(kept, plan.changes)
    assert refusal.value.exit_code is ExitCode.INVALID_SITE
    (told,) = refusal.value.diagnostics
    assert told.where == f"mail:{PATH}"
    assert told.got
    assert told.want
    refuse_unread_secrets(WITH, plan.changes)
    with pytest.raises(ValueError, match="sealed"):
        pack_transaction(plan)


def test_a_placeholder_is_never_written() -> None:
    generation = replace(WITH, artifacts=(UNREAD, RELAYHOST, USERS))
    with pytest.raises(ValueError, match="sealed"):
        pack_transaction(diff_generation(generation, fulfilled(WITHOUT)))


def recalled() -> Generation:
    contents = {RELAYHOST.path: RELAYHOST.content}
    host = site_of(ONE_HOST).host("mail")
    return recall_generation(host, WITH.id, Remembered(WITH.record, contents))


def test_a_rollback_leaves_the_secret_that_there_is() -> None:
    changed = replace(GENERATION, artifacts=(OTHER, MAIN_CF, USERS))
    facts = fulfilled(changed)
    refuse_lost_secrets(recalled(), facts)
    refuse_other_users(site_of(ONE_HOST).host("mail"), recalled(), facts)
    plan = diff_recalled(recalled(), facts)
    assert MAIN_CF.path in [change.name for change in plan.changes]
    assert PATH not in [change.name for change in plan.changes]
    assert not any(isinstance(one, SealedArtifact) for one in plan.generation.artifacts)


def test_a_rollback_to_what_reads_a_secret_that_is_gone_is_refused() -> None:
    with pytest.raises(MailprovError) as refusal:
        refuse_lost_secrets(recalled(), fulfilled(WITHOUT))
    assert refusal.value.exit_code is ExitCode.REFUSED
    (told,) = refusal.value.diagnostics
    assert (told.where, told.got) == ("mail", f"no {PATH}")
    assert told.want


def test_what_a_host_said_is_told_without_the_secrets_that_were_brought() -> None:
    generation = replace(WITH, artifacts=(replace(SECRET, hidden=("hunter2", "four", "a")),))
    said = ["bad row: me:hunter2, hunter2", "four at a time", "nothing of it"]
    # What is shorter than a word is no secret.
    assert list(without_secrets(generation, said)) == [
        "bad row: me:(secret), (secret)",
        "(secret) at a time",
        "nothing of it",
    ]


def test_a_host_tells_secrets_from_users_by_their_folder() -> None:
    rows = [f"file\t{path}\tab\troot\troot\t0600\t1" for path in (PATH, USERS.path)]
    left = parse_introduction(["@directory", *rows]).left
    assert {path: file.plane for path, file in left.items()} == {
        PATH: Plane.SECRETS,
        USERS.path: Plane.DIRECTORY,
    }

"""The archive carries a plan in full, and no secret outside the contents."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, MAP, USERS, fulfilled

from provisioner.model.secrets import PasswordHash
from provisioner.plan.diff import diff_generation
from provisioner.plan.facts import Facts, Introduction
from provisioner.plan.generation import Account, Group
from provisioner.plan.transaction import pack_transaction


def unpack(archive: bytes) -> tuple[list[list[str]], dict[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = {m.name: opened.extractfile(m).read() for m in opened.getmembers()}  # type: ignore[union-attr]
    rows = [row.split("\t") for row in members.pop("steps").decode().splitlines()]
    return rows, members


BARE = Facts(Introduction(os_release={}))


def test_every_file_travels_with_its_owner_mode_and_content() -> None:
    rows, contents = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    staged = {row[1]: row for row in rows if row[0] == "stage"}
    for artifact in (MAIN_CF, MAP, USERS):
        row = staged[artifact.path]
        assert contents[f"files/{row[2]}"] == artifact.content
        assert row[3:] == [artifact.owner, artifact.group, f"{artifact.mode:04o}"]


def test_the_steps_are_in_order_and_everything_new_is_on_disk_before_the_first_name_changes() -> (
    None
):
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, BARE)))
    acts = [" ".join(row[1:3]) for row in rows if row[0] == "act"]
    assert acts == [
        "group vmail",
        "account vmail",
        "directory /srv/vmail",
        "prepare",
        "recipe self-signed",
        f"activate {USERS.path}",
        f"activate {MAP.path}",
        f"activate {MAIN_CF.path}",
        "enable postfix.service",
        "start postfix.service",
        f"record {GENERATION.id}",
    ]


def test_no_hash_stands_in_a_row() -> None:
    alice = Account(
        "alice",
        "mailusers",
        "/home/alice",
        "/sbin/nologin",
        system=False,
        password=PasswordHash("{BLF-CRYPT}$2b$12$very-secret"),
    )
    generation = replace(GENERATION, accounts=(alice,), groups=(Group("mailusers"),))
    rows, contents = unpack(pack_transaction(diff_generation(generation, BARE)))
    assert "very-secret" not in str(rows)
    assert b"alice:$2b$12$very-secret\n" in contents.values()


def test_what_touches_no_file_needs_no_check() -> None:
    facts = fulfilled()
    facts = replace(facts, introduction=replace(facts.introduction, generation=None))
    rows, _ = unpack(pack_transaction(diff_generation(GENERATION, facts)))
    assert not [row for row in rows if row[0] == "check"]


def test_the_same_plan_gives_the_same_bytes() -> None:
    plan = diff_generation(GENERATION, BARE)
    assert pack_transaction(plan) == pack_transaction(plan)

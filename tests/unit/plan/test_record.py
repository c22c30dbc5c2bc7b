"""Records of format 2: bytes that name themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.generations import GENERATION

from provisioner.plan.record import (
    RecordedFile,
    RecordedGeneration,
    RecordError,
    name_of,
    read_record,
    write_record,
)
from provisioner.plan.record_1 import read_record_1
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe

RECORDS = Path(__file__).parents[2] / "recorded/records"
STORED = (RECORDS / "generation-2.json").read_bytes()
NAME = "b78a57ba5620a1a6"
RECORD = read_record(STORED, NAME)


def refusal(stored: bytes, name: str | None = None) -> str:
    with pytest.raises(RecordError) as caught:
        read_record(stored, name or name_of(stored))
    return str(caught.value)


def altered(**fields: object) -> bytes:
    """Return a whole record with other fields."""
    return json.dumps(json.loads(STORED) | fields).encode()


def test_what_is_read_is_written_byte_for_byte() -> None:
    assert write_record(RECORD) == STORED


def test_the_same_configuration_of_format_1_is_the_same_record() -> None:
    old = (RECORDS / "generation-1.txt").read_bytes()
    assert write_record(read_record_1(old, "c4140920490523f7")) == STORED


def test_the_order_of_lists_makes_no_other_name_but_that_of_services_does() -> None:
    turned = {
        name: getattr(RECORD, name)[::-1]
        for name in ("packages", "groups", "accounts", "folders", "recipes", "files", "listeners")
    }
    assert write_record(RECORD.model_copy(update=turned)) == STORED
    other = RECORD.model_copy(update={"units": RECORD.units[::-1]})
    assert name_of(write_record(other)) != NAME


def test_a_generation_is_named_by_its_bytes() -> None:
    assert name_of(STORED) == NAME
    assert name_of(GENERATION.record) == GENERATION.id
    assert read_record(GENERATION.record, GENERATION.id)


def test_what_a_record_leaves_out_is_what_it_was_when_it_was_written() -> None:
    # To change one of these takes another format: hosts have records without them.
    stored = altered(
        files=[{"path": "/etc/x", "sha256": "ab"}],
        groups=[{"name": "g"}],
        folders=[{"path": "/srv", "owner": "o", "group": "g", "mode": 448}],
        recipes=[{"kind": "probe", "path": "/p", "subject": "s"}],
    )
    got = read_record(stored, name_of(stored))
    assert got.files == (
        RecordedFile(
            path="/etc/x",
            sha256="ab",
            owner="root",
            group="root",
            mode=0o644,
            secret=False,
            daemons=(),
            restart=False,
            rank=50,
        ),
    )
    assert got.groups == (Group("g", system=True),)
    assert got.folders == (Folder("/srv", "o", "g", 0o700, label=""),)
    assert got.recipes == (Recipe("probe", "/p", "s", owner="root", group="root", mode=0o600),)
    bare = b'{"format": 2, "platform": "debian-12"}'
    assert read_record(bare, name_of(bare)) == RecordedGeneration(
        format=2,
        platform="debian-12",
        packages=(),
        groups=(),
        accounts=(),
        folders=(),
        recipes=(),
        files=(),
        units=(),
        certificate_path=None,
        ports=(),
        listeners=(),
        user_files=(),
    )


@dataclass(frozen=True)
class LaterFolder(Folder):
    """A folder as a later version has it."""

    quota: int = 0


class LaterFile(RecordedFile):
    """A file as a later version has it."""

    checked_by: str = ""


class LaterGeneration(RecordedGeneration):
    """A generation as a later version has it: three fields more, each with a default."""

    folders: tuple[LaterFolder, ...] = ()
    files: tuple[LaterFile, ...] = ()
    phase: str = ""


def test_a_field_that_comes_later_with_a_default_leaves_every_name_as_it_is() -> None:
    later = LaterGeneration.model_validate_json(STORED)
    assert write_record(later) == STORED


def test_a_later_field_that_is_used_makes_another_name_which_this_version_does_not_read() -> None:
    later = LaterGeneration.model_validate_json(STORED)
    folder = LaterFolder("/srv", "o", "g", 0o700, quota=5)
    file = later.files[0].model_copy(update={"checked_by": "it"})
    for used in ({"phase": "second"}, {"folders": (folder,)}, {"files": (file,)}):
        stored = write_record(later.model_copy(update=used))
        assert name_of(stored) != NAME
        assert refusal(stored) == "a record that this version cannot read (1 fields)"


def test_a_record_of_a_later_format_is_told_with_its_number() -> None:
    assert refusal(altered(format=3)) == "a record of format 3, which this version cannot read"


@pytest.mark.parametrize("stored", [b"", b"\xff", b"[]", b"{}", b"1", b"[" * 100_000])
def test_what_is_no_record_is_refused(stored: bytes) -> None:
    assert refusal(stored) == "a record without a format"


def test_nothing_is_converted() -> None:
    for fields in ({"ports": ["25"]}, {"packages": "postfix"}, {"platform": None}):
        assert "cannot read" in refusal(altered(**fields))


def test_a_record_under_another_name_is_refused() -> None:
    assert refusal(STORED, "c4140920490523f7") == "a record that is not as it was written"

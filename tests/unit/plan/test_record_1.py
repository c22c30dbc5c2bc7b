"""Records of format 1, which mailprov 0.1 wrote, are read as that version checked them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.generations import HOST
from support.recorded_states import Recording, recordings
from unit.render.sites import site_of

from provisioner.diagnostics import MailprovError
from provisioner.model.secrets import SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.recall import Remembered, recall_generation
from provisioner.plan.record import RecordError, name_of
from provisioner.plan.record_1 import is_record_1, name_1, read_record_1
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Plane
from provisioner.render.nature import Nature

STORED = (Path(__file__).parents[2] / "recorded/records/generation-1.txt").read_bytes()
NAME = "c4140920490523f7"


def remembered(recording: Recording, name: str) -> Remembered:
    """Return what the recorded host has of a generation."""
    folder = f"var/lib/mailprov/generations/{name}/"
    with tarfile.open(fileobj=io.BytesIO(recording.archive.read_bytes())) as archive:
        files = {
            one.name.removeprefix(folder): file.read()
            for one in archive
            if one.name.startswith(folder) and (file := archive.extractfile(one))
        }
    contents = {
        path.removeprefix("tree"): content
        for path, content in files.items()
        if path.startswith("tree/")
    }
    return Remembered(files["record"], contents)


GENERATIONS = [
    pytest.param(recording, name, id=f"{recording.folder.name}-{name}")
    for recording in recordings()
    for name in recording.made.generations
]


def sealed(body: bytes) -> bytes:
    """Return a body below the line that its digest makes."""
    return b"mailprov generation 1 " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def test_a_record_of_before_is_read_field_by_field() -> None:
    assert is_record_1(STORED)
    got = read_record_1(STORED, NAME)
    assert (got.platform, got.packages[0], got.certificate_path) == (
        "debian-12",
        "ca-certificates",
        "/etc/mailprov/tls/site.pem",
    )
    assert [(one.path, one.mode) for one in got.folders] == [
        ("/var/lib/mailprov-probe", 0o700),
        ("/srv/vmail", 0o700),
    ]
    assert [one.kind for one in got.recipes] == [
        "trust-anchor",
        "self-signed",
        "probe",
        "probe-address",
    ]
    main = next(one for one in got.files if one.path == "/etc/postfix/main.cf")
    assert (main.rank, main.daemons, main.secret) == (90, ("postfix",), False)
    assert {one.daemon for one in got.listeners} == {"unbound", "postfix", "dovecot"}


@pytest.mark.parametrize(("recording", "name"), GENERATIONS)
def test_every_recorded_generation_is_recalled_with_its_name_and_its_bytes(
    recording: Recording, name: str
) -> None:
    kept = remembered(recording, name)
    got = recall_generation(HOST, name, kept)
    assert (got.id, got.record) == (name, kept.record)
    assert {one.path for one in got.in_plane(Plane.CONFIGURATION)} >= kept.contents.keys()


@given(st.data())
def test_a_record_with_any_octet_changed_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(STORED) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda one: one != STORED[place]))
    record = bytearray(STORED)
    record[place] = octet
    with pytest.raises(MailprovError) as caught:
        recall_generation(HOST, NAME, Remembered(bytes(record), {}))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.got == "a record that is not as it was written"
    assert "nothing was changed" in diagnostic.summary


def test_the_record_of_another_generation_is_refused() -> None:
    with pytest.raises(RecordError, match=f"the content of generation {NAME}"):
        read_record_1(STORED, "eaffb61d0d545e03")


def test_a_whole_record_with_an_unknown_field_is_refused() -> None:
    body = STORED.partition(b"\n")[2].replace(b'"id"', b'"more": 1,\n "id"', 1)
    with pytest.raises(RecordError, match=r"this version cannot read \(1 fields\)"):
        read_record_1(sealed(body), NAME)


def test_a_record_is_whole_by_its_bytes_whatever_its_fields_would_be_called_today() -> None:
    body = STORED.partition(b"\n")[2].replace(b'"unbound",', b'"unbound-of-then",', 1)
    got = read_record_1(sealed(body), NAME)
    assert "unbound-of-then" in got.packages
    assert name_1(got) != NAME


@pytest.mark.parametrize(("file", "name"), [(0, "eaffb61d0d545e03"), (1, NAME), (2, NAME)])
def test_the_same_site_compiles_to_the_name_that_its_host_has_from_before(
    file: int, name: str
) -> None:
    recorded = next(one for one in recordings() if one.made.commit == "e2c0ffe")
    site = site_of(recorded.sites[file].read_text(encoding="utf-8"))
    nature = Nature(platform_named("debian-12"))
    got = compile_generation(site, site.host("mail"), nature, SiteSecrets(), {})
    assert got.name_on(name) == name


def test_the_name_that_a_configuration_had_is_still_known() -> None:
    got = read_record_1(STORED, NAME)
    assert name_1(got) == NAME
    assert name_of(STORED) != NAME

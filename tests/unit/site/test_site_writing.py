"""The site file is replaced whole, keeps what it was beside its content, or stays."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.site.site_writing import replace_site_file


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    return path


def test_the_new_content_has_the_mode_and_leaves_nothing_beside_it(site: Path) -> None:
    inode = site.stat().st_ino
    replace_site_file(site, b"old", b"new")
    assert site.read_bytes() == b"new"
    assert site.stat().st_mode & 0o7777 == 0o640
    assert site.stat().st_ino != inode
    assert list(site.parent.iterdir()) == [site]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_stays(site: Path) -> None:
    os.chown(site, 1234, 2345)
    replace_site_file(site, b"old", b"new")
    assert (site.stat().st_uid, site.stat().st_gid) == (1234, 2345)


def test_a_link_stays_and_what_it_leads_to_is_replaced(site: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to("site.yaml")
    replace_site_file(link, b"old", b"new")
    assert link.is_symlink()
    assert site.read_bytes() == b"new"


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(site: Path) -> None:
    site.write_bytes(b"somebody's")
    with pytest.raises(MailprovError) as refusal:
        replace_site_file(site, b"old", b"new")
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert site.read_bytes() == b"somebody's"
    assert list(site.parent.iterdir()) == [site]


def test_a_lock_that_is_never_given_back_is_told(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.site.site_writing._PATIENCE", 0.1)
    with site.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(MailprovError, match="has locked") as refusal:
            replace_site_file(site, b"old", b"new")
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert site.read_bytes() == b"old"
    replace_site_file(site, b"old", b"new")
    assert site.read_bytes() == b"new"


def test_whatever_ends_the_writing_leaves_the_old_file_and_nothing_else(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioner.site.site_writing.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_site_file(site, b"old", b"new")
    assert site.read_bytes() == b"old"
    assert list(site.parent.iterdir()) == [site]


def test_the_new_content_is_on_the_disk_before_it_has_the_name(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real_sync = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(f"{Path(f'/proc/self/fd/{descriptor}').readlink().name} {site.read_text()}")
        real_sync(descriptor)

    monkeypatch.setattr("provisioner.site.site_writing.os.fsync", sync)
    replace_site_file(site, b"old", b"new")
    draft, folder = synced
    assert draft.startswith(".site.yaml.")
    assert draft.endswith(" old")
    assert folder == f"{site.parent.name} new"


def test_a_folder_that_cannot_be_written_is_told(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**_options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("provisioner.site.site_writing.tempfile.mkstemp", read_only)
    with pytest.raises(MailprovError) as refusal:
        replace_site_file(site, b"old", b"new")
    assert refusal.value.exit_code is ExitCode.FAILED
    assert "Read-only file system" in str(refusal.value)
    assert "did not change it" in str(refusal.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MailprovError, match="not a regular file"):
        replace_site_file(tmp_path, b"", b"new")

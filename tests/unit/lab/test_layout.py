"""A tree in another system's layout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provisioner.lab import layout
from provisioner.lab.tree_recipes import LAYOUTS, tree_recipe
from provisioner.lab.trees import tree_digest
from provisioner.platforms.records import detect_platform, platform_named


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {key: value.strip('"') for key, _, value in pairs}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_of_a_platform_that_mailprov_knows(name: str) -> None:
    release = layout.layout_folder(name) / "packages/centos-stream-release/usr/lib/os-release"
    assert detect_platform(_fields(release)).name == name


def test_the_layout_has_what_the_record_names() -> None:
    record = platform_named("el-9")
    packages = layout.layout_folder("el-9") / "packages"
    spec = (packages.parent / "packages.spec").read_text()
    for daemon in record.daemons.values():
        assert (packages / daemon.packages[0] / "usr/lib/systemd/system" / daemon.unit).is_file()
    wanted = {name for daemon in record.daemons.values() for name in daemon.packages}
    for package in wanted | set(record.base_packages):
        assert f"%package -n {package}\n" in spec
    rules = (packages.parent / "host/etc/rsyslog.conf").read_text()
    assert record.mail_log in rules


def test_a_tree_changes_with_its_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(layout.layout_folder("el-9"), tmp_path / "el-9")
    monkeypatch.setattr(layout, "_LAYOUTS", tmp_path)
    recipe = tree_recipe("el-9")

    def digest() -> str:
        return tree_digest(recipe, "deb a", {}, (Path("/c/debian-12-0123456789ab"),))

    digests = [digest()]
    script = tmp_path / "el-9/build.sh"
    script.write_text(script.read_text() + "# more\n")
    digests.append(digest())
    (tmp_path / "el-9/host/etc/motd").write_text("")
    digests.append(digest())
    (tmp_path / "el-9/host/etc/motd").chmod(0o755)
    digests.append(digest())
    assert len(set(digests)) == 4
    assert digest() == digests[-1]


def test_its_scripts_are_posix_shell() -> None:
    folder = layout.layout_folder("el-9")
    scripts = [path for path in folder.rglob("*") if path.is_file() and _is_script(path)]
    assert folder / "build.sh" in scripts
    checked = subprocess.run(
        ["shellcheck", *map(str, scripts)], capture_output=True, text=True, check=False
    )
    assert checked.stdout == ""


def _is_script(path: Path) -> bool:
    return path.read_bytes().startswith(b"#!/bin/sh\n")

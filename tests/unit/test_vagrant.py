"""The virtual machines are those of the site file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioner.inventory.load import load_site

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "vagrant"
_SITE = _ROOT / "inventories/vagrant/site.yaml"
_LIST = (
    "machines_of(ARGV[0]).each do |m|"
    " puts [m.name, m.fqdn, m.addresses.join(','), m.roles.sort.join(',')].join(' ') end"
)

needs_ruby = pytest.mark.skipif(not shutil.which("ruby"), reason="ruby is not installed")
needs_vagrant = pytest.mark.skipif(not shutil.which("vagrant"), reason="vagrant is not installed")


def _machines(site: Path) -> list[str]:
    command = ["ruby", "-I", str(_FOLDER), "-r", "machines", "-e", _LIST, str(site)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _hosts(path: Path) -> list[str]:
    """Return what mailprov itself makes of the file, in the same form."""
    site = load_site(path).site
    return [
        " ".join(
            (host.key, host.fqdn, ",".join(map(str, host.addresses)), ",".join(sorted(host.roles)))
        )
        for host in site.hosts
    ]


@needs_ruby
def test_vagrant_reads_the_site_file_as_mailprov_does() -> None:
    got = _machines(_SITE)
    assert got == _hosts(_SITE)
    assert len(got) == 2


@needs_ruby
def test_another_address_in_the_site_file_is_another_address_of_the_machine(
    tmp_path: Path,
) -> None:
    text = _SITE.read_text(encoding="utf-8")
    other = tmp_path / "site.yaml"
    other.write_text(text.replace("192.168.56.11", "192.168.56.77"), encoding="utf-8")
    assert "192.168.56.77" in _machines(other)[1]
    assert _machines(other) == _hosts(other)


@needs_ruby
def test_a_lone_host_does_everything() -> None:
    site = _ROOT / "inventories/beginner/site.yaml"
    assert _machines(site) == _hosts(site)
    assert _machines(site)[0].endswith(" dns,mx,store,submission")


@needs_vagrant
def test_vagrant_accepts_the_file(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "VAGRANT_HOME": str(tmp_path / "home"),
        "VAGRANT_DOTFILE_PATH": str(tmp_path / "state"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=_FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout

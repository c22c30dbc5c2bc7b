"""The virtual machines are those of the site file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.lab.tree_recipes import CODENAMES, LAYOUTS
from provisioner.site.load import load_site
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.client_config import parse_client_config
from provisioner.transport.ssh.endpoint import Resolver

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


# What Vagrant 2.3.4 tells of two machines (its template for ssh-config), as the Vagrantfile
# has it filtered: known_hosts stays the operator's.
_SSH_CONFIG = """\
Host ns
  HostName 127.0.0.1
  User vagrant
  Port 2222
  PasswordAuthentication no
  IdentityFile "/srv/a checkout/vagrant/.vagrant/machines/ns/virtualbox/private_key"
  IdentitiesOnly yes
  LogLevel FATAL

Host mail
  HostName 192.168.121.40
  User vagrant
  Port 22
  PasswordAuthentication no
  IdentityFile /srv/vagrant/.vagrant/machines/mail/libvirt/private_key
  IdentitiesOnly yes
  LogLevel FATAL

"""


def test_where_and_how_to_log_in_is_read_from_what_vagrant_tells() -> None:
    resolver = Resolver(SshOptions(), parse_client_config(_SSH_CONFIG, lambda _: []))
    ns, mail = (resolver.host(host) for host in load_site(_SITE).site.hosts)
    assert (ns.peer, mail.peer) == ("vagrant@127.0.0.1:2222", "vagrant@192.168.121.40:22")
    assert list(map(str, ns.identities)) == [
        "/srv/a checkout/vagrant/.vagrant/machines/ns/virtualbox/private_key"
    ]
    assert ns.only_identities
    assert ns.known_hosts == (SshOptions().known_hosts,)


def _workflow(name: str) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 reads its `on` as a truth value."""
    return dict(yaml.safe_load((_ROOT / ".github/workflows" / name).read_text(encoding="utf-8")))


def _commands(workflow: dict[str, Any]) -> list[str]:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


@pytest.mark.parametrize("name", ["suite.yml", "machines.yml"])
def test_workflows_are_whole_and_their_commands_are_shell(name: str) -> None:
    workflow = _workflow(name)
    assert set(workflow) == {"name", True, "permissions", "jobs"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    for command in _commands(workflow):
        checked = subprocess.run(
            ["sh", "-n"], input=command, text=True, capture_output=True, check=False
        )
        assert checked.stderr == ""


def test_every_push_runs_the_suite() -> None:
    workflow: dict[Any, Any] = _workflow("suite.yml")
    assert "push" in workflow[True]
    assert ".ci/run" in _commands(workflow)
    releases = workflow["jobs"]["test"]["strategy"]["matrix"]["release"]
    assert set(releases) == {*CODENAMES, *LAYOUTS}
    assert workflow["jobs"]["test"]["env"] == {"MAILPROV_TEST_RELEASE": "${{ matrix.release }}"}


def test_the_matrix_has_every_box_and_runs_the_script_that_the_lab_runs() -> None:
    workflow = _workflow("machines.yml")
    job = workflow["jobs"]["prove"]
    got = set(job["strategy"]["matrix"]["release"])
    assert "continue-on-error" not in job
    listed = re.findall(r'^  "(.*?)" => "', (_FOLDER / "machines.rb").read_text(), re.MULTILINE)
    assert got == set(listed)
    assert job["env"]["MAILPROV_RELEASE"] == "${{ matrix.release }}"
    commands = _commands(workflow)
    (prove,) = [one.split() for one in commands if "prove" in one]
    assert os.access(_ROOT / prove[0], os.X_OK)
    assert _ROOT / prove[1] == _SITE


@needs_vagrant
@pytest.mark.parametrize("release", ["centos-stream-10", "debian-12", "ubuntu-24.04"])
def test_vagrant_accepts_the_file(tmp_path: Path, release: str) -> None:
    environment = {
        "MAILPROV_RELEASE": release,
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

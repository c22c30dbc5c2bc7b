"""What hosts are made of: specs, identities, disks, trees."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from provisioner.diagnostics import MailprovError
from provisioner.lab.disk import Disk
from provisioner.lab.identity import IdentityFile, LabIdentity, make_ssh_key, render_identity
from provisioner.lab.lab import internet_spec
from provisioner.lab.state import (
    HostSpec,
    LabState,
    check_specs,
    list_states,
    parse_state,
    read_state,
    render_state,
    write_state,
)
from provisioner.lab.tree_recipes import LAYOUTS, base_of, tree_names, tree_recipe
from provisioner.lab.trees import render_apt_settings, tree_digest

ONE = HostSpec("one", ("10.89.0.10", "fd00:89:0::10"))
STATE = LabState("t1", 3, internet=True, hosts=(ONE, HostSpec("two", ("10.89.0.11",), "debian-13")))


@pytest.fixture
def state_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILPROV_LAB_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.parametrize(
    "specs",
    [
        [ONE, HostSpec("one", ("10.89.0.11",))],
        [ONE, HostSpec("two", ("fd00:89::10",))],
        [HostSpec("inet", ("10.89.0.11",))],
        [HostSpec("two", ())],
        [HostSpec("two", ("192.0.2.1",))],
        [HostSpec("two", ("10.89.0.11",), tree="debian-11")],
        [HostSpec("../two", ("10.89.0.11",))],
    ],
)
def test_specs_that_no_lab_could_have_are_refused(specs: list[HostSpec]) -> None:
    with pytest.raises(MailprovError):
        check_specs(specs, reserved=["inet"])


def test_state_survives_being_written_and_read(state_root: Path) -> None:
    assert read_state("t1") is None
    assert list_states() == []
    write_state(STATE)
    assert read_state("t1") == STATE
    assert list_states() == ["t1"]
    assert parse_state(render_state(STATE)) == STATE
    assert (state_root / "t1").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}'])
def test_a_broken_state_file_is_an_error_with_a_way_out(state_root: Path, text: str) -> None:
    write_state(STATE)
    (state_root / "t1/lab.json").write_text(text)
    with pytest.raises(MailprovError, match="lab down t1"):
        read_state("t1")


def test_the_internet_runs_the_release_of_its_lab() -> None:
    assert internet_spec([ONE]).tree == "debian-12-inet"
    assert internet_spec([HostSpec("a", ("10.89.0.1",), "debian-13-mail")]).tree == "debian-13-inet"


def test_identity_names_the_host_on_its_addresses() -> None:
    key = make_ssh_key("ed25519")
    addresses = [ip_address("10.89.0.10"), ip_address("fd00:89::10")]
    identity = LabIdentity(
        "mail", "mail.a.test", addresses, ["10.89.0.253"], "f" * 32, [key], "ssh-x"
    )
    files = {file.path: file for file in render_identity(identity)}
    assert files["/etc/hostname"].content == "mail\n"
    assert "10.89.0.10\tmail.a.test mail\n" in files["/etc/hosts"].content
    assert files["/etc/resolv.conf"].content == "nameserver 10.89.0.253\n"
    assert files["/etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert files["/root/.ssh/authorized_keys"].mode == 0o600


def test_disk_takes_folders_modes_from_its_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "root").mkdir(parents=True)
    (tree / "root").chmod(0o700)
    (tree / "etc").mkdir()
    (tree / "etc/os").write_text("below")
    disk = Disk(tmp_path / "disk", (tree,))
    disk.create(
        [IdentityFile("/root/.ssh/key", "k", 0o600), IdentityFile("/etc/name", "n\n", 0o444)]
    )
    modes = {
        path: (disk.store / "upper" / path).stat().st_mode & 0o777
        for path in ("root", "root/.ssh", "root/.ssh/key", "etc/name")
    }
    assert modes == {"root": 0o700, "root/.ssh": 0o700, "root/.ssh/key": 0o600, "etc/name": 0o444}
    assert (disk.read("/etc/name"), disk.read("/etc/os")) == ("n\n", "below")
    with pytest.raises(MailprovError, match="no file /etc/none"):
        disk.read("/etc/none")


def test_disk_stays_with_the_tree_it_began_on(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    assert not Disk.open(tmp_path / "disk").is_usable()
    Disk(tmp_path / "disk", (tree,)).create([])
    assert Disk.open(tmp_path / "disk") == Disk(tmp_path / "disk", (tree,))
    assert Disk.open(tmp_path / "disk").is_usable()
    tree.rmdir()
    assert not Disk.open(tmp_path / "disk").is_usable()


def test_every_tree_has_a_recipe_and_a_base() -> None:
    assert {"debian-12", "debian-12-mail", "debian-13-client"} <= set(tree_names())
    for name in tree_names():
        recipe = tree_recipe(name)
        assert recipe.name == name
        assert base_of(name) == (LAYOUTS.get(name) or recipe.base or name)
    with pytest.raises(MailprovError, match="debian-12-mail"):
        tree_recipe("debian-12-nothing")


def test_bare_servers_have_no_python_and_no_mail() -> None:
    packages = " ".join(tree_recipe("debian-12").packages)
    assert not any(word in packages for word in ("python", "postfix", "dovecot", "unbound"))


def test_a_trees_digest_changes_with_whatever_goes_into_it() -> None:
    recipe = tree_recipe("debian-12-mail")
    base = (Path("/c/debian-12-0123456789ab"),)
    digests = {
        tree_digest(recipe, "deb a", {}, base),
        tree_digest(recipe, "deb b", {}, base),
        tree_digest(recipe, "deb a", {"Acquire::Check-Date": "false"}, base),
        tree_digest(recipe, "deb a", {}, (Path("/c/debian-12-ffffffffffff"),)),
        tree_digest(tree_recipe("debian-12-client"), "deb a", {}, base),
    }
    assert len(digests) == 5
    assert tree_digest(recipe, "deb a", {}, base) in digests


def test_apt_settings_name_the_cache_and_what_the_machines_mirrors_need() -> None:
    text = render_apt_settings({"Acquire::Check-Date": "false"}, "http://10.89.255.1:3142")
    assert 'Acquire::http::Proxy "http://10.89.255.1:3142";' in text
    assert 'Acquire::Check-Date "false";' in text

"""The home directory from which a lab's hosts are reached: `HOME=<this> ssh mail`.

It holds an operator's ordinary ~/.ssh: a key that may log in to every host as
root, a config with the hosts' names and addresses, and known_hosts with their
keys, so that nothing ever asks and nothing is accepted unseen. Programs that find
the home in the account database instead of HOME (OpenSSH does) take
`ssh -F <home>/.ssh/config`, in which every path is absolute.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioner.lab.host import LabHost
from provisioner.lab.identity import make_ssh_key


def make_home(home: Path) -> str:
    """Make the home and its key unless they exist; return the public key."""
    folder = home / ".ssh"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    public = folder / "id_ed25519.pub"
    if not public.exists():
        key = make_ssh_key("ed25519")
        private = folder / "id_ed25519"
        private.touch(0o600)
        private.chmod(0o600)
        private.write_text(key.private)
        public.write_text(key.public + "\n")
    return public.read_text().strip()


def write_ssh_files(home: Path, hosts: Sequence[LabHost]) -> None:
    """Write config and known_hosts for these hosts, whose disks must exist."""
    folder = home / ".ssh"
    config = [render_config_head(folder)]
    known: list[str] = []
    for host in hosts:
        config.append(f"Host {host.name}\n    HostName {host.address}\n")
        names = ",".join([host.name, *map(str, host.addresses)])
        known += [f"{names} {key}\n" for key in host.disk.ssh_host_keys()]
    (folder / "config").write_text("\n".join(config))
    (folder / "known_hosts").write_text("".join(known))


def render_config_head(folder: Path) -> str:
    """Return what holds for every host of the lab."""
    return (
        "# Written by mailprov for its lab.\n"
        "Host *\n"
        "    User root\n"
        f"    IdentityFile {folder}/id_ed25519\n"
        "    IdentitiesOnly yes\n"
        f"    UserKnownHostsFile {folder}/known_hosts\n"
        "    GlobalKnownHostsFile none\n"
        "    StrictHostKeyChecking yes\n"
        "    BatchMode yes\n"
    )

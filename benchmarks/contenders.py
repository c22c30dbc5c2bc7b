"""The start of each tool, as its own documentation advises for speed.

Ansible: pipelining, a fork for each host, ControlPersist (its default), and the interpreter named
instead of searched for. It gathers no facts, because none are used. Mitogen: its linear
strategy, and otherwise the same. pyinfra: all hosts in parallel. mailprov: a process for each
site, several side by side, and one command over all site files. OpenSSH and paramiko run `true` and
are the floor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command

HERE = Path(__file__).parent
PEERS = HERE / "peers"
TOOLS = HERE / ".venv/bin"
FORKS = 8

MAILPROV, PLAN, VERIFY = "mailprov apply", "mailprov plan", "mailprov verify"
ONE_COMMAND = "mailprov apply, one command"
ANSIBLE, MITOGEN, PYINFRA = "Ansible", "Ansible with Mitogen", "pyinfra"
PEER_NAMES = (MITOGEN, PYINFRA, ANSIBLE)
PARAMIKO, OPENSSH, INSIDE = "paramiko and true", "OpenSSH and true", "plan in one process"
FLOORS = (PARAMIKO, OPENSSH)


@dataclass(frozen=True)
class Workplace:
    """The input of the tools. home: with the .ssh folder. addresses: by host name."""

    folder: Path
    home: Path
    addresses: Mapping[str, str]

    def resources(self, variant: str) -> Path:
        """Return the folder with what the other tools need for a variant of the sites."""
        return self.folder / variant

    def prepare(self, variant: str) -> None:
        """Write configuration and inventory of the other tools for a variant."""
        folder = self.resources(variant)
        ssh = self.home / ".ssh"
        connection = {
            "key": str(ssh / "id_ed25519"),
            "known_hosts": str(ssh / "known_hosts"),
            "hosts": self.addresses,
        }
        (folder / "connection.json").write_text(json.dumps(connection), encoding="utf-8")
        common = {"resources": str(folder), "ansible_ssh_common_args": f"-F {ssh}/config"}
        hosts = {
            name: {"ansible_host": address, **_variables(folder / f"{name}.json")}
            for name, address in self.addresses.items()
        }
        # JSON is YAML, and Ansible's inventory plugin reads it.
        inventory = {"all": {"hosts": hosts, "vars": common}}
        (folder / "inventory.yml").write_text(json.dumps(inventory, indent=1), encoding="utf-8")
        for name, strategy in ((ANSIBLE, "linear"), (MITOGEN, "mitogen_linear")):
            text = render_ansible_cfg(strategy, folder)
            (folder / f"{_word(name)}.cfg").write_text(text, encoding="utf-8")

    def commands(self, name: str, variant: str, sites: Sequence[Path]) -> list[Command]:
        """Return the processes, side by side, that do a contender's work."""
        folder = self.resources(variant)
        home = {"HOME": str(self.home)}
        if name in {MAILPROV, PLAN, VERIFY, ONE_COMMAND}:
            verb = name.removeprefix("mailprov ").partition(",")[0]
            groups = [sites] if name == ONE_COMMAND else [[site] for site in sites]
            return [Command((mailprov(), verb, *map(str, group)), home) for group in groups]
        if name == INSIDE:
            script = str(HERE / "inside.py")
            return [Command((sys.executable, script, *map(str, sites)), home)]
        if name == PARAMIKO:
            return [Command((sys.executable, str(HERE / "floor.py"), str(folder)), home)]
        if name == OPENSSH:
            config = str(self.home / ".ssh/config")
            return [Command(("ssh", "-F", config, host, "true")) for host in self.addresses]
        if name == PYINFRA:
            return [_pyinfra(folder, home)]
        return [_ansible(name, folder, home)]


def mailprov() -> str:
    """Return the path of the command that is measured."""
    return str(Path(sys.executable).with_name("mailprov"))


def render_ansible_cfg(strategy: str, folder: Path) -> str:
    """Return an ansible.cfg; folder: for what Ansible keeps while it runs."""
    plugins = ""
    if strategy.startswith("mitogen"):
        plugins = f"strategy_plugins = {_mitogen_plugins()}\n"
    return (
        "[defaults]\n"
        f"inventory = {folder}/inventory.yml\n"
        f"forks = {FORKS}\n"
        "interpreter_python = /usr/bin/python3\n"
        f"home = {folder}/ansible\n"
        f"strategy = {strategy}\n{plugins}"
        "[ssh_connection]\n"
        "pipelining = True\n"
        "ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s\n"
    )


def _mitogen_plugins() -> Path:
    found = sorted(TOOLS.parent.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"))
    return found[0] if found else Path("mitogen-is-not-installed")


def _ansible(name: str, folder: Path, home: Mapping[str, str]) -> Command:
    environment = {
        **home,
        "ANSIBLE_CONFIG": str(folder / f"{_word(name)}.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    return Command((str(TOOLS / "ansible-playbook"), str(PEERS / "site.yml")), environment)


def _pyinfra(folder: Path, home: Mapping[str, str]) -> Command:
    words = (str(TOOLS / "pyinfra"), "-y", "--parallel", str(FORKS), "inventory.py", "deploy.py")
    return Command(words, {**home, "BENCHMARK_RESOURCES": str(folder)}, PEERS)


def _variables(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _word(name: str) -> str:
    return name.lower().replace(" ", "-")

"""What a lab is, written down: the specification of its hosts and its state file.

The state file is for finding a lab again from another process, not for knowing
whether it runs: that is asked of the kernel each time. It is written before
anything is made, so that `down` finds the remains of an `up` that was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.lab.addresses import check_name, parse_lab_address, site_for_lab
from provisioner.lab.failures import lab_error
from provisioner.lab.places import needs_root, state_root
from provisioner.lab.tree_recipes import DEFAULT_TREE, tree_recipe

_FILE = "lab.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A wish for a host: its name, its addresses as for lab 0, and its root tree.

    The first address is the one that SSH uses. `fqdn` goes into the host's own
    /etc/hosts, as an installer would have written it. disk_mib, if not 0, gives the
    host a file system of its own of that size, which can be filled and lose power.
    """

    name: str
    addresses: tuple[str, ...]
    tree: str = DEFAULT_TREE
    fqdn: str = ""
    disk_mib: int = 0


@dataclass(frozen=True, slots=True)
class LabState:
    """All that must be known of a lab to find and remove everything that it made."""

    name: str
    number: int
    internet: bool
    hosts: tuple[HostSpec, ...]


def lab_folder(name: str) -> Path:
    """Return the folder of a lab's state."""
    return state_root() / check_name(name, "lab")


def check_specs(specs: Sequence[HostSpec], *, reserved: Sequence[str] = ()) -> None:
    """Raise MailprovError for a host that no lab could have, or two that collide."""
    names: set[str] = set(reserved)
    addresses: set[str] = set()
    for spec in specs:
        check_name(spec.name, "host")
        tree_recipe(spec.tree)
        if spec.name in names:
            raise lab_error("two hosts of the lab have one name", got=spec.name)
        if not spec.addresses:
            raise lab_error("a lab host needs an address", where=spec.name)
        for text in spec.addresses:
            address = str(parse_lab_address(site_for_lab(text, 0), 0))
            if address in addresses:
                raise lab_error("two hosts of the lab have one address", got=address)
            addresses.add(address)
        names.add(spec.name)


def read_state(name: str) -> LabState | None:
    """Return a lab's state, or None if there is no lab of that name here.

    Raises MailprovError for a state file that no version of this program wrote.
    """
    path = lab_folder(name) / _FILE
    try:
        return parse_state(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as problem:
        raise needs_root() from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise lab_error(
            "the lab's state file cannot be read",
            where=str(path),
            got=str(problem),
            fix=f"`mailprov lab down {name}` removes the lab without it",
        ) from problem


def write_state(state: LabState) -> None:
    """Write a lab's state; a reader sees the old or the new one, never half of it."""
    folder = lab_folder(state.name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    temporary = folder / f"{_FILE}.new"
    temporary.write_text(json.dumps(render_state(state), indent=1) + "\n")
    temporary.replace(folder / _FILE)


def list_states() -> list[str]:
    """Return the names of the labs that have a state here, sorted.

    Raises MailprovError for a user who may not look, who is not root.
    """
    root = state_root()
    if not root.is_dir():
        return []
    try:
        return sorted(entry.name for entry in os.scandir(root) if Path(entry, _FILE).exists())
    except PermissionError as problem:
        raise needs_root() from problem


def render_state(state: LabState) -> dict[str, Any]:
    """Return the state as a JSON object."""
    return {
        "version": _VERSION,
        "name": state.name,
        "number": state.number,
        "internet": state.internet,
        "hosts": [
            {
                "name": spec.name,
                "addresses": list(spec.addresses),
                "tree": spec.tree,
                "fqdn": spec.fqdn,
                "disk_mib": spec.disk_mib,
            }
            for spec in state.hosts
        ],
    }


def parse_state(data: Mapping[str, Any]) -> LabState:
    """Return the state from a JSON object; raises ValueError, KeyError or TypeError."""
    if data["version"] != _VERSION:
        message = f"version {data['version']}"
        raise ValueError(message)
    return LabState(
        name=str(data["name"]),
        number=int(data["number"]),
        internet=bool(data["internet"]),
        hosts=tuple(
            HostSpec(
                host["name"],
                tuple(host["addresses"]),
                host["tree"],
                host["fqdn"],
                int(host.get("disk_mib", 0)),
            )
            for host in data["hosts"]
        ),
    )

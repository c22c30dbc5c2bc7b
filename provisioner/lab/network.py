"""The wires of a lab: one bridge, one network namespace and one cable a host.

No host has a default route and nothing is translated or forwarded for it: a lab
host reaches the hosts of its lab, this machine's end of the bridge and the package
cache, and has no route to anything else. Nothing here sends a packet.

Every name follows from the lab's number and the host's name, so leftovers of a
killed run are found and removed by name. A namespace that lingering processes
keep alive also keeps its cable, which is why cables are deleted by name too.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.lab.addresses import (
    BRIDGE_PATTERN,
    CACHE_ADDRESS,
    CACHE_ADDRESS6,
    CACHE_INTERFACE,
    Address,
    bridge_name,
    lab_address,
    lab_address6,
    mac_address,
    namespace_name,
    networks,
    outside_address,
    outside_address6,
    veth_name,
)
from provisioner.lab.programs import run_program

CONTROLLER = 254
_PREFIX = {4: 24, 6: 64}


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge that exists: the lab's number, and the label that its creator gave it."""

    number: int
    label: str


def find_bridges() -> list[Bridge]:
    """Return the bridges of all labs on this machine, by number."""
    links = json.loads(run_program(["ip", "-json", "link", "show", "type", "bridge"]) or "[]")
    found = []
    for link in links:
        match = BRIDGE_PATTERN.fullmatch(link.get("ifname", ""))
        if match:
            found.append(Bridge(int(match[1]), link.get("ifalias", "")))
    return sorted(found, key=lambda bridge: bridge.number)


def create_bridge(number: int, label: str) -> bool:
    """Make the bridge of lab `number`; return False if the number is taken.

    The kernel refuses a second interface of the same name, which makes this the
    one atomic step that hands out numbers, across users and state folders.
    """
    name = bridge_name(number)
    add = ["ip", "link", "add", "name", name, "type", "bridge"]
    made = subprocess.run(add, capture_output=True, text=True, check=False)
    if made.returncode != 0 and "File exists" in made.stderr:
        return False
    if made.returncode != 0:
        run_program(add)  # raises with the reason
    batch = (
        # The label first: a bridge without one belongs to nobody, and is cleared away.
        f'link set {name} alias "{label}"\n'
        # Fixed, because a bridge otherwise takes over a port's MAC when ports come and go.
        f"link set {name} address {mac_address(number, 'bridge')} addrgenmode none\n"
        f"address add {lab_address(number, CONTROLLER)}/24 dev {name}\n"
        f"address add {lab_address6(number, CONTROLLER)}/64 dev {name} nodad\n"
        f"address add {outside_address(number, CONTROLLER)}/24 dev {name}\n"
        f"address add {outside_address6(number, CONTROLLER)}/64 dev {name} nodad\n"
        f"link set {name} up\n"
    )
    run_program(["ip", "-batch", "-"], stdin=batch)
    return True


def create_cache_interface() -> None:
    """Give this machine the package cache's two addresses; having them already is fine."""
    if Path("/sys/class/net", CACHE_INTERFACE).exists():
        return
    # A bridge without ports rather than a dummy: not every kernel has dummies.
    run_program(
        ["ip", "-batch", "-"],
        stdin=f"link add {CACHE_INTERFACE} type bridge\n"
        f"address add {CACHE_ADDRESS}/32 dev {CACHE_INTERFACE}\n"
        f"address add {CACHE_ADDRESS6}/128 dev {CACHE_INTERFACE} nodad\n"
        f"link set {CACHE_INTERFACE} up\n",
    )


def plug_in(number: int, host: str, addresses: Sequence[Address]) -> None:
    """Make a host's namespace and cable, with its addresses on `eth0`; existing ones stay."""
    namespace, cable = namespace_name(number, host), veth_name(number, host)
    if Path("/run/netns", namespace).exists() and Path("/sys/class/net", cable).exists():
        return
    unplug(number, host)
    run_program(["ip", "netns", "add", namespace])
    run_program(
        ["ip", "-batch", "-"],
        stdin=f"link add {cable} type veth peer name eth0 netns {namespace}\n"
        f"link set {cable} master {bridge_name(number)} addrgenmode none up\n",
    )
    lines = [
        f"link set eth0 address {mac_address(number, str(addresses[0]))}",
        "link set lo up",
        "link set eth0 up",
    ]
    for address in addresses:
        # nodad: a tentative address refuses connections for the first seconds.
        flag = " nodad" if address.version == 6 else ""  # noqa: PLR2004 (the protocol's own number)
        lines.append(f"address add {address}/{_PREFIX[address.version]} dev eth0{flag}")
    versions = {address.version for address in addresses}
    lines += [
        f"route add {network} dev eth0"  # inside and outside are neighbours on one wire
        for network in networks(number)
        if network.version in versions and not any(address in network for address in addresses)
    ]
    if 4 in versions:  # noqa: PLR2004
        lines.append(f"route add {CACHE_ADDRESS}/32 via {lab_address(number, CONTROLLER)}")
    if 6 in versions:  # noqa: PLR2004
        lines.append(f"route add {CACHE_ADDRESS6}/128 via {lab_address6(number, CONTROLLER)}")
    run_program(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")
    run_program(["ip", "neigh", "flush", "dev", bridge_name(number)])


def unplug(number: int, host: str) -> None:
    """Delete a host's cable and namespace; what is not there is fine."""
    _delete_link(veth_name(number, host))
    namespace = namespace_name(number, host)
    if Path("/run/netns", namespace).exists():
        run_program(["ip", "netns", "delete", namespace])


def set_cable(number: int, host: str, *, up: bool) -> None:
    """Connect or cut a host's cable at the bridge; the host sees its carrier come or go."""
    run_program(["ip", "link", "set", veth_name(number, host), "up" if up else "down"])


def delete_bridge(number: int) -> None:
    """Delete a lab's bridge, and every cable and namespace that still bears its number."""
    for link in Path("/sys/class/net").iterdir():
        if link.name.startswith(f"v{number}-"):
            _delete_link(link.name)
    if Path("/run/netns").exists():
        for namespace in Path("/run/netns").iterdir():
            if namespace.name.startswith(namespace_name(number, "")):
                run_program(["ip", "netns", "delete", namespace.name])
    _delete_link(bridge_name(number))


def delete_cache_interface() -> None:
    """Take the package cache's addresses away from this machine."""
    _delete_link(CACHE_INTERFACE)


def forget_namespaces_folder() -> None:
    """Undo what `ip netns add` did to /run/netns, once no namespace of anybody is there."""
    folder = Path("/run/netns")
    if folder.is_dir() and not any(folder.iterdir()):
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _delete_link(name: str) -> None:
    if Path("/sys/class/net", name).exists():
        # It may go on its own in between, when a namespace's last process dies.
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)

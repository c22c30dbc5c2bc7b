"""The resources of one host, from its data (resources.py wrote them), as pyinfra operations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.operations import apt, files, server, systemd

SOURCES = Path(host.data.resources) / "files"


def put(wanted: Mapping[str, str]) -> Any:  # noqa: ANN401 pyinfra is not installed where types are checked
    """Bring one file to the host; return the operation."""
    return files.put(
        name=wanted["path"],
        src=str(SOURCES / wanted["source"]),
        dest=wanted["path"],
        user=wanted["owner"],
        group=wanted["group"],
        mode=wanted["mode"],
        create_remote_dir=False,
    )


def daemon(unit: str, changes: Sequence[Any]) -> None:
    """Have a service up, at boot too, and reload it where one of its files changed."""
    systemd.service(name=unit, service=unit, running=True, enabled=True)
    systemd.service(
        name=f"Reload {unit}",
        service=unit,
        reloaded=True,
        _if=lambda: any(change.did_change() for change in changes),
    )


apt.packages(name="Packages", packages=host.data.packages, present=True)

for group in host.data.groups_wanted:
    server.group(name=f"Group {group['name']}", group=group["name"], system=group["system"])

for account in host.data.accounts:
    server.user(
        name=f"Account {account['name']}",
        user=account["name"],
        group=account["group"],
        home=account["home"],
        shell=account["shell"],
        system=True,
        create_home=False,
        ensure_home=False,
    )

for folder in host.data.directories:
    files.directory(
        name=folder["path"],
        path=folder["path"],
        user=folder["owner"],
        group=folder["group"],
        mode=folder["mode"],
    )

for made in host.data.made:
    if not host.get_fact(File, path=made["path"]):
        server.shell(name=f"Make {made['path']}", commands=[made["command"]])

daemon("unbound.service", [put(wanted) for wanted in host.data.files["unbound"]])
for wanted in host.data.resolver:
    put(wanted)
for unit in host.data.units:
    name = unit["name"].removesuffix(".service")
    if name != "unbound":
        daemon(unit["name"], [put(wanted) for wanted in host.data.files[name]])

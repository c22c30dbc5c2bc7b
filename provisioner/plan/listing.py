"""What a host should be beside its files, as a text that a person reads and compares."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.plan.generation import Generation
from provisioner.resources.declared import Account, Folder, Group, Listener, Recipe, Unit


def host_listing(generation: Generation) -> bytes:
    """Return packages, groups, accounts, folders, secrets, services and ports, a line each.

    Of system users there may be thousands: they are in it, without their passwords.
    """
    return "".join(f"{line}\n" for line in _lines(generation)).encode()


def _lines(generation: Generation) -> Iterator[str]:
    yield f"# What apply brings to {generation.host} beside its files."
    yield from (f"package {name}" for name in generation.packages)
    yield from map(_group, generation.groups)
    yield from map(_account, generation.accounts)
    yield from map(_folder, generation.folders)
    yield from map(_recipe, generation.recipes)
    yield from map(_unit, generation.units)
    yield from map(_listener, generation.listeners)


def _group(group: Group) -> str:
    return f"group {group.name}{' of the system' if group.system else ''}"


def _account(account: Account) -> str:
    kind = " of the system" if account.system else ""
    locked = ", locked" if account.locked else ""
    return f"account {account.name}:{account.group} {account.home} {account.shell}{kind}{locked}"


def _folder(folder: Folder) -> str:
    label = f" {folder.label}" if folder.label else ""
    return f"folder {folder.path} {folder.owner}:{folder.group} {folder.mode:04o}{label}"


def _recipe(recipe: Recipe) -> str:
    access = f"{recipe.owner}:{recipe.group} {recipe.mode:04o}"
    return f"made by the host: {recipe.kind} {recipe.path} {access}, for {recipe.subject}".rstrip()


def _unit(unit: Unit) -> str:
    running = f", which runs as {unit.running}" if unit.running != unit.name else ""
    return f"service {unit.name}{running}"


def _listener(listener: Listener) -> str:
    addresses = " ".join(map(str, listener.addresses))
    return f"port {listener.transport} {listener.port} of {listener.daemon} on {addresses}"

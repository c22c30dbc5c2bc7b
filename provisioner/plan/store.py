"""Where a host's mail lies: what is tried there."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.plan.generation import Generation
from provisioner.rooms.registry import room

HOMES_TRIED = 5
"""System accounts whose homes are tried: each takes processes of its own, and homes share disks."""


def store_rows(generation: Generation) -> Iterator[tuple[str, ...]]:
    """Yield folder, account, unit, and whether the folders in it count too.

    unit: the one that opens mailboxes.
    """
    unit = next((one.running for one in generation.units if room(one.daemon).stores_mail), None)
    if unit is None or generation.mail_root is None:
        return
    for folder in generation.folders:
        if folder.path == generation.mail_root:
            yield (folder.path, folder.owner, unit, "within")
    for account in people_tried(generation):
        yield (account[1], account[0], unit, "alone")


def people_tried(generation: Generation) -> tuple[tuple[str, str], ...]:
    """Return name and home of the system accounts whose homes are tried."""
    people = (one for one in generation.accounts if not one.system)
    return tuple((one.name, one.home) for one, _ in zip(people, range(HOMES_TRIED), strict=False))

"""Where a host's mail lies: what is tried there."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.plan.generation import Generation

HOMES_TRIED = 5
"""System accounts whose homes are tried: each takes processes of its own, and homes share disks."""

_STORE_UNIT = "dovecot"


def store_rows(generation: Generation) -> Iterator[tuple[str, ...]]:
    """Yield folder, account, Dovecot's unit, and whether the folders in it count too."""
    unit = next((one.running for one in generation.units if one.daemon == _STORE_UNIT), None)
    if unit is None or generation.mail_root is None:
        return
    for folder in generation.directories:
        if folder.path == generation.mail_root:
            yield (folder.path, folder.owner, unit, "within")
    for account in people_tried(generation):
        yield (account[1], account[0], unit, "alone")


def people_tried(generation: Generation) -> tuple[tuple[str, str], ...]:
    """Return name and home of the system accounts whose homes are tried."""
    people = (one for one in generation.accounts if not one.system)
    return tuple((one.name, one.home) for one, _ in zip(people, range(HOMES_TRIED), strict=False))

"""How a release builds Postfix."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.platforms.record import FrozenRecord, Platform


class PostfixHabits(FrozenRecord):
    """How the release builds Postfix.

    chroot: whether master.cf confines the services that can be. map_type: of maps that
    need no postmap(1). queue_directory: what a relative socket path is relative to.
    login_packages: the mechanisms (PLAIN, LOGIN) with which smtp(8) logs in to other servers;
    Postfix's own package does not bring them.
    parameters: what the vendor sets in its main.cf because the compiled-in value is
    another one: the upgrade scripts of the package depend on it.
    """

    chroot: bool
    map_type: str
    queue_directory: str
    login_packages: tuple[str, ...]
    parameters: Mapping[str, str] = {}


def habits(platform: Platform) -> PostfixHabits:
    """Return how the release builds Postfix."""
    return platform.daemons["postfix"].habits_as(PostfixHabits)

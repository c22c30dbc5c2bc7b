"""Where a release keeps Unbound's things."""

from __future__ import annotations

from provisioner.platforms.record import FrozenRecord, Platform


class UnboundHabits(FrozenRecord):
    """Where the release keeps Unbound's things.

    parts_dir: below config_dir, where the vendor's own parts lie. control: the Unix
    socket of unbound-control(8). anchor: the root's trust anchor, which Unbound itself
    keeps up to date (RFC 5011). anchor_command: makes that file where it is missing, as the
    unit would before its first start; unbound-checkconf(8) wants it there. pid_file:
    where the unit looks for it. resolvconf_switch: where the vendor's scripts look
    up whether Unbound and resolvconf(8), where it is installed, tell each other of resolvers;
    empty where the release has no such scripts. anchor_switch: where the vendor's unit looks
    up whether unbound-anchor(8) runs before each start; empty where it never does.
    """

    user: str
    directory: str
    parts_dir: str
    control: str
    anchor: str
    anchor_command: tuple[str, ...]
    pid_file: str
    resolvconf_switch: str = ""
    anchor_switch: str = ""


def habits(platform: Platform) -> UnboundHabits:
    """Return where the release keeps Unbound's things."""
    return platform.daemons["unbound"].habits_as(UnboundHabits)

"""How a release runs Dovecot."""

from __future__ import annotations

from provisioner.platforms.record import FrozenRecord, Platform


class DovecotHabits(FrozenRecord):
    """How the release runs Dovecot.

    first_valid_uid: the lowest uid that `useradd --system` hands out (login.defs(5)).
    open_files: how many files and connections the vendor's unit lets one of its processes have
    open (systemd.exec(5), LimitNOFILE).
    """

    first_valid_uid: int
    open_files: int = 65535


def habits(platform: Platform) -> DovecotHabits:
    """Return how the release runs Dovecot."""
    return platform.daemons["dovecot"].habits_as(DovecotHabits)

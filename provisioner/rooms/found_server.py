"""A mail server that somebody set up before mailprov came, as its host tells of it.

Values stay here; only names and numbers are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_NAMED = 8
"""So many names are listed, and the rest counted."""


@dataclass(frozen=True)
class Mailboxes:
    """Some mailboxes in one place.

    kind: `spool` (mbox files), `home` (folder is below the owners' homes) or `virtual`. size:
    in KiB, None where that would have taken too long to find out.
    """

    kind: str
    folder: str
    uid: int
    count: int
    size: int | None


@dataclass(frozen=True)
class FoundServer:
    """What the host had to tell. works: daemons that run, or will when the host boots.

    names: of the host. parameters, overrides: those of main.cf and master.cf that are set.
    settings, shipped: what doveconf(1) says of Dovecot's files, and of those of its package.
    aliases: entries of /etc/aliases that no package brings. queue: waiting messages. users: how
    many each list of Dovecot's has.
    """

    works: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    services: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    settings: tuple[str, ...] = field(default=(), repr=False)
    shipped: tuple[str, ...] = field(default=(), repr=False)
    aliases: int = 0
    queue: int = 0
    users: tuple[tuple[str, int], ...] = ()
    mailboxes: tuple[Mailboxes, ...] = ()


def counted(count: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more

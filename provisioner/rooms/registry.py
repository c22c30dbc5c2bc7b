"""The rooms, found by looking for them: a new daemon is a new folder, and no list names it."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.problems import KeyPath
from provisioner.model.reading import HatchRules
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Site
from provisioner.model.topology import LinkService, Want, links_of
from provisioner.platforms.record import Daemon, Platform
from provisioner.rooms.message_log import LogRules
from provisioner.rooms.room import Carrier, Room

if TYPE_CHECKING:  # a site file is validated without templates
    from provisioner.render.nature import Nature
    from provisioner.resources.unit import Listener

# By name, so that nothing but looking finds a room.
_DAEMONS = "provisioner.daemons"


@cache
def rooms() -> tuple[Room, ...]:
    """Return every room in the order in which the daemons start."""
    found = {room.name: room for room in map(_room, _folders())}
    order = TopologicalSorter(
        {name: sorted(room.starts_after & found.keys()) for name, room in sorted(found.items())}
    )
    return tuple(found[name] for name in order.static_order())


def room(daemon: Daemon) -> Room:
    """Return the room of a daemon; KeyError if there is none."""
    return _by_name()[daemon]


def rooms_of(host: Host) -> tuple[Room, ...]:
    """Return the rooms of the daemons that a host carries, in start order."""
    return tuple(one for one in rooms() if one.is_on(host))


def has_rows(place: KeyPath) -> bool:
    """Tell whether the secret of a place in the site file is a lookup table, and not one line."""
    return any(one.name == place[0] and one.secret_rows for one in rooms())


@lru_cache(maxsize=256)
def log_of(program: str) -> LogRules | None:
    """Return how the daemon writes that has this name in the log, None if it is none of ours."""
    logs = (one.log for one in rooms())
    return next((one for one in logs if one and one.program.fullmatch(program)), None)


def wants_of(daemons: Collection[Daemon], platform: Platform) -> tuple[Want, ...]:
    """Return what some daemons on one host want of others."""
    some = (one for one in rooms() if one.name in daemons)
    return tuple(want for one in some for want in one.behaviour.wants(platform))


def server_of(service: LinkService) -> Room:
    """Return the room of the daemon that does this for others; StopIteration if none does."""
    return next(one for one in rooms() if service in one.offers)


def carrier_of(site: Site, host: Host, nature: Nature, secrets: SiteSecrets) -> Carrier:
    """Return the host as the daemons on it see it.

    Raises MailprovError (refused) where a room does not know the family of the host's system.
    """
    names = [one.name for one in rooms_of(host)]
    if strange := [name for name in names if name not in nature.platform.daemons]:
        raise _strangers(host, nature.platform, strange)
    links = links_of(site, host, wants_of(names, nature.platform))
    return Carrier(site, host, nature, secrets, links)


def listeners_of(carrier: Carrier) -> tuple[Listener, ...]:
    """Return the ports of a host's daemons, by number, with the addresses of each."""
    found = (one for room in rooms_of(carrier.host) for one in room.behaviour.listeners(carrier))
    return tuple(sorted(found, key=lambda one: (one.port, one.transport)))


@cache
def hatch_rules() -> tuple[HatchRules, ...]:
    """Return what each room says of the daemon's own words in a site file."""
    return tuple(one.rules for one in rooms())


def _strangers(host: Host, platform: Platform, daemons: Collection[Daemon]) -> MailprovError:
    # The records take a while to load, and only this refusal needs them here.
    from provisioner.platforms.records import known_platforms  # noqa: PLC0415 see above

    titles = " and ".join(room(name).title for name in daemons)
    able = sorted(
        one.title for one in known_platforms() if all(name in one.daemons for name in daemons)
    )
    return MailprovError(
        Diagnostic(
            summary=f"mailprov cannot set up {titles} on this system",
            where=str(host.key),
            got=platform.title,
            want=", ".join(able) or f"a release on which mailprov knows {titles}",
            fix="install one of these systems on the host",
        ),
        ExitCode.REFUSED,
    )


@cache
def _by_name() -> dict[Daemon, Room]:
    return {one.name: one for one in rooms()}


def _folders() -> list[str]:
    found = pkgutil.iter_modules(import_module(_DAEMONS).__path__)
    return sorted(one.name for one in found if one.ispkg)


def _room(name: str) -> Room:
    made = import_module(f"{_DAEMONS}.{name}.spec").ROOM
    if not isinstance(made, Room) or made.name != name:
        raise TypeError(f"{_DAEMONS}.{name}.spec.ROOM is not the room {name}")
    return made

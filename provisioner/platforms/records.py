"""The records, read from the data files beside this module and from the daemons' rooms.

A room says in `families.toml` what is true of its daemon in a family of systems; a release's file
says what it has otherwise.

The package's own files are part of the program, so reading them is no effect that a
caller could notice: the functions here always answer the same.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.platforms.record import Daemon, Platform

# Read as data: rooms know platforms, and platforms no room.
_ROOMS = "provisioner.daemons"


@cache
def known_platforms() -> tuple[Platform, ...]:
    """Return every record, by name."""
    files = (
        entry
        for entry in resources.files("provisioner.platforms").iterdir()
        if entry.name.endswith(".toml")
    )
    records = (_record(tomllib.loads(file.read_text("utf-8"))) for file in files)
    return tuple(sorted(records, key=_by_name))


def _record(written: dict[str, Any]) -> Platform:
    """Return the record of a release, filled up with what is true in its family."""
    own: dict[str, dict[str, Any]] = written.get("daemons", {})
    daemons = {
        name: _with_family(families[written["family"]], own.get(name, {}))
        for name, families in _families().items()
        if written["family"] in families
    }
    return Platform.model_validate({**written, "daemons": daemons})


def _with_family(family: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {**family, **own, "habits": family.get("habits", {}) | own.get("habits", {})}
    return {"running_unit": both["unit"], **both}


@cache
def _families() -> Mapping[Daemon, dict[str, dict[str, Any]]]:
    """Return by daemon what its room says of each family."""
    rooms = (entry for entry in resources.files(_ROOMS).iterdir() if entry.is_dir())
    found = {room.name: room.joinpath("families.toml") for room in rooms}
    return {
        name: tomllib.loads(file.read_text("utf-8"))
        for name, file in sorted(found.items())
        if file.is_file()
    }


def _by_name(platform: Platform) -> tuple[str, float]:
    """Sort el-10 behind el-9."""
    family, _, version = platform.name.partition("-")
    return family, _number(version)


def known_dialects(daemon: Daemon) -> tuple[str, ...]:
    """Return the dialects of a daemon that some release speaks, in order."""
    spoken = {platform.daemons[daemon].dialect for platform in known_platforms()}
    return tuple(sorted(spoken - {""}))


def platform_named(name: str) -> Platform:
    """Return the record of that name; MailprovError (refused) if there is none."""
    for platform in known_platforms():
        if platform.name == name:
            return platform
    raise _unknown(f"no platform is named {quoted(name)}", name, _similar(name))


def detect_platform(os_release: Mapping[str, str]) -> Platform:
    """Return the record for a host that describes itself with these os-release(5) fields.

    A release is recognised by ID, else by ID_LIKE, with the first parts of VERSION_ID.
    Raises MailprovError (refused), naming the nearest known release, if none fits.
    """
    system = os_release.get("ID", "").lower()
    likes = os_release.get("ID_LIKE", "").lower().split()
    version = os_release.get("VERSION_ID", "")
    fitting = [one for one in known_platforms() if _fits(one.match.version, version)]
    for platform in fitting:
        if system in platform.match.ids:
            return platform
    for platform in fitting:
        if not set(likes).isdisjoint(platform.match.id_like):
            return platform
    title = os_release.get("PRETTY_NAME") or " ".join(filter(None, (system, version)))
    raise _unknown(
        "the host runs an unknown operating-system release",
        title,
        _nearest(system, likes, version) or _similar(f"{system}-{version}"),
    )


def _fits(release: str, version: str) -> bool:
    parts = release.split(".")
    return version.split(".")[: len(parts)] == parts


def _nearest(system: str, likes: list[str], version: str) -> str:
    """Return the release of the same family whose version is closest, or nothing.

    What a system says that it is like comes in the order of closeness (os-release(5)).
    """
    for name in (system, *likes):
        family = [
            platform
            for platform in known_platforms()
            if name in (*platform.match.ids, *platform.match.id_like, *platform.match.kin)
        ]
        # What is built from Enterprise Linux has its numbers; other derivatives have their own.
        same = name == system or any(one.match.id_like for one in family)
        number = _number(version) if same else math.inf
        if family:
            return min(family, key=lambda one: _distance(one, number)).name
    return ""


def _distance(platform: Platform, number: float) -> float:
    """Return how far a release is from a version; where there is none, the newest is nearest."""
    own = _number(platform.match.version)
    return -own if math.isinf(number) else abs(own - number)


def _number(version: str) -> float:
    try:
        return float(".".join(version.split(".")[:2]))
    except ValueError:
        return math.inf


def _similar(name: str) -> str:
    names = [platform.name for platform in known_platforms()]
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.0)))


def _unknown(summary: str, got: str, nearest: str) -> MailprovError:
    names = [platform.name for platform in known_platforms()]
    return MailprovError(
        Diagnostic(
            summary=summary,
            got=quoted(got) if got else "no os-release fields",
            want=f"one of {', '.join(names)}",
            fix=f"the nearest known platform is {nearest}; if the host behaves like it, set "
            f"`platform: {nearest}` under the host in the site file",
        ),
        ExitCode.REFUSED,
    )

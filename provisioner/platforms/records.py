"""The records, read from the data files beside this module.

The package's own files are part of the program, so reading them is no effect that a
caller could notice: the functions here always answer the same.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.platforms.record import Daemon, Platform


@cache
def known_platforms() -> tuple[Platform, ...]:
    """Return every record, by name."""
    files = (
        entry
        for entry in resources.files("provisioner.platforms").iterdir()
        if entry.name.endswith(".toml")
    )
    records = (Platform.model_validate(tomllib.loads(file.read_text("utf-8"))) for file in files)
    return tuple(sorted(records, key=lambda platform: platform.name))


def known_dialects(daemon: Daemon) -> tuple[str, ...]:
    """Return the dialects of a daemon that some release speaks, in order."""
    spoken = {platform.daemons[daemon].dialect for platform in known_platforms()}
    return tuple(sorted(spoken - {""}))


def platform_named(name: str) -> Platform:
    """Return the record of that name; MailprovError (refused) if there is none."""
    for platform in known_platforms():
        if platform.name == name:
            return platform
    raise _unknown(f"no platform is named {quoted(name)}", name, name)


def detect_platform(os_release: Mapping[str, str]) -> Platform:
    """Return the record for a host that describes itself with these os-release(5) fields.

    A release is recognised by ID, else by ID_LIKE, with the major part of VERSION_ID.
    Raises MailprovError (refused), naming the nearest known release, if none fits.
    """
    system = os_release.get("ID", "").lower()
    likes = os_release.get("ID_LIKE", "").lower().split()
    major = os_release.get("VERSION_ID", "").partition(".")[0]
    for platform in known_platforms():
        if platform.match.version == major and system in platform.match.ids:
            return platform
    for platform in known_platforms():
        if platform.match.version == major and not set(likes).isdisjoint(platform.match.id_like):
            return platform
    title = os_release.get("PRETTY_NAME") or " ".join(filter(None, (system, major)))
    raise _unknown("the host runs an unknown operating-system release", title, f"{system}-{major}")


def _unknown(summary: str, got: str, key: str) -> MailprovError:
    names = [platform.name for platform in known_platforms()]
    nearest = next(iter(difflib.get_close_matches(key, names, n=1, cutoff=0.0)))
    return MailprovError(
        Diagnostic(
            summary=summary,
            got=quoted(got) if got else "no os-release fields",
            want=f"one of {', '.join(names)}",
            fix=f"the nearest known platform is {nearest}; if the host behaves like it, say "
            f"`platform: {nearest}` under the host in the site file",
        ),
        ExitCode.REFUSED,
    )

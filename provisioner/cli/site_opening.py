"""The site file as every verb opens it: read, warned about, and its hosts chosen.

Nothing here knows of a connection or loads what renders files, so that `validate` and the
verbs of `user` are quick; what talks to hosts is put together in `composition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioner.cli.terminal import show_alike
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Site
from provisioner.site.load import LoadedSite, load_site

# What is assumed of a host that nobody has asked yet.
DEFAULT_PLATFORM = "debian-12"


def load_and_warn(path: Path) -> LoadedSite:
    """Return the site of a file, with its warnings shown; MailprovError if it is invalid."""
    loaded = load_site(path)
    show_alike(loaded.warnings)
    return loaded


def check_expressible(site: Site) -> None:
    """Raise MailprovError (invalid site) for what no daemon's language can express.

    The model's own values can all be written. Only the escape hatches hold text that is
    a daemon's business, and it is judged here before any host is asked.
    """
    if not site.has_hatches:
        return
    # Few sites need the templates to be validated, and they take a while to load.
    from provisioner.platforms.records import platform_named  # noqa: PLC0415 see above
    from provisioner.render.nature import Nature  # noqa: PLC0415 see above
    from provisioner.rooms.host_tree import render_host  # noqa: PLC0415 see above

    # No user is in what the hatches change: a large site need not be written out here.
    site = site.model_copy(update={"users": site.users[:1], "aliases": ()})
    for host in site.hosts:
        nature = Nature(platform_named(host.platform or DEFAULT_PLATFORM))
        render_host(site, host, nature, SiteSecrets())


def limited_hosts(site: Site, limit: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts that `--limit` leaves; MailprovError if it names an unknown one."""
    known = [host.key for host in site.hosts]
    unknown = [name for name in limit if name not in known]
    if unknown:
        raise MailprovError(
            [
                Diagnostic(
                    summary="--limit names no host of the site",
                    got=quoted(name),
                    want=f"one of {', '.join(known)}",
                    fix="use the key under `hosts:` in the site file",
                )
                for name in unknown
            ],
            ExitCode.USAGE,
        )
    return tuple(host for host in site.hosts if not limit or host.key in limit)

"""The site file as every verb opens it: read, warned about, and its hosts chosen.

Nothing here knows of a connection or loads what renders files, so that `validate` and the
verbs of `user` are quick; what talks to hosts is put together in `composition`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from provisioner.cli.terminal import show_alike
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.model.names import DomainName
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.model.topology import mail_hosts
from provisioner.site.load import LoadedSite, load_site

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 an item

# What is assumed of a host that nobody has asked yet.
DEFAULT_PLATFORM = "debian-12"


def load_and_warn(path: Path) -> LoadedSite:
    """Return the site of a file, with its warnings shown; MailprovError if it is invalid."""
    loaded = load_site(path)
    show_alike(loaded.warnings)
    return loaded


def of_each(items: Iterable[I], read: Callable[[I], T]) -> list[T]:
    """Return what is read of each; MailprovError with all that is wrong with any of them.

    It is a refusal only where every error is one.
    """
    results: list[T] = []
    errors: list[MailprovError] = []
    for item in items:
        try:
            results.append(read(item))
        except MailprovError as error:
            errors.append(error)
    if errors:
        codes = {error.exit_code for error in errors}
        code = codes.pop() if len(codes) == 1 else ExitCode.INVALID_SITE
        raise MailprovError([one for error in errors for one in error.diagnostics], code)
    return results


def refuse_same_sites(sites: Sequence[Site], paths: Sequence[Path]) -> None:
    """Raise MailprovError (invalid site) for files that describe one site twice."""
    files: dict[DomainName, Path] = {}
    told: list[Diagnostic] = []
    for site, path in zip(sites, paths, strict=True):
        first = files.setdefault(site.domain, path)
        if first is not path:
            told.append(
                Diagnostic(
                    summary="two site files describe the same site",
                    where=str(path),
                    got=f"domain: {site.domain}, as in {first}",
                    want="each site once",
                    fix="name one of the files",
                )
            )
    if told:
        raise MailprovError(told, ExitCode.INVALID_SITE)


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


def refuse_split(site: Site, path: Path) -> None:
    """Raise MailprovError (refused) for a site whose mail roles are on several hosts.

    The file is valid, and `validate` and `render` take it. What changes or asks hosts does not:
    no run gathers yet the certificates by which the hosts of such a site trust each other.
    """
    carriers = mail_hosts(site)
    if len(carriers) > 1:
        first, *others = (host.key for host in carriers)
        raise MailprovError(
            Diagnostic(
                summary="mail roles on several hosts are not supported yet",
                where=f"{path}: hosts",
                got="; ".join(
                    f"{host.key}: {', '.join(role for role in Role if role in host.roles)}"
                    for host in site.hosts
                ),
                want="mx, submission and store together on exactly one host; dns on any",
                fix=f"give all three roles to {first} and none of them to {', '.join(others)}; "
                "`mailprov render` shows what the hosts would get as it is",
            ),
            ExitCode.REFUSED,
        )


def limited_hosts(sites: Sequence[Site], limit: Sequence[str]) -> tuple[tuple[Host, ...], ...]:
    """Return each site's hosts that `--limit` leaves; MailprovError if it names an unknown one.

    A host is named by its key, which may be that of hosts of several sites, or by both, like
    `example.org/mail`.
    """
    keys = [host.key for site in sites for host in site.hosts]
    refs = [str(host.ref) for site in sites for host in site.hosts]
    known = list(dict.fromkeys(keys)) if len(sites) == 1 else refs
    unknown = [name for name in limit if name not in keys and name not in refs]
    if unknown:
        raise MailprovError(
            [
                Diagnostic(
                    summary=f"--limit names no host of the site{'s' * (len(sites) > 1)}",
                    got=quoted(name),
                    want=f"one of {', '.join(known)}",
                    fix="use the key under `hosts:` in the site file",
                )
                for name in unknown
            ],
            ExitCode.USAGE,
        )
    named = set(limit)
    return tuple(
        tuple(host for host in site.hosts if not named or {host.key, str(host.ref)} & named)
        for site in sites
    )

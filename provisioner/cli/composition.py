"""The composition root: where the layers meet.

A verb asks for a `Run`; here it is put together of the site file, the secrets it
refers to, the SSH fleet and the remote program.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli.terminal import LiveProgress, show_diagnostics
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.inventory.load import LoadedSite, load_site
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Site, User
from provisioner.workflow.compiling import Compiler
from provisioner.workflow.run import Run

if TYPE_CHECKING:
    from provisioner.inventory.secrets import Secrets  # at run time not for --help

# What is assumed of a host that nobody has asked yet.
DEFAULT_PLATFORM = "debian-12"


def load_and_warn(path: Path) -> LoadedSite:
    """Return the site of a file, with its warnings shown; MailprovError if it is invalid."""
    loaded = load_site(path)
    show_diagnostics(loaded.warnings)
    return loaded


def check_expressible(site: Site) -> None:
    """Raise MailprovError (invalid site) for what no daemon's language can express.

    The model's own values can all be written. Only the escape hatches hold text that is
    a daemon's business, and it is judged here before any host is asked.
    """
    if not (site.postfix.main or site.postfix.master or site.dovecot or site.unbound):
        return
    from provisioner.platforms.records import platform_named  # noqa: PLC0415 not for --help
    from provisioner.render.host_tree import render_host  # noqa: PLC0415 not for --help

    for host in site.hosts:
        render_host(site, host, platform_named(host.platform or DEFAULT_PLATFORM), SiteSecrets())


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


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container whose user has no passwd entry


@contextmanager
def open_run(
    path: Path,
    limit: Sequence[str],
    *,
    accept_new: bool,
    quiet: bool,
    passwords: bool = True,
) -> Iterator[Run]:
    """Yield a run over the site of a file, with its connections closed afterwards.

    The site and every secret it refers to are read before any connection is made.
    passwords: also those of users, and the site's key; who only reads needs none, and
    the way back must be open without them.
    """
    site = load_and_warn(path).site
    users = None if passwords else ()
    opened = open_run_over(site, path, limit, accept_new=accept_new, quiet=quiet, users=users)
    with opened as (run, _):
        yield run


@contextmanager
def open_run_over(  # noqa: PLR0913 as open_run, and the site
    site: Site,
    path: Path,
    limit: Sequence[str],
    *,
    accept_new: bool,
    quiet: bool,
    users: Collection[User] | None = None,
) -> Iterator[tuple[Run, Secrets]]:
    """Yield a run over a site that was read already, and what its references led to.

    path: of its file, as for `open_run`. users: whose passwords are read, and then not the
    site's key; None: everybody's and the key. The run has the whole site in any case.
    """
    from provisioner.inventory.secrets import read_secrets  # noqa: PLC0415 not for --help
    from provisioner.ssh.fleet import Fleet  # noqa: PLC0415 paramiko is not for --help
    from provisioner.ssh.options import SshOptions  # noqa: PLC0415 as Fleet
    from provisioner.ssh.remote.program import remote_programs  # noqa: PLC0415 as Fleet

    check_expressible(site)
    hosts = limited_hosts(site, limit)
    needed = site
    if users is not None:
        needed = site.model_copy(update={"users": tuple(users), "tls": "none"})
    secrets = read_secrets(needed, path)
    show_diagnostics(secrets.warnings)
    with Fleet(SshOptions(accept_new_host_keys=accept_new), secrets.reveal) as fleet:
        run = Run(
            site=site,
            hosts=hosts,
            fleet=fleet,
            programs=remote_programs(),
            compiler=Compiler(site, secrets.settle, secrets.tls_chain),
            progress=LiveProgress([host.key for host in hosts], quiet=quiet),
            owner=f"{_user_name()}@{socket.gethostname()} (process {os.getpid()})",
        )
        yield run, secrets

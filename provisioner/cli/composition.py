"""The composition root: where the layers meet.

A verb asks for a `Run`; here it is put together of the site file, the secrets it
refers to, the SSH fleet and the remote program. What asks the live services comes from
here as well, and is loaded when there is something to ask.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.cli.progress import LiveProgress
from provisioner.cli.site_opening import (
    check_expressible,
    limited_hosts,
    load_and_warn,
    of_each,
    refuse_same_sites,
    refuse_split,
)
from provisioner.cli.terminal import show_alike
from provisioner.model.secrets import DaemonSecrets
from provisioner.model.site import Host, Site, User
from provisioner.remote.program import remote_programs
from provisioner.site.daemon_secrets import read_daemon_secrets
from provisioner.site.secrets import Need, Secrets, read_secrets
from provisioner.transport.fleet import OpenFleet
from provisioner.transport.options import SshOptions
from provisioner.verbs.asking import Asker, ProbeAccount
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.machines import Machines
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run, by_key
from provisioner.verbs.runs import Runs


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container whose user has no passwd entry


@dataclass(frozen=True)
class _Opened:
    """A site as far as it is known before any connection is made."""

    site: Site
    secrets: Secrets
    daemons: DaemonSecrets


@contextmanager
def open_runs(
    paths: Sequence[Path],
    limit: Sequence[str],
    *,
    accept_new: bool,
    quiet: bool,
    need: Need = Need.NONE,
) -> Iterator[Runs]:
    """Yield runs over the sites of several files, with their connections closed afterwards.

    All sites, and every secret that they refer to, are read before any connection is made;
    MailprovError has what is wrong with any of them. A site of which `--limit` leaves no host
    has no run. need: which of the users' passwords have to be there.
    """
    sites = of_each(paths, _checked_site)
    refuse_same_sites(sites, paths)
    hosts = limited_hosts(sites, limit)
    chosen = [(site, path) for site, path, left in zip(sites, paths, hosts, strict=True) if left]
    opened = of_each(chosen, lambda pair: _read(*pair, users=None, need=need))
    with _connected(
        opened,
        [left for left in hosts if left],
        accept_new=accept_new,
        quiet=quiet,
        several=len(paths) > 1,
    ) as runs:
        yield runs


@contextmanager
def open_run(
    path: Path, limit: Sequence[str], *, accept_new: bool, quiet: bool, passwords: bool = True
) -> Iterator[Run]:
    """Yield a run over the site of a file, with its connections closed afterwards.

    The site and every secret it refers to are read before any connection is made.
    passwords: also those of users, and the site's key; the way back must be open without
    them.
    """
    site = load_and_warn(path).site
    users = None if passwords else ()
    opened = open_run_over(
        site, path, limit, accept_new=accept_new, quiet=quiet, users=users, need=Need.NONE
    )
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
    need: Need = Need.UNKNOWN,
) -> Iterator[tuple[Run, Secrets]]:
    """Yield a run over a site that was read already, and what its references led to.

    path: of its file, as for `open_run`. users: whose passwords are read, and then not the
    site's key; None: everybody's and the key. The run has the whole site in any case. need: as
    for `read_secrets`.
    """
    refuse_split(site, path)
    check_expressible(site)
    hosts = limited_hosts([site], limit)
    opened = _read(site, path, users=users, need=need)
    with _connected([opened], hosts, accept_new=accept_new, quiet=quiet) as runs:
        yield runs.runs[0], opened.secrets


def _checked_site(path: Path) -> Site:
    site = load_and_warn(path).site
    refuse_split(site, path)
    check_expressible(site)
    return site


def _read(site: Site, path: Path, *, users: Collection[User] | None, need: Need) -> _Opened:
    needed = site
    if users is not None:
        needed = site.model_copy(update={"users": tuple(users), "tls": "none"})
    secrets = read_secrets(needed, path, need=need)
    # Who only looks needs no password, and authorities are none.
    daemons, doubts = read_daemon_secrets(site, path, look_only=users is not None)
    show_alike((*secrets.warnings, *doubts))
    return _Opened(site, secrets, daemons)


@contextmanager
def _connected(
    sites: Sequence[_Opened],
    hosts: Sequence[Sequence[Host]],
    *,
    accept_new: bool,
    quiet: bool,
    several: bool = False,
) -> Iterator[Runs]:
    reveals = {one.site.domain: one.secrets.reveal for one in sites}
    options = SshOptions(accept_new_host_keys=accept_new)
    refs = [host.ref for each in hosts for host in each]
    progress = LiveProgress(refs, str if several else by_key, quiet=quiet)
    owner = f"{_user_name()}@{socket.gethostname()} (process {os.getpid()})"
    machines = Machines()
    programs = remote_programs()
    with OpenFleet(options, lambda host: reveals[host.site]) as fleet:
        yield Runs(
            tuple(
                Run(
                    site=one.site,
                    hosts=tuple(its),
                    fleet=fleet,
                    programs=programs,
                    compiler=_compiler(one),
                    progress=progress,
                    owner=owner,
                    own_roots=one.secrets.own_roots,
                    machines=machines,
                )
                for one, its in zip(sites, hosts, strict=True)
            ),
            several=several,
        )


def _compiler(one: _Opened) -> Compiler:
    secrets = one.secrets
    return Compiler(one.site, secrets.settle, secrets.tls_chain, secrets.notes, daemons=one.daemons)


def open_asker(
    *,
    hosts: Sequence[Host],
    transports: Mapping[str, Transport],
    account: ProbeAccount | None,
    fingerprints: Mapping[str, str],
) -> Asker:
    """Return the asker that has sockets; satisfies provisioner.verbs.asking.OpenAsker."""
    # An apply with nothing to do asks nothing: it need not load every mail protocol.
    from provisioner.clients.asker import SiteAsker  # noqa: PLC0415 see above

    return SiteAsker(hosts=hosts, transports=transports, account=account, fingerprints=fingerprints)

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
from pathlib import Path

from provisioner.cli.progress import LiveProgress
from provisioner.cli.site_opening import check_expressible, limited_hosts, load_and_warn
from provisioner.cli.terminal import show_alike
from provisioner.model.site import Host, Site, User
from provisioner.remote.program import remote_programs
from provisioner.site.daemon_secrets import read_daemon_secrets
from provisioner.site.secrets import Need, Secrets, read_secrets
from provisioner.transport.fleet import Fleet
from provisioner.transport.options import SshOptions
from provisioner.verbs.asking import Asker, ProbeAccount
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container whose user has no passwd entry


@contextmanager
def open_run(  # noqa: PLR0913 each of them is a choice of the verb's
    path: Path,
    limit: Sequence[str],
    *,
    accept_new: bool,
    quiet: bool,
    passwords: bool = True,
    need: Need = Need.NONE,
) -> Iterator[Run]:
    """Yield a run over the site of a file, with its connections closed afterwards.

    The site and every secret it refers to are read before any connection is made.
    passwords: also those of users, and the site's key; the way back must be open without
    them. need: which of the users' have to be there.
    """
    site = load_and_warn(path).site
    users = None if passwords else ()
    opened = open_run_over(
        site, path, limit, accept_new=accept_new, quiet=quiet, users=users, need=need
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
    check_expressible(site)
    hosts = limited_hosts(site, limit)
    needed = site
    if users is not None:
        needed = site.model_copy(update={"users": tuple(users), "tls": "none"})
    secrets = read_secrets(needed, path, need=need)
    # Who only looks needs no password, and authorities are none.
    daemons, doubts = read_daemon_secrets(site, path, look_only=users is not None)
    show_alike((*secrets.warnings, *doubts))
    with Fleet(SshOptions(accept_new_host_keys=accept_new), secrets.reveal) as fleet:
        run = Run(
            site=site,
            hosts=hosts,
            fleet=fleet,
            programs=remote_programs(),
            compiler=Compiler(
                site, secrets.settle, secrets.tls_chain, secrets.notes, daemons=daemons
            ),
            progress=LiveProgress([host.ref for host in hosts], quiet=quiet),
            owner=f"{_user_name()}@{socket.gethostname()} (process {os.getpid()})",
            own_roots=secrets.own_roots,
        )
        yield run, secrets


def open_asker(
    *,
    hosts: Sequence[Host],
    transports: Mapping[str, Transport],
    account: ProbeAccount | None,
    fingerprints: Mapping[str, str],
) -> Asker:
    """Return the asker that has sockets; satisfies provisioner.verbs.asking.OpenAsker."""
    # An apply with nothing to do asks nothing: it need not load every mail protocol.
    from provisioner.clients.asking import SiteAsker  # noqa: PLC0415 see above

    return SiteAsker(hosts=hosts, transports=transports, account=account, fingerprints=fingerprints)

"""The generation of one host: site and platform in, all that the host should be out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from provisioner.directory.inline import directory_of
from provisioner.model.logins import PROBE_NAME
from provisioner.model.mailboxes import MAIL_ROOT, mailbox_home
from provisioner.model.names import MailAddress
from provisioner.model.prober import PROBE_HOME
from provisioner.model.problems import KeyPath
from provisioner.model.reading import BOUNCER
from provisioner.model.secrets import KnownCredential, SiteSecrets
from provisioner.model.services import mail_services_of
from provisioner.model.site import AccountKind, Host, Role, Site, User
from provisioner.model.topology import LinkService, carried, shows_certificate
from provisioner.plan.generation import Generation, user_files
from provisioner.platforms.record import Daemon, Platform
from provisioner.render.artifact import Artifact, Plane, sealed
from provisioner.render.daemon_secrets import SecretFile
from provisioner.render.directory_table import has_tables
from provisioner.render.firewall_view import firewall_notices
from provisioner.render.nature import Nature
from provisioner.render.resolver_view import RESOLV_CONF
from provisioner.render.tls_chain import CHAIN_PATH
from provisioner.resources.account import Account
from provisioner.resources.file_state import LeftFile
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Unit
from provisioner.rooms.host_tree import render_carrier
from provisioner.rooms.phase import ahead_of, passed_of
from provisioner.rooms.registry import carrier_of, listeners_of, rooms_of
from provisioner.rooms.room import Carrier, Room

_HOMES = "/home"
_CREDENTIALS = "/var/lib/mailprov/directory/credentials"


def compile_generation(
    site: Site,
    host: Host,
    nature: Nature,
    secrets: SiteSecrets,
    credentials: Mapping[MailAddress, KnownCredential],
) -> Generation:
    """Return what the host should be.

    nature: all that is known of the host's system.
    secrets: the settled passwords and the operator's own certificate, if any.
    credentials: what the host is to remember of referenced passwords, so that the
    next run recognises them unchanged.
    """
    platform = nature.platform
    carrier = carrier_of(site, host, nature, secrets)
    rooms = rooms_of(host)
    phases = tuple(tuple(one.behaviour.phases(carrier)) for one in rooms)
    stores = LinkService.DELIVERY in carried(host.roles)
    logins = LinkService.LOGINS in carried(host.roles)
    artifacts = render_carrier(carrier)
    if logins and credentials:
        artifacts = (*artifacts, _remembered(credentials))
    return Generation(
        host=host.key,
        platform=platform,
        packages=_packages(carrier, rooms, tables=stores and has_tables(site)),
        groups=tuple(_groups(site)) if stores else (),
        accounts=tuple(_accounts(site, platform, secrets)) if stores else (),
        folders=tuple(_folders(site, platform)) if stores else (),
        recipes=tuple(_recipes(carrier, rooms)),
        artifacts=artifacts,
        units=tuple(_unit(platform, one.name) for one in rooms),
        certificate_path=CHAIN_PATH if shows_certificate(site, host) else None,
        mail_root=_mail_root(site) if stores else None,
        notices=(
            *_notices(site),
            *(notice for one in rooms for notice in one.behaviour.notices(carrier)),
            *(firewall_notices(site, host, nature.firewall) if nature.firewall else ()),
            *_resolver_notices(carrier, rooms),
        ),
        ports=tuple(sorted({service.port for service in mail_services_of(site, host)})),
        listeners=listeners_of(carrier),
        user_files=user_files(one.path for one in artifacts if one.plane is Plane.DIRECTORY),
        people=frozenset(_people(site)) if stores else frozenset(),
        others=tuple(other for one in rooms for other in one.behaviour.resources(carrier)),
        passed=passed_of(phases, nature.passed),
        ahead=ahead_of(phases, nature.passed),
    )


def with_kept_secrets(generation: Generation, left: Mapping[str, LeftFile]) -> Generation:
    """Return the generation with what the host has in the place of daemons' secrets not read.

    left: what the last transaction left there. Of a secret that the host does not have a
    placeholder stays.
    """

    def kept(artifact: Artifact) -> Artifact:
        before = left.get(artifact.path)
        unread = isinstance(artifact, SecretFile) and artifact.unread
        return sealed(artifact, before.sha256) if unread and before else artifact

    return replace(generation, artifacts=tuple(map(kept, generation.artifacts)))


def unread_secrets(generation: Generation) -> tuple[KeyPath, ...]:
    """Return where the site file names secrets that neither the host has nor anybody read."""
    files = (one for one in generation.artifacts if isinstance(one, SecretFile))
    return tuple(file.place for file in files if file.unread)


def _packages(carrier: Carrier, rooms: Iterable[Room], *, tables: bool) -> tuple[str, ...]:
    platform = carrier.platform
    names = list(platform.base_packages)
    for one in rooms:
        names += platform.daemons[one.name].packages
    if tables:
        names += platform.table_packages
    for one in rooms:
        names += one.behaviour.packages(carrier)
    return tuple(dict.fromkeys(names))


def _groups(site: Site) -> Iterator[Group]:
    yield Group(PROBE_NAME)
    if site.accounts.kind is AccountKind.SYSTEM:
        yield Group(site.accounts.group, system=False)
    else:
        yield Group(site.accounts.group)


def _accounts(site: Site, platform: Platform, secrets: SiteSecrets) -> Iterator[Account]:
    yield Account(PROBE_NAME, PROBE_NAME, PROBE_HOME, platform.nologin, system=True)
    if site.accounts.kind is AccountKind.VIRTUAL:
        group = site.accounts.group
        yield Account(group, group, MAIL_ROOT, platform.nologin, system=True)
        return
    for user in directory_of(site).users:
        yield _person(site, user, secrets)


def _person(site: Site, user: User, secrets: SiteSecrets) -> Account:
    name = user.address.local
    return Account(
        name=name,
        group=site.accounts.group,
        home=mailbox_home(site, user.address),
        shell=site.accounts.shell,
        system=False,
        password=secrets.passwords.get(user.address),
        locked=not user.enabled,
        comment=user.name,
    )


def _people(site: Site) -> Iterator[str]:
    if site.accounts.kind is AccountKind.VIRTUAL:
        for user in directory_of(site).users:
            # Only users of the primary domain can be accounts of the host.
            if user.enabled and user.address.domain == site.domain:
                yield user.address.local


def _mail_root(site: Site) -> str:
    return _HOMES if site.accounts.kind is AccountKind.SYSTEM else MAIL_ROOT


def _folders(site: Site, platform: Platform) -> Iterator[Folder]:
    label = platform.mail_label
    yield Folder(PROBE_HOME, PROBE_NAME, PROBE_NAME, 0o700, label)
    if site.accounts.kind is AccountKind.VIRTUAL:
        owner = site.accounts.group
        yield Folder(MAIL_ROOT, owner, owner, 0o700, label)


def _recipes(carrier: Carrier, rooms: Iterable[Room]) -> Iterator[Recipe]:
    own = carrier.site.tls == "self-signed" and shows_certificate(carrier.site, carrier.host)
    if own:
        yield Recipe("self-signed", CHAIN_PATH, carrier.host.fqdn)
    for one in rooms:
        yield from one.behaviour.recipes(carrier)


def host_made_paths(host: Host, platform: Platform) -> tuple[str, ...]:
    """Return where secrets lie that a host makes for itself, its certificate first."""
    own = (path for one in rooms_of(host) for path in one.behaviour.made_paths(platform))
    return (CHAIN_PATH, *own)


def _unit(platform: Platform, daemon: Daemon) -> Unit:
    record = platform.daemons[daemon]
    return Unit(daemon, record.unit, record.running_unit)


def _remembered(credentials: Mapping[MailAddress, KnownCredential]) -> Artifact:
    head = "# Managed by mailprov: passwords that the site file gives by reference.\n"
    rows = [
        f"{address}\t{credential.tag}\t{credential.hash}\n"
        for address, credential in sorted(credentials.items())
    ]
    content = (head + "".join(rows)).encode()
    return Artifact(_CREDENTIALS, content, mode=0o600, secret=True, plane=Plane.DIRECTORY)


def _notices(site: Site) -> Iterator[str]:
    aliases = directory_of(site).aliases
    implied = {alias.source: alias.targets[0] for alias in aliases if alias.implied}
    defaults = {target for source, target in implied.items() if source.local != BOUNCER}
    # MAILER-DAEMON follows postmaster, who may have been written down.
    led = {
        source.local
        for source, target in implied.items()
        if implied.get(target, target) in defaults
    }
    for person in defaults:
        yield f"mail to {', '.join(sorted(led))} goes to {person}, the first user"
    for allowance, reason in site.allow_insecure.items():
        yield f"allowed although unsafe: {allowance} ({reason})"


def _resolver_notices(carrier: Carrier, rooms: Iterable[Room]) -> Iterator[str]:
    """Tell what it means that a host's resolv.conf is not the site's."""
    host = carrier.host
    if host.keeps_resolver and carrier.site.hosts_with(Role.DNS):
        lost = (
            f", and {loss}" for one in rooms for loss in one.behaviour.foreign_resolver(carrier)
        )
        yield (
            f"{host.key}: {RESOLV_CONF} stays as it is (`resolv_conf: keep`): the host "
            f"uses the resolvers in it{''.join(lost)}"
        )

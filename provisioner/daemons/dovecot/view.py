"""What Dovecot's templates are given, and its files.

A dialect (2.3, 2.4) is a folder under templates/: this view holds meaning, and the
templates of a dialect say it in that dialect's words. What both say alike stands once, in
the folder `both`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.daemons.dovecot.habits import habits
from provisioner.daemons.dovecot.options import DovecotConf, render_dovecot_site
from provisioner.daemons.dovecot.peers import Peers, peers_of
from provisioner.daemons.dovecot.quoting import TEMPLATES, dovecot_value
from provisioner.daemons.dovecot.users import elsewhere_rows, mailbox_rows, password_rows
from provisioner.model.prober import probe_login, probe_other_names
from provisioner.model.secrets import HeldSecret, SiteSecrets
from provisioner.model.services import SERVICE_BY_NAME, SIEVE_PORT, is_open
from provisioner.model.site import AccountKind, Allowance, Host, Site
from provisioner.model.topology import LinkService, Unix, carried
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.daemon_secrets import SecretFile, SecretForm, held_path, hidden, secret_file
from provisioner.render.directory_table import TABLE_PATH, has_tables
from provisioner.render.quoting import Quoted
from provisioner.render.spelling import domain_pattern
from provisioner.render.tls_chain import CHAIN_PATH, cleartext_reason
from provisioner.rooms.addresses import has_ipv6
from provisioner.rooms.room import Carrier

PAM_SERVICE = "mailprov"


@dataclass(frozen=True, slots=True)
class LoginListener:
    """One listening port of a login service; port 0 is none."""

    name: str
    port: int
    wrapped: bool

    @property
    def ssl(self) -> str:
        """Whether TLS begins with the first byte, in Dovecot's words."""
        return "yes" if self.wrapped else "no"


@dataclass(frozen=True, slots=True)
class TypedDomain:
    """A domain that is not all ASCII. name: its A-labels. pattern: as users type it."""

    name: Quoted
    pattern: Quoted


@dataclass(frozen=True, slots=True)
class DovecotView:
    """All that the templates under templates/dovecot/ print."""

    hostname: str
    domain: str
    protocols: tuple[str, ...]
    includes: tuple[str, ...]
    ipv6: bool
    virtual: bool
    owner: str
    group: str
    pam_service: str
    folder: str
    tables: bool
    database: str
    probe_login: str
    probe_other_names: str
    typed_domains: tuple[TypedDomain, ...]
    login_characters: Quoted
    mailbox_format: str
    mailbox: str
    first_valid_uid: int
    store: bool
    logins: Unix | None
    delivery: Unix | None
    peers: Peers
    hashers: int
    submission_auth: bool
    imap: bool
    pop3: bool
    imap_listeners: tuple[LoginListener, ...]
    pop3_listeners: tuple[LoginListener, ...]
    sieve_port: int
    imap_connections: int
    pop3_connections: int
    guid_uidl: bool
    pop3_workarounds: tuple[str, ...]
    chain: str
    tls: bool
    no_tls_reason: str
    cleartext: bool
    imap_cleartext: bool
    pop3_cleartext: bool
    cleartext_reason: str
    weak_hash_reason: str


def render_dovecot(carrier: Carrier) -> Iterator[Artifact]:
    """Yield Dovecot's files for a host, parts before the file that includes them."""
    site, platform, secrets = carrier.site, carrier.platform, carrier.secrets
    record = platform.daemons["dovecot"]
    options = site.dovecot.get(record.dialect, {})
    view = _view(carrier)
    if view.tables:
        yield _lookups(view, record.dialect)
    else:
        yield from _directory(carrier, view, record.dialect)
    if not view.virtual:
        content = TEMPLATES.render("dovecot/pam.d/mailprov", view)
        yield Artifact(f"/etc/pam.d/{PAM_SERVICE}", content, daemons=("dovecot",), rank=20)
    if view.peers.lmtp_port:
        content = TEMPLATES.render("dovecot/mailprov/strangers", None)
        yield Artifact(f"{view.folder}/strangers", content, rank=20)
    if view.store:
        boot = TEMPLATES.render("dovecot/tmpfiles.d/mailprov.conf", view)
        yield Artifact("/etc/tmpfiles.d/mailprov.conf", boot, rank=20)
    if habits(platform).open_files < _OPEN_FILES:
        limit = TEMPLATES.render("dovecot/dovecot.service.d/mailprov.conf", _OPEN_FILES)
        yield Artifact(_UNIT_PART, limit, daemons=("dovecot",), restart=True, rank=20)
    held = {name: value for name, value in options.items() if isinstance(value, HeldSecret)}
    files = tuple(_secrets(held, platform, secrets))
    yield from files
    plain = {name: value for name, value in options.items() if name not in held}
    included = tuple(file.path for file in files)
    parts = dict(_parts(view, record.dialect, plain, included))
    for part, content in parts.items():
        yield Artifact(f"{record.config_dir}/{part}", content, daemons=("dovecot",), rank=30)
    view = replace(view, includes=tuple(parts))
    main = TEMPLATES.record(f"dovecot/{record.dialect}/dovecot.conf", view, DovecotConf())
    yield Artifact(f"{record.config_dir}/dovecot.conf", main.text, daemons=("dovecot",), rank=40)


# As Debian's unit has it; the largest client_limit of 10-master.conf is 8192.
_OPEN_FILES = 65535
_UNIT_PART = "/etc/systemd/system/dovecot.service.d/mailprov.conf"
# How many passwords are checked at once.
_HASHERS = 4
# There a passwd-file is always read by auth itself.
_WORKERS_READ_NO_PASSWD_FILE = frozenset({"2.3"})
# There each auth process has workers of its own.
_WORKERS_OF_EACH = frozenset({"2.3"})
# There the driver's package brings the settings' names, and a master that was started before it
# came does not know them: it would stay with the configuration that it has, and only log it.
_DRIVERS_BRING_SETTINGS = frozenset({"2.4"})
# Files with the hashes of users' passwords.
_WITH_HASHES = frozenset({"users", "passwords"})
_SITE_FIRST, _SITE_LAST = "conf.d/05-site.conf", "conf.d/99-site.conf"
_PARTS = (
    "conf.d/10-auth.conf",
    "conf.d/10-logging.conf",
    "conf.d/10-mail.conf",
    "conf.d/10-master.conf",
    "conf.d/10-ssl.conf",
    "conf.d/15-lda.conf",
    "conf.d/15-mailboxes.conf",
    "conf.d/20-imap.conf",
    "conf.d/20-lmtp.conf",
    "conf.d/20-managesieve.conf",
    "conf.d/20-pop3.conf",
    "conf.d/90-sieve.conf",
)
# Those of a host that only checks logins for others.
_OF_LOGINS = frozenset(
    {
        "conf.d/10-auth.conf",
        "conf.d/10-logging.conf",
        "conf.d/10-master.conf",
        "conf.d/10-ssl.conf",
    }
)
_SAID_ALIKE = frozenset(
    {
        "conf.d/10-logging.conf",
        "conf.d/10-master.conf",
        "conf.d/15-lda.conf",
        "conf.d/15-mailboxes.conf",
        "conf.d/20-managesieve.conf",
    }
)


def _secrets(
    held: Mapping[str, str], platform: Platform, secrets: SiteSecrets
) -> Iterator[SecretFile]:
    """Yield a file with each setting that is a secret."""
    record = platform.daemons["dovecot"]
    for name in held:

        def setting(value: str, name: str = name) -> tuple[Quoted, ...]:
            return (Quoted(f"{name} = {hidden(dovecot_value, value)}"),)

        path = f"{held_path(record.config_dir, name)}.conf"
        place = ("dovecot", record.dialect, name)
        yield secret_file(path, place, secrets.daemons, SecretForm("dovecot", setting))


def _parts(
    view: DovecotView, dialect: str, options: Mapping[str, str], included: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the parts that dovecot.conf includes, in their order. included: secrets' files."""
    ours = DovecotConf()
    own = {
        part: TEMPLATES.record(
            f"dovecot/{'both' if part in _SAID_ALIKE else dialect}/{part}", view, ours
        ).text
        for part in view.includes
    }
    first, last = render_dovecot_site(options, ours, included)
    if first:
        yield _SITE_FIRST, first
    yield from own.items()
    if last:
        yield _SITE_LAST, last


def _directory(carrier: Carrier, view: DovecotView, dialect: str) -> Iterator[Artifact]:
    site, secrets = carrier.site, carrier.secrets
    if not view.virtual:
        return  # users and their passwords are the host's own accounts
    passwords = tuple(password_rows(site, secrets))
    if dialect in _WORKERS_READ_NO_PASSWD_FILE:
        name = f"dovecot/{dialect}/mailprov/passwords.conf.ext"
        lookups = TEMPLATES.record(name, view, DovecotConf())
        path = f"{view.folder}/passwords.conf.ext"
        yield Artifact(path, lookups.text, daemons=("dovecot",), rank=20)
        # In force before `users`, which ends the sessions of those who are out.
        yield _users_file(view, "passwords", passwords, rank=9)
    yield _users_file(view, "users", passwords)
    if view.store:
        yield _users_file(view, "mailboxes", tuple(mailbox_rows(site, carrier.host)))
    if view.peers.stores:
        yield _users_file(view, "elsewhere", tuple(elsewhere_rows(site, carrier.host)))


def _users_file(view: DovecotView, name: str, rows: tuple[object, ...], rank: int = 10) -> Artifact:
    return Artifact(
        f"{view.folder}/{name}",
        TEMPLATES.render(f"dovecot/mailprov/{name}", rows),
        group="dovecot",
        mode=0o640,
        secret=name in _WITH_HASHES,
        logins=name == "users",
        plane=Plane.DIRECTORY,
        # Dovecot looks at the file's date at each login: nothing to reload.
        rank=rank,
    )


def _lookups(view: DovecotView, dialect: str) -> Artifact:
    name = f"dovecot/{dialect}/mailprov/tables.conf.ext"
    content = TEMPLATES.record(name, view, DovecotConf()).text
    path = f"{view.folder}/tables.conf.ext"
    restart = dialect in _DRIVERS_BRING_SETTINGS
    return Artifact(path, content, daemons=("dovecot",), restart=restart, rank=20)


def _view(carrier: Carrier) -> DovecotView:
    site, host, platform = carrier.site, carrier.host, carrier.platform
    tls = site.tls != "none"
    store = LinkService.DELIVERY in carried(host.roles)
    imap, pop3 = (tuple(_listeners(site, host, one)) for one in ("imap", "pop3"))
    reasons = site.allow_insecure
    typed = tuple(_typed_domains(site))
    imap_cleartext = site.imap.cleartext_login or not tls
    pop3_cleartext = site.pop3.cleartext_login or not tls
    imap_on, pop3_on = (any(one.port for one in some) for some in (imap, pop3))
    parts = [
        part
        for part in _PARTS
        if (imap_on or "imap" not in part)
        and (pop3_on or "pop3" not in part)
        and (store or part in _OF_LOGINS)
    ]
    return DovecotView(
        hostname=host.fqdn,
        domain=site.domain,
        protocols=tuple(_protocols(imap=imap_on, pop3=pop3_on)) if store else (),
        includes=tuple(parts),
        ipv6=has_ipv6(host),
        virtual=site.accounts.kind is AccountKind.VIRTUAL,
        owner=site.accounts.group,
        group=site.accounts.group,
        pam_service=PAM_SERVICE,
        folder=f"{platform.daemons['dovecot'].config_dir}/mailprov",
        tables=has_tables(site),
        database=f"{TABLE_PATH}/users.sqlite",
        probe_login=probe_login(site),
        probe_other_names=probe_other_names(site),
        typed_domains=typed,
        login_characters=_login_characters(typed),
        mailbox_format=site.accounts.mailbox_format,
        mailbox=site.accounts.mailbox,
        first_valid_uid=habits(platform).first_valid_uid,
        store=store,
        logins=carrier.unix(LinkService.LOGINS),
        delivery=carrier.unix(LinkService.DELIVERY),
        peers=peers_of(carrier),
        hashers=_HASHERS,
        submission_auth=_has_submission_auth(site, platform),
        imap=imap_on,
        pop3=pop3_on,
        imap_listeners=imap,
        pop3_listeners=pop3,
        sieve_port=SIEVE_PORT,
        imap_connections=site.imap.connections,
        pop3_connections=site.pop3.connections,
        guid_uidl=site.pop3.uidl == "guid",
        pop3_workarounds=site.pop3.workarounds,
        chain=CHAIN_PATH,
        tls=tls,
        no_tls_reason=reasons.get(Allowance.NO_TLS, ""),
        cleartext=imap_cleartext or pop3_cleartext,
        imap_cleartext=imap_cleartext,
        pop3_cleartext=pop3_cleartext,
        cleartext_reason=cleartext_reason(site),
        weak_hash_reason=reasons.get(Allowance.WEAK_HASH, ""),
    )


def _typed_domains(site: Site) -> Iterator[TypedDomain]:
    for domain in site.domains:
        pattern = domain_pattern(domain.name)
        if pattern is not None:
            yield TypedDomain(Quoted(domain.name), pattern)


def _login_characters(typed: tuple[TypedDomain, ...]) -> Quoted:
    """Return the characters beyond ASCII that names at login may have; Dovecot looks at bytes."""
    every = {character for domain in typed for character in domain.pattern}
    return Quoted("".join(sorted(one for one in every if not one.isascii())))


def _has_submission_auth(site: Site, platform: Platform) -> bool:
    """Tell whether passwords of those who send mail are checked beside those of all others.

    Dovecot 2.4 has so many workers for all auth processes together; there it can be done only
    where a process can do without, which a list of users in a text file is.
    """
    text = site.accounts.kind is AccountKind.VIRTUAL and not has_tables(site)
    return text or platform.daemons["dovecot"].dialect in _WORKERS_OF_EACH


def _listeners(site: Site, host: Host, protocol: str) -> Iterator[LoginListener]:
    """Yield a listener for every port, the built-in ones that are to be off with port 0."""
    for service in (SERVICE_BY_NAME[protocol], SERVICE_BY_NAME[f"{protocol}s"]):
        on = service.role in host.roles and is_open(site, service)
        yield LoginListener(service.name, service.port if on else 0, service.tls == "implicit")


def _protocols(*, imap: bool, pop3: bool) -> Iterator[str]:
    if imap:
        yield "imap"
    if pop3:
        yield "pop3"
    yield from ("lmtp", "sieve")

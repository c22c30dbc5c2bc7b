"""What Dovecot's templates are given.

A dialect (2.3, 2.4) is a folder under templates/: this view holds meaning, and the
templates of a dialect say it in that dialect's words. What both say alike stands once, in
the folder `both`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.daemons.dovecot.habits import habits
from provisioner.daemons.dovecot.peers import Peers, peers_of
from provisioner.model.prober import probe_login, probe_other_names
from provisioner.model.services import SERVICE_BY_NAME, SIEVE_PORT, is_open
from provisioner.model.site import AccountKind, Allowance, Host, Site
from provisioner.model.topology import LinkService, Unix, carried
from provisioner.platforms.record import Platform
from provisioner.render.directory_table import TABLE_PATH, has_tables
from provisioner.render.quoting import Quoted
from provisioner.render.spelling import domain_pattern
from provisioner.render.tls_chain import CHAIN_PATH, cleartext_reason
from provisioner.rooms.addresses import has_ipv6
from provisioner.rooms.room import Carrier

_PAM_SERVICE = "mailprov"
# How many passwords are checked at once.
_HASHERS = 4
# There each auth process has workers of its own.
_WORKERS_OF_EACH = frozenset({"2.3"})


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


def dovecot_view(carrier: Carrier) -> DovecotView:
    """Return what the templates print for a host; which parts are included is left open."""
    site, host, platform = carrier.site, carrier.host, carrier.platform
    tls = site.tls != "none"
    store = LinkService.DELIVERY in carried(host.roles)
    imap, pop3 = (tuple(_listeners(site, host, one)) for one in ("imap", "pop3"))
    reasons = site.allow_insecure
    typed = tuple(_typed_domains(site))
    imap_cleartext = site.imap.cleartext_login or not tls
    pop3_cleartext = site.pop3.cleartext_login or not tls
    imap_on, pop3_on = (any(one.port for one in some) for some in (imap, pop3))
    return DovecotView(
        hostname=host.fqdn,
        domain=site.domain,
        protocols=tuple(_protocols(imap=imap_on, pop3=pop3_on)) if store else (),
        includes=(),
        ipv6=has_ipv6(host),
        virtual=site.accounts.kind is AccountKind.VIRTUAL,
        owner=site.accounts.group,
        group=site.accounts.group,
        pam_service=_PAM_SERVICE,
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

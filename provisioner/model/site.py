"""The site as every later step sees it: complete, consistent, immutable.

A `SiteFile` is what a person wrote; a `Site` is what it means. Defaults are filled
in, bare names are full addresses, host keys are hosts. Whoever holds a `Site` needs
no further checks: it cannot be built from a file that breaks a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, InstanceOf, PlainValidator

from provisioner.model.names import DomainName, HostKey, HostRef, MailAddress
from provisioner.model.secrets import PasswordHash, SecretReference

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Role(StrEnum):
    """What a host does for the site."""

    DNS = "dns"
    MX = "mx"
    SUBMISSION = "submission"
    STORE = "store"


class Allowance(StrEnum):
    """An unsafe wish that a site may name under `allow_insecure`."""

    OPEN_RELAY = "open-relay"
    OPEN_RESOLVER = "open-resolver"
    CLEARTEXT_LOGIN = "cleartext-login"
    NO_TLS = "no-tls"
    WEAK_HASH = "weak-hash"
    CLEARTEXT_RELAY = "cleartext-relay"
    LOGGED_PASSWORDS = "logged-passwords"


class AccountKind(StrEnum):
    """Where mail users live: in the mail system alone, or in the host's passwd."""

    VIRTUAL = "virtual"
    SYSTEM = "system"


class Frozen(BaseModel):
    """A model that cannot change after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SshAccess(Frozen):
    """How to log in to a host. None means: as the user's own ssh would."""

    address: str | None = None
    port: int | None = None
    user: str | None = None
    key: str | None = None
    password: SecretReference | None = None
    become: Literal["sudo"] | None = None
    become_password: SecretReference | None = None
    jump: str | None = None


class Host(Frozen):
    """A machine of the site.

    site: the site's primary domain. addresses: its own, on which services listen, and what the
    site's resolvers answer.
    public_addresses: what A and AAAA say to the world, where that is something else: a router
    translates it, and several hosts may be behind one. keeps_resolver: its /etc/resolv.conf
    is left as it is.
    """

    site: DomainName
    key: HostKey
    fqdn: DomainName
    addresses: tuple[IPAddress, ...]
    roles: frozenset[Role]
    connection: Literal["ssh", "local"] = "ssh"
    ssh: SshAccess = SshAccess()
    platform: str | None = None
    public_addresses: tuple[IPAddress, ...] = ()
    keeps_resolver: bool = False

    @property
    def ref(self) -> HostRef:
        """What a run over several sites knows it by."""
        return HostRef(self.site, self.key)


class Mx(Frozen):
    """One MX record of a domain (RFC 5321 section 5.1)."""

    host: HostKey
    fqdn: DomainName
    preference: int


class MailDomain(Frozen):
    """A domain that the site receives mail for."""

    name: DomainName
    mx: tuple[Mx, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A person with a mailbox. `store`: its host; None: the site's first one.

    No pydantic model, like `Alias`: a site may have a million, whose values all have their
    type already.
    """

    address: MailAddress
    password: PasswordHash | SecretReference
    name: str = ""
    enabled: bool = True
    store: HostKey | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """An address whose mail goes elsewhere. `implied`: a default nobody wrote."""

    source: MailAddress
    targets: tuple[MailAddress, ...]
    implied: bool = False


class Accounts(Frozen):
    """How users exist on the store. `mailbox` is a path below the home directory."""

    kind: AccountKind = AccountKind.VIRTUAL
    group: str = "vmail"
    shell: str = "/usr/sbin/nologin"
    mailbox_format: Literal["maildir", "sdbox", "mdbox"] = "maildir"
    mailbox: str = "Maildir"


class Networks(Frozen):
    """Who may relay without login, and who may ask the resolver (loopback always may)."""

    trusted: tuple[IPNetwork, ...] = ()
    resolver: tuple[IPNetwork, ...] = ()


class ForwardServer(Frozen):
    """A resolver to forward to; `tls_name` set means DNS over TLS (RFC 7858)."""

    address: IPAddress
    port: int = 53
    tls_name: DomainName | None = None


class ForwardZone(Frozen):
    """Names below `zone` (`.` for all) are asked of these servers."""

    zone: str
    servers: tuple[ForwardServer, ...]


class DnsRecord(Frozen):
    """A record of a zone: owner and data in presentation format (RFC 1035 section 5)."""

    owner: DomainName
    type: str
    data: str

    @property
    def fixed(self) -> bool:
        """Whether a server has just this data: the numbers in a SOA record are its own."""
        return self.type != "SOA"


class Dns(Frozen):
    """What the site's resolvers know besides the mail records."""

    forward: tuple[ForwardZone, ...] = ()
    insecure: tuple[str, ...] = ()
    records: tuple[DnsRecord, ...] = ()
    zone_type: Literal["transparent", "static"] = "transparent"


class TlsFiles(Frozen):
    """Certificate chain and key kept by the operator: paths on the controller."""

    certificate: str
    key: str


class Submission(Frozen):
    """Mail from the site's users (RFC 6409, RFC 8314).

    message_size in bytes; logins_per_minute and connections are per client address.
    """

    ports: frozenset[int] = frozenset({587, 465})
    message_size: int = 50 * 1024 * 1024
    logins_per_minute: int = 30
    connections: int = 20
    cleartext_login: bool = False


class Imap(Frozen):
    """Reading by IMAP; `connections` is per user and client address."""

    ports: frozenset[int] = frozenset({143, 993})
    connections: int = 40
    cleartext_login: bool = False


class Pop3(Frozen):
    """Reading by POP3; `connections` is per user and client address."""

    ports: frozenset[int] = frozenset({110, 995})
    connections: int = 10
    uidl: Literal["classic", "guid"] = "classic"
    workarounds: tuple[Literal["outlook-no-nuls", "oe-ns-eoh"], ...] = ()
    cleartext_login: bool = False


class Relay(Frozen):
    """A smarthost that takes all mail which is not the site's own (RFC 5598 section 5.5).

    tls: `required` is STARTTLS, `wrapped` TLS from the first byte (RFC 8314); with both the
    certificate has to hold `host`. user and password: both, or neither where the relay knows
    this site by its address. ca_file: a path on the controller; None for the authorities that
    the host's system trusts.
    """

    host: DomainName
    port: int = 587
    tls: Literal["required", "wrapped", "none"] = "required"
    user: str | None = None
    password: SecretReference | None = None
    ca_file: str | None = None


# A str by any of its types: pydantic would make a `HeldSecret` a plain one.
HatchText = Annotated[str, PlainValidator(lambda given: given)]


class PostfixExtra(Frozen):
    """The escape hatch into Postfix's own syntax. A value may be a `HeldSecret`."""

    main: Mapping[str, HatchText] = {}
    master: Mapping[str, Mapping[str, HatchText]] = {}


class Site(Frozen):
    """The whole mail service that one site file describes."""

    domain: DomainName
    hosts: tuple[Host, ...]
    domains: tuple[MailDomain, ...]
    users: tuple[InstanceOf[User], ...] = ()
    aliases: tuple[InstanceOf[Alias], ...] = ()
    accounts: Accounts = Accounts()
    networks: Networks = Networks()
    dns: Dns = Dns()
    tls: Literal["self-signed", "none"] | TlsFiles = "self-signed"
    submission: Submission = Submission()
    imap: Imap = Imap()
    pop3: Pop3 = Pop3()
    queue_warning: timedelta = timedelta(hours=3)
    relay: Relay | None = None
    allow_insecure: Mapping[Allowance, str] = {}
    postfix: PostfixExtra = PostfixExtra()
    dovecot: Mapping[str, Mapping[str, HatchText]] = {}
    unbound: Mapping[str, Mapping[str, tuple[HatchText, ...]]] = {}

    @property
    def has_hatches(self) -> bool:
        """Whether the site says anything in a daemon's own words."""
        return bool(self.postfix.main or self.postfix.master or self.dovecot or self.unbound)

    def hosts_with(self, role: Role) -> tuple[Host, ...]:
        """Return the hosts that carry a role, in the order of the file."""
        return tuple(host for host in self.hosts if role in host.roles)

    def host(self, key: str) -> Host:
        """Return the host of that key; KeyError if there is none."""
        for host in self.hosts:
            if host.key == key:
                return host
        raise KeyError(key)

"""The site's own terms for what stands in a log: addresses, names, ports, paths.

`10.89.0.3` becomes `mail (10.89.0.3)`, a login name becomes `alice (a user of the
site)`. The kind of a value is the name of its group in the catalogue, without a number at
its end. Values come from strangers: what is not plain is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from ipaddress import ip_address

from provisioner.diagnostics import quoted
from provisioner.directory.inline import directory_of
from provisioner.model.logins import PROBE_NAME
from provisioner.model.mailboxes import MAIL_ROOT
from provisioner.model.prober import PROBE_HOME, PROBE_NAMES
from provisioner.model.site import AccountKind, Host, IPAddress, Role, Site, TlsFiles, User
from provisioner.rooms.registry import rooms

_LIMIT = 100
_PLAIN = re.compile(r"[\w.@+/:%=\[\]*-]{1,100}", re.ASCII)
_PORT_KEYS = {25: "SMTP, every host with the role mx", 53: "DNS", 4190: "ManageSieve"}
_WRITTEN = "written by mailprov from the site file"


class Terms:
    """What the model knows of the values that one host's log names."""

    def __init__(self, site: Site, host: Host) -> None:
        self._site = site
        self._host = host
        self._directory = directory_of(site)
        self._explain: Mapping[str, Callable[[str], str]] = {
            "address": self._of_address,
            "user": self._of_user,
            "recipient": self._of_mailbox,
            "sender": self._of_mailbox,
            "domain": self._of_domain,
            "name": self._of_name,
            "port": self._of_port,
            "path": self._of_path,
            "parameter": self._of_parameter,
            "error": _words,
            "alert": _words,
            "result": _words,
        }

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The terms of the site that texts may name (`known_failure.SITE_TERMS`)."""
        site = self._site
        forwarders = [str(one.address) for zone in site.dns.forward for one in zone.servers]
        return {
            "here": f"{self._host.key} ({self._host.addresses[0]})",
            "site": site.domain,
            "trusted": _in_words(site.networks.trusted) or "none",
            "submission_ports": _in_words(sorted(site.submission.ports)),
            "imap_ports": _in_words(sorted(site.imap.ports)) or "no port",
            "pop3_ports": _in_words(sorted(site.pop3.ports)) or "no port",
            "resolvers": _in_words(
                f"{host.key} ({host.addresses[0]})" for host in site.hosts_with(Role.DNS)
            ),
            "forwarders": _in_words(dict.fromkeys(forwarders)) or "the root servers",
            "certificate": self._certificate,
            "mailboxes": self._mailboxes,
            "relay": self._relay,
        }

    def explain(self, group: str, value: str) -> str:
        """Return a value of a group in the site's own terms, on one line, printable."""
        kind = group.rstrip("0123456789").rstrip("_")
        known = self._explain.get(kind)
        return known(value) if known else shown(value)

    @property
    def _certificate(self) -> str:
        tls = self._site.tls
        if isinstance(tls, TlsFiles):
            return f"/etc/mailprov/tls/site.pem, made of {tls.certificate} (`tls.files`)"
        if tls == "none":
            return "none (`tls: none`)"
        return "/etc/mailprov/tls/site.pem, which the host made itself (`tls: self-signed`)"

    @property
    def _relay(self) -> str:
        relay = self._site.relay
        return "none (no `relay`)" if relay is None else f"{relay.host}, port {relay.port}"

    @property
    def _mailboxes(self) -> str:
        if self._site.accounts.kind is AccountKind.SYSTEM:
            return f"~/{self._site.accounts.mailbox} of each user"
        return f"{MAIL_ROOT}/DOMAIN/LOCAL-PART"

    def _of_address(self, value: str) -> str:
        try:
            address = ip_address(value)
        except ValueError:
            return shown(value)
        if address.is_loopback:
            return f"this host itself ({address})"
        for host in self._site.hosts:
            if address in host.addresses:
                return f"{host.key} ({address})"
        return f"{address} ({self._whereabouts(address)})"

    def _whereabouts(self, address: IPAddress) -> str:
        behind = [host.key for host in self._site.hosts if address in host.public_addresses]
        if behind:
            return f"the public address of {', '.join(behind)}"
        if any(address in network for network in self._site.networks.trusted):
            return "within networks.trusted"
        forwarders = {one.address for zone in self._site.dns.forward for one in zone.servers}
        return "of dns.forward" if address in forwarders else "outside"

    def _of_user(self, value: str) -> str:
        name = value.lower()
        # Or its other name (docs/decisions/0035), which is nobody's business.
        if PROBE_NAMES.fullmatch(name.partition("@")[0]):
            return f"{PROBE_NAME} (the account that verify uses)"
        # A bare name is of the primary domain, and a system account has no other.
        address = name if "@" in name else f"{name}@{self._site.domain}"
        user = self._directory.user(address)
        if user is None:
            if self._directory.alias(address):
                return f"{shown(value)} (an alias: it has no login)"
            return f"{shown(value)} (no user of the site)"
        return f"{shown(value)} ({_standing(user)})"

    def _of_mailbox(self, value: str) -> str:
        if not value:
            return "<> (a bounce or other notification)"
        local, _, domain = value.lower().rpartition("@")
        name = f"{local.partition('+')[0]}@{domain}"
        if not self._directory.is_own(name):
            return f"{shown(value)} (of another domain)"
        if local.partition("+")[0] == PROBE_NAME:
            return f"{shown(value)} (the account that verify uses)"
        if user := self._directory.user(name):
            return f"{shown(value)} ({_standing(user)})"
        if alias := self._directory.alias(name):
            return f"{shown(value)} (an alias to {_in_words(alias.targets)})"
        return f"{shown(value)} (unknown at this site)"

    def _of_domain(self, value: str) -> str:
        name = value.lower().rstrip(".")
        ours = any(name == domain.name for domain in self._site.domains)
        return f"{shown(value)} (a domain of the site)" if ours else shown(value)

    def _of_name(self, value: str) -> str:
        for host in self._site.hosts:
            if value.lower().rstrip(".") == host.fqdn:
                return f"{host.key} ({host.fqdn})"
        if self._site.relay and value.lower().rstrip(".") == self._site.relay.host:
            return f"{shown(value)} (the site's relay)"
        return shown(value)

    def _of_port(self, value: str) -> str:
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else -1  # noqa: PLR2004 digits of 65535
        for section, ports in (
            ("submission.ports", self._site.submission.ports),
            ("imap.ports", self._site.imap.ports),
            ("pop3.ports", self._site.pop3.ports),
        ):
            if number in ports:
                return f"{number} ({section})"
        key = _PORT_KEYS.get(number)
        return f"{number} ({key})" if key else shown(value)

    def _of_path(self, value: str) -> str:
        owner = self._owner_of(value)
        if owner:
            return f"{shown(value)} (the mailbox of {owner})"
        known = (
            ("/etc/mailprov/tls/", "key and certificate, `tls` in the site file"),
            *((f"/etc/{one.name}/mailprov/", _WRITTEN) for one in rooms()),
            *(folder for one in rooms() for folder in one.folders.items()),
        )
        word = next((word for start, word in known if value.startswith(start)), "")
        return f"{shown(value)} ({word})" if word else shown(value)

    def _owner_of(self, path: str) -> str:
        if path.startswith(f"{PROBE_HOME}/"):
            return f"{PROBE_NAME}, the account that verify uses"
        system = self._site.accounts.kind is AccountKind.SYSTEM
        root = "/home/" if system else f"{MAIL_ROOT}/"
        if not path.startswith(root):
            return ""
        steps = path.removeprefix(root).split("/")
        # A mail folder is DOMAIN/LOCAL-PART, a home has the name alone.
        domain, local = ((self._site.domain, *steps) if system else (*steps, ""))[:2]
        user = self._directory.user(f"{local}@{domain}")
        return user.address if user else ""

    def _of_parameter(self, value: str) -> str:
        if value in self._site.postfix.main:
            return f"{shown(value)} (`postfix.main` in the site file)"
        return f"{shown(value)} (not from the site file: someone may have changed it on the host)"


def shown(value: str) -> str:
    """Return a stranger's value as it is if it is plain, else quoted and escaped."""
    return value if _PLAIN.fullmatch(value) else quoted(value, _LIMIT)


def _words(value: str) -> str:
    """Return a daemon's own words as they are: what a stranger says is in no such group."""
    return quoted(value.strip(" ."), 200)[1:].rpartition('"')[0]


def _standing(user: User) -> str:
    return "a user of the site" if user.enabled else "a user that the site disables"


def _in_words(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)

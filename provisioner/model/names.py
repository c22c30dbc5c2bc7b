"""Names: domains, hosts, local parts and mail addresses.

Names end up in four configuration languages, in paths and in passwd(5). What a
language could misread is refused here, once, so that no later step has to think of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from provisioner.model.dns_encoding import encode_name
from provisioner.model.values import InvalidValueError, TextValue

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_ZONE_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL = re.compile(r"[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_ATOM = re.compile(rf"(?!-){_ATEXT}+(\.{_ATEXT}+)*")
_LOCAL_LENGTH = 64
MARKS = ". ! # $ % & ' * + - / = ? ^ _ ` { | } ~"
"""What a local part may hold beside letters and digits (RFC 5322 section 3.2.3)."""


class DomainName(TextValue):
    """A host or mail domain in A-label form: lower case, no trailing dot.

    At least two labels of letters, digits and hyphens (RFC 1123 section 2.1), each at
    most 63 octets and 253 in all (RFC 1035 section 2.3.4). Other letters go through
    IDNA 2008 without transitional mapping (RFC 5891).
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the A-label form of text; raise InvalidValueError if it is no domain name."""
        name = encode_name(text, _LABEL, "a name like example.org")
        if "." not in name:
            raise InvalidValueError(
                "a domain name of one label",
                want="at least two labels, like example.org",
                fix=f"write the whole name, like {name}.example.org",
            )
        return cls(name)


class DomainKey(TextValue):
    """A domain as written: `name` says which it is, the text stays for messages."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key; raise InvalidValueError if it is no domain name."""
        DomainName.parse(text)
        return cls(text)

    @property
    def name(self) -> DomainName:
        """The domain in canonical form."""
        return DomainName.parse(self)


class ZoneName(TextValue):
    """A name in the DNS that need not be a host, as written: `.`, `com`, `_tcp.example.org`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name; raise InvalidValueError if text is no DNS name."""
        canonical_zone(text)
        return cls(text)

    @property
    def canonical(self) -> str:
        """The A-label name in lower case without trailing dot, or `.`."""
        return canonical_zone(self)


def canonical_zone(text: str) -> str:
    """Return a DNS name in lower-case A-labels without trailing dot, or `.` for the root.

    Underscores are allowed, one label is enough. Raises InvalidValueError.
    """
    return "." if text == "." else encode_name(text, _ZONE_LABEL, 'a zone like com, or "."')


class HostKey(TextValue):
    """The short name of a host in the site file: one label."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key; raise InvalidValueError unless it is one lower-case label."""
        if _LABEL.fullmatch(text):
            return cls(text)
        want = (
            "one label of lower-case letters, digits and hyphens, at most 63 characters, like mail"
        )
        if _LABEL.fullmatch(text.lower()):
            raise InvalidValueError(
                "a host key with upper-case letters", want=want, fix=f"write {text.lower()}"
            )
        if "." in text:
            raise InvalidValueError(
                "a host key with a dot",
                want=want,
                fix="use a short key, and `fqdn` for the full name",
            )
        raise InvalidValueError("not a host key", want=want, fix="use a short name, like mail")


@dataclass(frozen=True, slots=True)
class HostRef:
    """A host of a site: what a run knows it by, since each site may have a host `mail`.

    site: the site's primary domain. host: the host's key there. As text it is both, like
    `example.org/mail`; a run over one site shows `host` alone.
    """

    site: DomainName
    host: HostKey

    def __str__(self) -> str:
        return f"{self.site}/{self.host}"


class MxHost(HostKey):
    """The key of a host of the site that receives mail."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key; raise InvalidValueError if it is none, a host's full name for one."""
        if "." in text:
            raise InvalidValueError(
                "a full name instead of the key of a host of this site",
                want="a key under `hosts` whose host receives mail",
                fix="write the host's key; remove a domain that another provider serves "
                "from this site: its MX records are elsewhere",
            )
        return super().parse(text)


class LocalPart(TextValue):
    """What stands left of the @: lower-case letters, digits, and `.`, `_`, `-` inside.

    A part of the dot-atom of RFC 5321 section 4.1.2: `+` parts the name from a detail
    (RFC 5233), the other marks mean something in a file name, a shell or a lookup table.
    Postfix refuses a leading hyphen (postconf(5), allow_min_user).
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the local part; raise InvalidValueError if it is none."""
        if len(text) <= _LOCAL_LENGTH and _LOCAL.fullmatch(text):
            return cls(text)
        raise _not_local(text)


def is_dot_atom(text: str) -> bool:
    """Tell whether a local part needs no quotes in a mail address, and no server refuses it."""
    return len(text) <= _LOCAL_LENGTH and bool(_DOT_ATOM.fullmatch(text))


class MailAddress(TextValue):
    """A full mail address, local part and domain."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address; raise InvalidValueError if it is none."""
        local, at, domain = text.rpartition("@")
        if not at:
            raise InvalidValueError(
                "not a mail address", want="local@domain", fix="add @ and a domain"
            )
        return cls(f"{LocalPart.parse(local)}@{DomainName.parse(domain)}")

    @classmethod
    def parse_foreign(cls, text: str) -> Self:
        """Return an address anywhere, whose local part is a dot-atom (RFC 5322 section 3.2.3).

        The case is kept: only the receiving site may interpret a local part (RFC 5321
        section 2.4). Postfix refuses a leading hyphen (postconf(5), allow_min_user). Raises
        InvalidValueError if text is no such address.
        """
        local, _, domain = text.rpartition("@")
        name = DomainName.parse(domain)
        if not is_dot_atom(local):
            raise InvalidValueError(
                "not a mail address",
                want=f"local@domain; the local part of letters, digits and {MARKS}",
                fix="write the address as the other site prints it, without quotes or comments",
            )
        return cls(f"{local}@{name}")

    @property
    def base(self) -> MailAddress:
        """Whose address it is at this site: without the detail that begins at a + (RFC 5233)."""
        local, at, domain = self.rpartition("@")
        return MailAddress(f"{local.partition('+')[0]}{at}{domain}") if "+" in local else self

    @property
    def local(self) -> LocalPart:
        """The part before the @."""
        return LocalPart(self.rpartition("@")[0])

    @property
    def domain(self) -> DomainName:
        """The part after the @."""
        return DomainName(self.rpartition("@")[2])


class Mailbox(TextValue):
    """A user, or an alias, as written: a local part of some domain, or a full address.

    The text stays as it was written, so that a message can point at it; `at` says what
    it means.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the mailbox; raise InvalidValueError if text is neither form."""
        local, at, domain = text.partition("@")
        if at:
            if not local:
                raise InvalidValueError(
                    "an address without a user: catch-all addresses are not supported",
                    want="a user name or an address",
                    fix="list the addresses that should receive mail",
                )
            DomainName.parse(domain)
        LocalPart.parse(local)
        return cls(text)

    def at(self, domain: DomainName) -> MailAddress:
        """Return the full address; a bare name belongs to `domain`."""
        local, at, own = self.partition("@")
        return MailAddress(f"{local}@{DomainName.parse(own) if at else domain}")

    @property
    def bare(self) -> bool:
        """Whether it was written without a domain."""
        return "@" not in self


def _not_local(text: str) -> InvalidValueError:
    want = "lower-case letters, digits, and . _ - between them, at most 64, like alice"
    if len(text) > _LOCAL_LENGTH:
        return InvalidValueError(
            f"a user name of {len(text)} characters", want=want, fix="shorten the name"
        )
    if _LOCAL.fullmatch(text.lower()):
        return InvalidValueError(
            "a user name with upper-case letters", want=want, fix=f"write {text.lower()}"
        )
    if "+" in text:
        return InvalidValueError(
            "a user name with +, which separates the name from a detail",
            want=want,
            fix="remove + and the detail: mail to name+detail arrives as well",
        )
    return InvalidValueError("not a user name", want=want, fix="remove every other character")

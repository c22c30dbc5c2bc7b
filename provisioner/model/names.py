"""Names: domains, hosts, local parts and mail addresses."""

from __future__ import annotations

import re
from typing import Self

import idna

from provisioner.model.values import InvalidValueError, TextValue

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LOCAL = re.compile(r"[a-z0-9!&'*+/=?^_`{|}~-]+(\.[a-z0-9!&'*+/=?^_`{|}~-]+)*")


class DomainName(TextValue):
    """A host or mail domain in A-label form: lower case, no trailing dot (RFC 1035, RFC 5891)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the A-label form of text; raise InvalidValueError if it is no domain name."""
        try:
            name = idna.encode(text.removesuffix("."), uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError) as problem:
            raise InvalidValueError(
                "not a domain name", want="a name like example.org"
            ) from problem
        if not all(_LABEL.fullmatch(label) for label in name.split(".")):
            raise InvalidValueError("not a domain name", want="a name like example.org")
        return cls(name)


class HostKey(TextValue):
    """The short name of a host in the site file: one label."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key; raise InvalidValueError unless it is one lower-case label."""
        if not _LABEL.fullmatch(text):
            raise InvalidValueError("not a host key", want="one label, like mail")
        return cls(text)


class LocalPart(TextValue):
    """What stands left of the @ (RFC 5321 section 4.1.2, dot-atom form), lower case."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the local part; raise InvalidValueError if it is none."""
        if not _LOCAL.fullmatch(text):
            raise InvalidValueError("not a user name", want="a name like alice")
        return cls(text)


class MailAddress(TextValue):
    """A full mail address, local part and domain."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address; raise InvalidValueError if it is none."""
        local, at, domain = text.rpartition("@")
        if not at:
            raise InvalidValueError("not a mail address", want="local@domain")
        return cls(f"{LocalPart.parse(local)}@{DomainName.parse(domain)}")

    @property
    def local(self) -> LocalPart:
        """The part before the @."""
        return LocalPart(self.rpartition("@")[0])

    @property
    def domain(self) -> DomainName:
        """The part after the @."""
        return DomainName(self.rpartition("@")[2])

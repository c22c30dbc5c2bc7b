"""Secrets as the site file holds them: hashes and references, never cleartext."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from provisioner.diagnostics import Diagnostic
from provisioner.model.hashes import is_crypt, is_weak, parse_hash
from provisioner.model.names import HostKey, MailAddress
from provisioner.model.problems import KeyPath
from provisioner.model.values import TextValue


class PasswordHash(TextValue):
    """A hash with its scheme in Dovecot's form, `{BLF-CRYPT}$2b$12$…`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hash; raise InvalidValueError if text is not a well-formed one."""
        scheme, digest = parse_hash(text)
        return cls(f"{{{scheme}}}{digest}")

    @property
    def scheme(self) -> str:
        """The scheme's name, upper case."""
        return self[1 : self.index("}")]

    @property
    def digest(self) -> str:
        """What follows the scheme, as crypt(5) writes it."""
        return self[self.index("}") + 1 :]

    @property
    def weak(self) -> bool:
        """Whether a stolen hash gives up its password quickly."""
        return is_weak(self.scheme, self.digest)

    @property
    def crypt(self) -> bool:
        """Whether a system account can have it: the scheme is one of crypt's."""
        return is_crypt(self.scheme)

    def __repr__(self) -> str:
        return f"PasswordHash({{{self.scheme}}}…)"


class SecretReference(BaseModel):
    """Where a secret is: an environment variable, a file, or a command's output."""

    model_config = ConfigDict(frozen=True)

    source: Literal["env", "file", "command"]
    value: str | tuple[str, ...]


class HeldSecret(str):
    """A value in a daemon's own words that is a secret. The text names the place it is in.

    Whoever reads the value as text, for its meaning, finds nothing in it.
    """

    __slots__ = ("reference",)
    reference: SecretReference

    @classmethod
    def of(cls, reference: SecretReference) -> Self:
        """Return the value that is to be read from there."""
        where = reference.value
        shown = where if isinstance(where, str) else " ".join(where)
        made = cls(f"{{secret: {{{reference.source}: {shown}}}}}")
        made.reference = reference
        return made


@dataclass(frozen=True)
class DaemonSecret:
    """A secret that a daemon uses towards others, read.

    tag: its digest, keyed with a secret that stays with the controller. It stands beside the
    secret in the host's file, so that nobody can try passwords against a digest of the file.
    """

    text: str = field(repr=False)
    tag: str


@dataclass(frozen=True)
class DaemonSecrets:
    """What is known of the daemons' secrets, by the place in the site file that names each.

    missing: why one could not be read. relay_ca: certificates of the authorities that the
    relay's certificate may be of, in PEM; no secret, but a file of the controller as well.
    """

    known: Mapping[KeyPath, DaemonSecret] = field(default_factory=dict, repr=False)
    missing: Mapping[KeyPath, Diagnostic] = field(default_factory=dict)
    relay_ca: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SiteSecrets:
    """What the references of a site resolved to, for one compilation.

    passwords: a hash for every enabled user. tls_chain: private key, certificate and
    intermediates in PEM where the operator keeps them in files; None where each host
    makes its own. daemons: what the daemons themselves use. certificates: of the hosts, in PEM, as
    far as they were asked; hosts that make their own have to know each other's.
    """

    passwords: Mapping[MailAddress, PasswordHash] = field(default_factory=dict, repr=False)
    tls_chain: bytes | None = field(default=None, repr=False)
    daemons: DaemonSecrets = field(default_factory=DaemonSecrets)
    certificates: Mapping[HostKey, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class KnownCredential:
    """A referenced password that was settled before, as the host remembers it.

    tag: a digest keyed with a secret that stays with the controller, so that an
    unchanged password is recognised without the cost of its hash.
    """

    tag: str = field(repr=False)
    hash: PasswordHash = field(repr=False)

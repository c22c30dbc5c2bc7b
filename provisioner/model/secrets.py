"""Secrets as the site file holds them: hashes and references, never cleartext."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from provisioner.model.names import MailAddress
from provisioner.model.values import TextValue


class PasswordHash(TextValue):
    """A hash with its scheme in Dovecot's form, `{BLF-CRYPT}$2b$12$…`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hash; raise InvalidValueError if text is not a well-formed one."""
        return cls(text)

    @property
    def scheme(self) -> str:
        """The scheme's name, upper case."""
        return self[1 : self.index("}")]

    @property
    def digest(self) -> str:
        """What follows the scheme, as crypt(5) writes it."""
        return self[self.index("}") + 1 :]


class SecretReference(BaseModel):
    """Where a secret is: an environment variable, a file, or a command's output."""

    model_config = ConfigDict(frozen=True)

    source: Literal["env", "file", "command"]
    value: str | tuple[str, ...]


@dataclass(frozen=True)
class SiteSecrets:
    """What the references of a site resolved to, for one compilation.

    passwords: a hash for every enabled user. tls_chain: private key, certificate and
    intermediates in PEM where the operator keeps them in files; None where each host
    makes its own.
    """

    passwords: Mapping[MailAddress, PasswordHash] = field(default_factory=dict, repr=False)
    tls_chain: bytes | None = field(default=None, repr=False)

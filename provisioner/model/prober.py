"""The account that `verify` uses: of no person, on every store, with its own mailbox."""

from __future__ import annotations

import hashlib
import re

from provisioner.model.logins import PROBE_NAME
from provisioner.model.names import MailAddress
from provisioner.model.site import AccountKind, Site

PROBE_HOME = f"/var/lib/{PROBE_NAME}"
_WORD = 32  # hexadecimal digits
PROBE_NAMES = re.compile(rf"{PROBE_NAME}(?:-[0-9a-f]{{{_WORD}}})?")
"""The names of the account, without a domain."""


def probe_address(site: Site) -> MailAddress:
    """Return the mail address of the prober's account."""
    return MailAddress(f"{PROBE_NAME}@{site.domain}")


def probe_login(site: Site) -> str:
    """Return the name that the prober logs in with."""
    return login_name(site, probe_address(site))


def login_name(site: Site, address: MailAddress) -> str:
    """Return the name that the owner of an address has at login: system accounts are bare."""
    return address.local if site.accounts.kind is AccountKind.SYSTEM else address


def other_name(login: str, secret: str) -> str:
    """Return the login name under which a wrong password delays nobody; secret.

    login, secret: of the account. A host makes the same of them (recipe `probe`).
    """
    digest = hashlib.sha256(f"another name {secret}".encode()).hexdigest()
    return _with_word(login, digest[:_WORD])


def probe_other_names(site: Site) -> str:
    """Return a pattern of Dovecot's for the name under which `verify` tries a wrong password."""
    return _with_word(probe_login(site), "*")


def _with_word(login: str, word: str) -> str:
    name, at, domain = login.partition("@")
    return f"{name}-{word}{at}{domain}"

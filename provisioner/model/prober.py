"""The account that `verify` uses: of no person, on every store, with its own mailbox."""

from __future__ import annotations

from provisioner.model.logins import PROBE_NAME
from provisioner.model.names import MailAddress
from provisioner.model.site import AccountKind, Site

PROBE_HOME = f"/var/lib/{PROBE_NAME}"


def probe_address(site: Site) -> MailAddress:
    """Return the mail address of the prober's account."""
    return MailAddress(f"{PROBE_NAME}@{site.domain}")


def probe_login(site: Site) -> str:
    """Return the name that the prober logs in with."""
    return login_name(site, probe_address(site))


def login_name(site: Site, address: MailAddress) -> str:
    """Return the name that the owner of an address has at login: system accounts are bare."""
    return address.local if site.accounts.kind is AccountKind.SYSTEM else address


def probe_other_names(site: Site) -> str:
    """Return a pattern of Dovecot's for the name under which `verify` tries a wrong password."""
    name, at, domain = probe_login(site).partition("@")
    return f"{name}-*{at}{domain}"

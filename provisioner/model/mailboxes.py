"""Where users' mail lies on the store."""

from __future__ import annotations

from provisioner.model.names import MailAddress
from provisioner.model.site import AccountKind, Site

MAIL_ROOT = "/srv/vmail"
"""Above the mailboxes of virtual users."""


def mailbox_home(site: Site, address: MailAddress) -> str:
    """Return the folder on the store that a user's mail lies in or below."""
    if site.accounts.kind is AccountKind.SYSTEM:
        return f"/home/{address.local}"
    return f"{MAIL_ROOT}/{address.domain}/{address.local}"

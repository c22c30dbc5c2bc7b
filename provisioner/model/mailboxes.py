"""Where users' mail lies on the store, and how many users there are files for."""

from __future__ import annotations

from provisioner.model.names import MailAddress
from provisioner.model.site import AccountKind, Site

MAIL_ROOT = "/srv/vmail"
"""Above the mailboxes of virtual users."""


USERS_IN_TEXT = 20_000
"""How many users text files are for. Each process of Postfix reads two lines a user, some
200 bytes each: with a hundred processes that is 800 MiB here, and grows with every user."""


def mailbox_home(site: Site, address: MailAddress) -> str:
    """Return the folder on the store that a user's mail lies in or below."""
    if site.accounts.kind is AccountKind.SYSTEM:
        return f"/home/{address.local}"
    return f"{MAIL_ROOT}/{address.domain}/{address.local}"

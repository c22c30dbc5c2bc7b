"""Dovecot: the store of mail, and who says for all services whether a login holds."""

from __future__ import annotations

from provisioner.model.topology import LinkService
from provisioner.rooms.room import Room

ROOM = Room(
    "dovecot",
    "Dovecot",
    offers=frozenset({LinkService.LOGINS, LinkService.DELIVERY}),
    starts_after=frozenset({"unbound"}),
    checks=("doveconf -n",),
    reads_certificate=True,
    reads_recipes=frozenset({"self-signed"}),
    # 2.4 learns at its start which settings there are, from the modules installed then. Told to
    # read a file with a setting of a module that came later, it keeps what it had, and says so in
    # its log only. What came since an operator's own Dovecot started, nobody knows.
    modules_at_start=True,
    stores_mail=True,
)

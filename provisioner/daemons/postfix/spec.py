"""Postfix: mail in from other servers and from users, and out."""

from __future__ import annotations

from provisioner.model.topology import LinkService
from provisioner.rooms.room import Room

ROOM = Room(
    "postfix",
    "Postfix",
    offers=frozenset({LinkService.TRANSFER}),
    # It asks Dovecot for logins and hands it the mail, and resolves by Unbound.
    starts_after=frozenset({"unbound", "dovecot"}),
    checks=("postfix check", "postconf -n", "postconf -M", "postmap -q", "postconf -x"),
    secret_rows=True,
    reads_certificate=True,
    reads_recipes=frozenset({"self-signed", "probe-address"}),
    process="master",
    has_queue=True,
    folders={"/var/spool/postfix/": "Postfix's queue and sockets"},
    copies_resolver=True,  # in its chroot
    ported_back=(
        "smtpd_forbid_bare_newline",
        "smtpd_forbid_unauth_pipelining",
        "cleanup_replace_stray_cr_lf",
    ),
)

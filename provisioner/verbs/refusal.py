"""Why the site's own server refused, in words of the site file."""

from __future__ import annotations

import re

from provisioner.directory.inline import directory_of
from provisioner.model.scalars import render_size
from provisioner.model.services import SMTP_PORT
from provisioner.model.site import Site
from provisioner.verbs.envelope import owners_of, plain_address
from provisioner.verbs.handover import Posting, Refusal, Stage

_UNSURE = "the server may have accepted the message; check its mail log"


def explain_refusal(site: Site, posting: Posting, refusal: Refusal) -> str:
    """Return the reason as the model knows it, empty where the server's words must do."""
    if refusal.code is None:
        # RFC 5321 section 4.5.3.2.6: who hears no answer to the final dot cannot know.
        return _UNSURE if refusal.stage is Stage.DATA else ""
    if refusal.stage is Stage.LOGIN:
        return _login_reason(posting, refusal)
    for pattern, reason in _REASONS:
        if re.search(pattern, refusal.words):
            return reason(site, posting, refusal)
    return ""


def _login_reason(posting: Posting, refusal: Refusal) -> str:
    if refusal.code in {421, 450, 454}:
        return (
            "the password is not the cause: the login limit is reached, or Dovecot does not answer"
        )
    return (
        f"the host has another password for {posting.login}; apply the site if the password changed"
    )


def _unknown_recipient(site: Site, _: Posting, refusal: Refusal) -> str:
    directory = directory_of(site)
    if not directory.is_own(refusal.recipient):
        return ""
    plain = plain_address(refusal.recipient)
    if directory.user(plain) or directory.alias(plain):
        return f"{plain} is in the site file but not on the host: apply the site"
    return f"{plain} is neither a user nor an alias of the site"


def _unknown_sender(_: Site, posting: Posting, __: Refusal) -> str:
    return f"{posting.sender} is neither a user nor an alias of the site"


def _not_owned(site: Site, posting: Posting, _: Refusal) -> str:
    owners = ", ".join(user.address for user in owners_of(site, plain_address(posting.sender)))
    who = f"only {owners} may" if owners else "no user may"
    return f"{posting.login or 'nobody'} is logged in, and {who} send as {posting.sender}"


def _relay_denied(_: Site, posting: Posting, refusal: Refusal) -> str:
    return (
        f"{refusal.recipient} is at another site, and {posting.door.host.key} relays "
        "only for users who log in and for networks.trusted"
    )


def _no_domain(_: Site, posting: Posting, __: Refusal) -> str:
    domain = posting.sender.rpartition("@")[2]
    return f"the resolver of {posting.door.host.key} finds no mail server or address of {domain}"


def _too_big(site: Site, posting: Posting, _: Refusal) -> str:
    # A mailbox that is full is refused with the same code, and in similar words.
    if len(posting.content) <= site.submission.message_size:
        return ""
    limit = render_size(site.submission.message_size)
    return f"{len(posting.content)} bytes, and submission.message_size is {limit}"


def _no_login(_: Site, posting: Posting, __: Refusal) -> str:
    if posting.door.service.port == SMTP_PORT:
        return ""
    return f"port {posting.door.service.port} is for users who log in"


_REASONS = (
    (r"Recipient address rejected: User unknown", _unknown_recipient),
    (r"Sender address rejected: User unknown", _unknown_sender),
    (r"Sender address rejected: not (?:owned by|logged in)", _not_owned),
    (r"Relay access denied", _relay_denied),
    (r"Sender address rejected: Domain not found", _no_domain),
    (r"^552 5\.3\.4|^552 .*size", _too_big),
    (r"Client host rejected: Access denied", _no_login),
)

"""The forms of MAIL and RCPT that strangers try.

For relaying they are those that real servers have fallen for. For both, every class of
address is among them that a server treats specially: Postfix takes mail for a bare
`postmaster` without asking any restriction (RFC 5321 section 4.5.1; smtpd_check_rcpt() in
its smtpd_check.c), gives bare names its own domain, counts address literals and its own
names as local, and sends from double-bounce, whose mail it drops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class EnvelopeForm:
    """One envelope: the arguments of MAIL FROM and RCPT TO."""

    sender: str
    recipient: str

    def __str__(self) -> str:
        return f"FROM:{self.sender} TO:{self.recipient}"


@dataclass(frozen=True)
class Doors:
    """What a server is called. server: its full name. literal: its address in brackets.

    domain: a domain of the site.
    """

    server: str
    literal: str
    domain: str


_ROLES = ("postmaster", "abuse", "root", "double-bounce")


def relay_forms(victim: str, nobody: str, doors: Doors) -> tuple[EnvelopeForm, ...]:
    """Return the known ways to ask for relaying, and for mail to names that nobody has.

    victim: an address outside the site. nobody: a local part without a mailbox.
    """
    outside = victim.rpartition("@")[2]
    senders = (
        f"<stranger@{outside}>",
        "<stranger>",
        f"<stranger@{doors.domain}>",
        f"<stranger@{doors.literal}>",
        f"<stranger@{doors.server}>",
        "<stranger@localhost>",
        *_special_senders(doors),
    )
    recipients = (
        *_twisted_recipients(victim, doors),
        *(f"<{role}@{outside}>" for role in _ROLES),
        f"<postmaster%{outside}@{doors.server}>",
        f'<"postmaster@{outside}"@{doors.server}>',
        f'<""@{outside}>',
        "<>",
        '<"">',
        f"<{nobody}>",
        *(f"<{nobody}@{name}>" for name in _own_names(doors)),
    )
    return (
        *(EnvelopeForm(sender, f"<{victim}>") for sender in senders),
        *(EnvelopeForm("<>", recipient) for recipient in recipients),
    )


def submission_forms(user: str, victim: str, doors: Doors) -> tuple[EnvelopeForm, ...]:
    """Return envelopes for a submission port that nobody has logged in to.

    user: an address that may send after a login. victim: an address outside the site.
    """
    senders = (f"<{user}>", f"<{victim}>", "<stranger>", *_special_senders(doors))
    recipients = (
        f"<{user}>",
        f"<{victim}>",
        f"<{user.partition('@')[0]}>",
        *(f"<{role}>" for role in _ROLES),
        "<Postmaster>",
        '<"postmaster">',
        f"<double-bounce@{doors.domain}>",
        f"<postmaster@{doors.domain}>",
        *(f"<postmaster@{name}>" for name in _own_names(doors)),
        "<>",
        '<"">',
        "postmaster",
    )
    by_sender = (EnvelopeForm(sender, "<postmaster>") for sender in senders)
    by_recipient = (EnvelopeForm(f"<{user}>", recipient) for recipient in recipients)
    return tuple(dict.fromkeys((*by_sender, *by_recipient)))


def _special_senders(doors: Doors) -> Iterator[str]:
    yield "<>"
    yield '<"">'
    yield "<postmaster>"
    yield f"<postmaster@{doors.domain}>"
    yield f"<double-bounce@{doors.domain}>"
    yield f"<root@{doors.server}>"
    yield f"<root@{doors.literal}>"
    yield "<root@localhost>"


def _own_names(doors: Doors) -> tuple[str, ...]:
    return (doors.server, "localhost", doors.literal, "[127.0.0.1]")


def _twisted_recipients(victim: str, doors: Doors) -> Iterator[str]:
    local, _, outside = victim.rpartition("@")
    percent, bang = f"{local}%{outside}", f"{outside}!{local}"
    server, literal, domain = doors.server, doors.literal, doors.domain
    for door in (server, literal, domain):
        yield f"<{percent}@{door}>"
    yield f"<{percent}>"
    yield f"<{percent}@localhost>"
    yield f'<"{victim}">'
    yield f'<"{percent}">'
    yield f"<{victim}@{server}>"
    yield f'<"{victim}"@{server}>'
    for door in (literal, domain):
        yield f"<{victim}@{door}>"
        yield f'<"{victim}"@{door}>'
    yield f"<{victim}@[127.0.0.1]>"
    yield f"<@{server}:{victim}>"
    yield f"<@{literal}:{victim}>"
    yield f"<@{server},@{domain}:{victim}>"
    yield f"<{bang}>"
    yield f"<{bang}@{server}>"
    yield f"<{bang}@{literal}>"
    yield f"<{victim}.>"
    yield victim

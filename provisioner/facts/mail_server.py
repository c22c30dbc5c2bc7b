"""A mail server that somebody set up before mailprov came, and what of it an apply would end.

A host that has a server's packages alone, as their vendors leave them, has none: what those
write by themselves is known here. Values stay here; only names and numbers are told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic
from provisioner.facts.vendor_defaults import (
    INSTALLED_OVERRIDES,
    INSTALLED_SERVICES,
    SHIPPED_SETTINGS,
    is_installed,
)
from provisioner.model.site import AccountKind, Host, Role, Site

_PEOPLE = 1000
"""The first uid of a person's account (login.defs(5))."""

_NAMED = 8
"""So many names are listed, and the rest counted."""


@dataclass(frozen=True)
class Mailboxes:
    """Some mailboxes in one place.

    kind: `spool` (mbox files), `home` (folder is below the owners' homes) or `virtual`. size:
    in KiB, None where that would have taken too long to find out.
    """

    kind: str
    folder: str
    uid: int
    count: int
    size: int | None


@dataclass(frozen=True)
class FoundServer:
    """What the host had to tell. works: daemons that run, or will when the host boots.

    names: of the host. parameters, overrides: those of main.cf and master.cf that are set.
    settings, shipped: what doveconf(1) says of Dovecot's files, and of those of its package.
    aliases: entries of /etc/aliases that no package brings. queue: waiting messages. users: how
    many each list of Dovecot's has.
    """

    works: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    services: tuple[str, ...] = ()
    overrides: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    settings: tuple[str, ...] = field(default=(), repr=False)
    shipped: tuple[str, ...] = field(default=(), repr=False)
    aliases: int = 0
    queue: int = 0
    users: tuple[tuple[str, int], ...] = ()
    mailboxes: tuple[Mailboxes, ...] = ()


def parse_mail_server(rows: Iterable[str]) -> FoundServer | None:
    """Return what the observing program told, None where it was not asked or found nothing.

    Rows are tabbed and begin with their kind; what is no such row is passed over.
    """
    told: dict[str, list[list[str]]] = {}
    for row in rows:
        kind, *fields = row.split("\t")
        told.setdefault(kind, []).append(fields)
    if not told:
        return None
    return FoundServer(
        works=frozenset(one[0] for one in told.get("works", ()) if one),
        names=frozenset(one[0].lower() for one in told.get("name", ()) if one and one[0]),
        parameters=tuple((one[0], "\t".join(one[1:])) for one in told.get("parameter", ()) if one),
        services=tuple(one[0] for one in told.get("service", ()) if one),
        overrides=tuple((one[0], one[1]) for one in told.get("override", ()) if len(one) > 1),
        settings=tuple("\t".join(one) for one in told.get("setting", ())),
        shipped=tuple("\t".join(one) for one in told.get("shipped", ())),
        aliases=_number(told.get("aliases", ())),
        queue=_number(told.get("queue", ())),
        users=tuple(_users(told.get("users", ()))),
        mailboxes=tuple(_mailboxes(told.get("mailboxes", ()))),
    )


def _number(rows: Iterable[list[str]]) -> int:
    return next((int(one[0]) for one in rows if one and _is_number(one[0])), 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18  # noqa: PLR2004 a count


def _users(rows: Iterable[list[str]]) -> Iterator[tuple[str, int]]:
    for one in rows:
        if len(one) == 2 and _is_number(one[1]):  # noqa: PLR2004 file and number
            yield one[0], int(one[1])


def _mailboxes(rows: Iterable[list[str]]) -> Iterator[Mailboxes]:
    for one in rows:
        if len(one) == 5 and _is_number(one[2]) and _is_number(one[3]):  # noqa: PLR2004 as the class has fields
            size = int(one[4]) if _is_number(one[4]) else None
            yield Mailboxes(one[0], one[1], int(one[2]), int(one[3]), size)


_TABLE = re.compile(r"\b[a-z]+:(?:[a-z]+:)?(/[^\s,]+)")


def kept_homes(site: Site) -> str:
    """Return the folder in people's homes that has the site's mailboxes, empty if none has."""
    return site.accounts.mailbox if site.accounts.kind is AccountKind.SYSTEM else ""


def what_would_end(found: FoundServer | None, host: Host, kept_homes: str) -> tuple[str, ...]:
    """Return what an apply would end on the host, a line each; nothing where nobody set it up.

    kept_homes: the folder in people's homes that the site goes on with, empty if it has none.
    """
    if found is None or not host.roles - {Role.DNS}:
        return ()
    boxes = [
        one
        for one in found.mailboxes
        if one.count and not (one.kind == "home" and one.folder == kept_homes)
    ]
    postfix = list(_postfix_lines(found)) if "postfix" in found.works else []
    dovecot = list(_dovecot_lines(found)) if "dovecot" in found.works else []
    people = found.works and any(one.uid >= _PEOPLE for one in boxes)
    if not (postfix or dovecot or people):
        return ()
    lines = [*postfix, *dovecot, *_mailbox_lines(boxes)]
    if found.queue:
        lines.append(f"queue: {_counted(found.queue, 'message')}")
    return tuple(lines)


def _postfix_lines(found: FoundServer) -> Iterator[str]:
    changed = [
        (name, text) for name, text in found.parameters if not is_installed(name, text, found.names)
    ]
    if changed:
        names = [name for name, _ in changed]
        yield f"Postfix: {_counted(len(names), 'parameter')} of main.cf: {_listed(names)}"
    tables = list(dict.fromkeys(path for _, text in changed for path in _TABLE.findall(text)))
    if tables:
        yield f"Postfix: {_counted(len(tables), 'lookup table')}: {_listed(tables)}"
    touched = [one for one, name in found.overrides if (one, name) not in INSTALLED_OVERRIDES]
    services = dict.fromkeys(
        [*(one for one in found.services if one not in INSTALLED_SERVICES), *touched]
    )
    if services:
        yield f"Postfix: {_counted(len(services), 'service')} of master.cf: {_listed(services)}"
    if found.aliases:
        many = "alias" if found.aliases == 1 else "aliases"
        yield f"aliases: {found.aliases} {many} in /etc/aliases"


def _dovecot_lines(found: FoundServer) -> Iterator[str]:
    shipped = Counter(_paths(found.shipped or SHIPPED_SETTINGS))
    changed = Counter(_paths(found.settings)) - shipped
    # What Sieve can do doveconf(1) tells as if it were set.
    names = dict.fromkeys(
        name
        for name in (path.partition("\t")[0] for path in changed)
        if not name.endswith("_capability")
    )
    if names:
        yield f"Dovecot: {_counted(len(names), 'setting')}: {_listed(names)}"
    for file, count in found.users:
        yield f"Dovecot: {_counted(count, 'user')} in {file}"


def _paths(lines: Iterable[str]) -> Iterator[str]:
    """Yield each setting of a `doveconf -n` with the blocks that it is in, outermost first."""
    blocks: list[str] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text == "}":
            blocks = blocks[:-1]
        elif text.endswith("{"):
            blocks.append(text.removesuffix("{").strip())
        else:
            name, _, value = text.partition(" =")
            yield "\t".join([*blocks, name, value.strip()])


def _mailbox_lines(boxes: Iterable[Mailboxes]) -> Iterator[str]:
    places: dict[str, list[Mailboxes]] = {}
    for one in boxes:
        place = f"~/{one.folder}" if one.kind == "home" else one.folder
        places.setdefault(place, []).append(one)
    for place, here in places.items():
        sizes = [one.size for one in here]
        known = [size for size in sizes if size is not None]
        total = _size(sum(known))
        size = total if len(known) == len(sizes) else f"at least {total}"
        count = sum(one.count for one in here)
        yield f"mail: {count} {'mailbox' if count == 1 else 'mailboxes'} in {place}, {size}"


def _size(kib: int) -> str:
    amount, units = float(kib), ["KiB", "MiB", "GiB", "TiB"]
    while amount >= 1000 and len(units) > 1:  # noqa: PLR2004 three digits are told
        amount /= 1024
        units.pop(0)
    return f"{amount:.3g} {units[0]}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def server_diagnostic(host: Host, lines: Iterable[str]) -> Diagnostic:
    """Return the refusal to end a mail server that nobody said may go."""
    return Diagnostic(
        summary="a mail server works on this host already, and applying the site would end it; "
        "nothing was changed",
        where=str(host.key),
        got="\n".join(lines),
        want="a host without one, or your word that this one goes",
        fix="take over into the site file what is to go on, then run it again with "
        "--replace-mail-server. Its files are kept, and `mailprov destroy` brings them back; "
        "mail in its mailboxes stays where it is and is not seen by the new server",
    )

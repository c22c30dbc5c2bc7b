"""A mail server that somebody set up before mailprov came, and what of it an apply would end.

A host that has a server's packages alone, as their vendors leave them, has none: what those
write by themselves is known here. Values stay here; only names and numbers are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.diagnostics import Diagnostic
from provisioner.model.site import AccountKind, Host, Role, Site
from provisioner.rooms.found_server import FoundServer, Mailboxes, counted
from provisioner.rooms.registry import rooms

_PEOPLE = 1000
"""The first uid of a person's account (login.defs(5))."""


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
    # Where mail comes in is told first.
    working = (one for one in reversed(rooms()) if one.name in found.works)
    servers = [line for one in working for line in one.behaviour.found_lines(found)]
    people = found.works and any(one.uid >= _PEOPLE for one in boxes)
    if not (servers or people):
        return ()
    lines = [*servers, *_mailbox_lines(boxes)]
    if found.queue:
        lines.append(f"queue: {counted(found.queue, 'message')}")
    return tuple(lines)


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


def server_diagnostic(host: Host, lines: Iterable[str]) -> Diagnostic:
    """Return the refusal to end a mail server that nobody said may go."""
    return Diagnostic(
        summary="a mail server already works on this host, and applying the site would end it; "
        "nothing was changed",
        where=str(host.key),
        got="\n".join(lines),
        want="a host without a mail server, or your consent to replace it",
        fix="move its needed settings into the site file, then run the command again with "
        "--replace-mail-server. mailprov keeps its files, and `mailprov destroy` "
        "restores them; mail in its mailboxes stays there, and the new server does not "
        "see it",
    )

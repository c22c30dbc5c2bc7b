"""What a host found out about its own way to other sites: the question, and the answer parsed.

The host asks (provisioner/remote/core/way_out.sh), because the way out is its own: its
addresses, its firewall, its provider, its Postfix's settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from provisioner.directory.inline import directory_of
from provisioner.model.site import Host, IPAddress, Site
from provisioner.remote.protocol import Answer, Asked, Section, free_text, rows_text

RECEIVERS = ("gmail.com", "outlook.com")
"""Whose servers are greeted where the site names nobody elsewhere: they are always up."""

LONGEST = 300
"""How much of a server's words is shown, in characters."""

_RECEIVERS_ASKED = 3
_TIMED_OUT = "124"  # timeout(1)


@dataclass(frozen=True)
class Reached:
    """What posttls-finger(1) said on the way to a destination, and how it ended."""

    destination: str
    lines: tuple[str, ...]
    status: str = "0"

    @property
    def greeting(self) -> str:
        """The server that greeted and its words; empty if none did."""
        server = _after(self.lines, "Connected to ")
        words = _after(self.lines, "< 220")
        return f"{server}: 220{words}" if server and words else ""

    @property
    def verified(self) -> bool:
        """Whether the server's certificate was found good for its name."""
        return any("Verified TLS connection established" in line for line in self.lines)

    @property
    def complaint(self) -> str:
        """The last words, which say what went wrong."""
        if self.lines:
            return self.lines[-1][:LONGEST]
        return "timed out" if self.status == _TIMED_OUT else "no reply"

    def mentions(self, words: Sequence[str]) -> bool:
        """Tell whether one of these words is in what was said."""
        return any(word in line for line in self.lines for word in words)


@dataclass(frozen=True)
class WayOut:
    """What a host found out.

    settings: of Postfix's smtp(8), and `mechanisms` and `finger`: whether Cyrus SASL's modules
    and posttls-finger(1) are there. routes: address families with a default route. names: by
    address, the names that the DNS has for it, and by name the addresses that it has for that.
    login: the relay host's words, by stage.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    routes: frozenset[str] = frozenset()
    reached: tuple[Reached, ...] = ()
    names: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    login: Mapping[str, str] | None = None

    @property
    def relayhost(self) -> str:
        """Where all mail goes, empty where it goes to each domain's own servers."""
        return self.settings.get("relayhost", "")


def receivers_of(site: Site) -> tuple[str, ...]:
    """Return the domains whose servers are asked: those that the site's aliases lead to."""
    directory = directory_of(site)
    outside = dict.fromkeys(
        target.domain
        for alias in directory.aliases
        for target in alias.targets
        if not directory.is_own(target)
    )
    return tuple(outside)[:_RECEIVERS_ASKED] or RECEIVERS


def world_addresses(host: Host) -> tuple[IPAddress, ...]:
    """Return the addresses that other sites see the host at, as far as the site file tells."""
    return host.public_addresses or tuple(
        address for address in host.addresses if not address.is_private
    )


def way_out_rows(site: Site, host: Host) -> bytes:
    """Return what the host is to ask, as rows for the program's standard input."""
    rows: list[tuple[str, ...]] = [(Asked.RECEIVER, domain) for domain in receivers_of(site)]
    rows += [(Asked.ADDRESS, str(address)) for address in world_addresses(host)]
    return rows_text(rows)


def parse_way_out(answer: Answer) -> WayOut:
    """Return what a host found out, from its answer."""
    found = WayOut()
    for section, argument, body in answer.parts:
        lines = [free_text(line) for line in body]
        match section:
            case Section.SETTINGS:
                found = replace(found, settings=dict(_pairs(lines)))
            case Section.ROUTES:
                found = replace(found, routes=frozenset(filter(None, lines)))
            case Section.REACH:
                found = replace(found, reached=(*found.reached, _reached(argument, lines)))
            case Section.NAMES:
                found = replace(found, names={**found.names, argument: _names(lines)})
            case Section.LOGIN:
                found = replace(found, login=dict(_pairs(lines)))
    return found


def _reached(destination: str, lines: Sequence[str]) -> Reached:
    said = [line.removeprefix("posttls-finger: ") for line in lines]
    status = said.pop().removeprefix("ended ") if said and said[-1].startswith("ended ") else ""
    return Reached(destination, tuple(said), status)


def _names(lines: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    name = ""
    for kind, text in _pairs(lines):
        if kind == "name":
            name = text.rstrip(".").lower()
            names[name] = ()
        elif name:
            names[name] += (text,)
    return names


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, text = line.partition("\t")
        yield key, text


def _after(lines: Iterable[str], words: str) -> str:
    return next((line.partition(words)[2] for line in lines if line.startswith(words)), "")

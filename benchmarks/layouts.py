"""The sites that eight hosts get: pure text, written for lab 0.

`whole`: eight sites of one host each, which does everything. `spread`: one site, whose
first host does everything and whose other hosts resolve names. The reason is that mailprov
keeps the mailboxes of a site on one host. The resources are the same for every tool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HOSTS = 8
USERS = 20
BASE, CHANGED = "102400", "204800"
"""Values of the one setting that a one-line change changes (bytes; postconf(5))."""

_FIRST_ADDRESS = 11
# A hash of a password that nobody knows.
_HASH = "{BLF-CRYPT}$2b$12$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"
# The lab plays the internet's DNS, and signs its root zone with a key of its own.
_LAB = """\
dns:
  forward:
    ".":  10.89.0.253
    test: 10.89.0.253
unbound:
  server:
    auto-trust-anchor-file: ""
    trust-anchor: "@LAB_TRUST_ANCHOR@"
"""


@dataclass(frozen=True, slots=True)
class SiteText:
    """One site file: its name, and its text with the setting's value before and after."""

    name: str
    base: str
    changed: str


def host_keys(count: int = HOSTS) -> tuple[str, ...]:
    """Return the names of the hosts, which are the same in every layout."""
    return tuple(f"h{number}" for number in range(1, count + 1))


def address_of(number: int) -> str:
    """Return the address of the host of that number, from 1, in lab 0."""
    return f"10.89.0.{_FIRST_ADDRESS + number - 1}"


def whole_sites(count: int = HOSTS) -> tuple[SiteText, ...]:
    """Return a site for each host, which has all four roles."""
    return tuple(
        _site(f"site{number}", f"d{number}.example", [f"  h{number}: {{address: {address}}}"])
        for number, address in _numbered(count)
    )


def spread_site(count: int = HOSTS) -> tuple[SiteText, ...]:
    """Return one site: the first host has all four roles, the others resolve names."""
    roles = {1: "dns, mx, submission, store"}
    rows = [
        f"  h{number}: {{address: {address}, roles: [{roles.get(number, 'dns')}]}}"
        for number, address in _numbered(count)
    ]
    return (_site("site", "d1.example", rows),)


def _numbered(count: int) -> Iterator[tuple[int, str]]:
    return ((number, address_of(number)) for number in range(1, count + 1))


def _site(name: str, domain: str, host_rows: list[str]) -> SiteText:
    hosts = "\n".join(host_rows)
    users = "\n".join(f'  u{n:02d}: {{password: "{_HASH}"}}' for n in range(1, USERS + 1))
    head = f"domain: {domain}\nhosts:\n{hosts}\nusers:\n{users}\n{_LAB}"
    base, changed = (
        f'{head}postfix: {{main: {{header_size_limit: "{value}"}}}}\n' for value in (BASE, CHANGED)
    )
    return SiteText(name, base, changed)

"""A site of N users, the same one each time it is written.

It is made like a real site. Most users are bare names of the primary domain, and every tenth is an
address of a further domain. Every fiftieth is disabled. There is one alias for every ten users.
Half of the aliases lead to two people, some of them to one elsewhere. All users have a hash of the
same password, because hashing is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# bcrypt of a random password that nobody kept: no copy of this file admits anybody.
_HASH = "{BLF-CRYPT}$2b$12$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"
_HEAD = """\
domain: example.org
hosts:
  mail: {address: 192.0.2.10, platform: debian-12}
domains:
  example.net: {}
"""
_USERS_TO_AN_ALIAS = 10


def write_site(path: Path, users: int) -> None:
    """Write the site file of this number of users, at least one."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(users))


def user_name(number: int) -> str:
    """Return the key under `users` of a site's user, counted from 0."""
    name = f"user{number:07}"
    return f"{name}@example.net" if number % 10 == 9 else name  # noqa: PLR2004 every tenth


def _lines(users: int) -> Iterator[str]:
    yield _HEAD
    yield "users:\n"
    for number in range(users):
        more = ", enabled: false" if number % 50 == 7 else ""  # noqa: PLR2004 every fiftieth
        yield f'  {user_name(number)}: {{password: "{_HASH}"{more}}}\n'
    if users < _USERS_TO_AN_ALIAS:
        return
    yield "aliases:\n"
    for number in range(users // _USERS_TO_AN_ALIAS):
        yield f"  alias{number:07}: {_targets(number)}\n"


def _targets(number: int) -> str:
    first = user_name(number * _USERS_TO_AN_ALIAS)
    if number % 2 == 0:
        return first
    if number % 5 == 0:
        return f"[{first}, friend{number}@example.com]"
    return f"[{first}, {user_name(number * _USERS_TO_AN_ALIAS + 1)}]"

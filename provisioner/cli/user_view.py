"""The users of a site as rows for a person and for a program; no secret is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from provisioner.cli.terminal import table
from provisioner.directory.inline import directory_of
from provisioner.model.secrets import PasswordHash
from provisioner.model.site import Site, User


class UserRow(TypedDict):
    """One user. password: how it is kept, in words. aliases: those that lead to the user."""

    address: str
    name: str
    enabled: bool
    password: str
    aliases: list[str]


def user_rows(site: Site) -> list[UserRow]:
    """Return the users in the order of the file."""
    directory = directory_of(site)
    leading: dict[str, list[str]] = {}
    for alias in directory.aliases:
        for target in () if alias.implied else alias.targets:
            leading.setdefault(target.base, []).append(alias.source)
    return [
        UserRow(
            address=user.address,
            name=user.name,
            enabled=user.enabled,
            password=kept_in_words(user),
            aliases=leading.get(user.address, []),
        )
        for user in directory.users
    ]


def user_table(rows: Sequence[UserRow]) -> list[str]:
    """Return the rows as a table's lines."""
    shown = [
        (
            row["address"],
            "enabled" if row["enabled"] else "disabled",
            row["password"],
            row["name"] or "-",
            ", ".join(row["aliases"]) or "-",
        )
        for row in rows
    ]
    return table(("USER", "LOGIN", "PASSWORD", "NAME", "ALIASES"), shown)


def kept_in_words(user: User) -> str:
    """Return how a user's password is kept; no part of a hash or of a command's arguments."""
    password = user.password
    if isinstance(password, PasswordHash):
        return f"hash {password.scheme}"
    where = password.value if isinstance(password.value, str) else password.value[0]
    return f"{password.source} {where}"

"""Rules about mail roles on several hosts, and which store a user has."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.diagnostics import quoted
from provisioner.model.mailboxes import USERS_IN_TEXT
from provisioner.model.problems import SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.services import SERVICE_BY_NAME
from provisioner.model.site import Role
from provisioner.model.topology import MAIL_ROLES


def judge_stores_of_users(reading: Reading) -> Iterator[SiteProblem]:
    """Require each `store` to name a host of the site that keeps mail."""
    stores = reading.hosts_with(Role.STORE)
    for user, written in reading.file.users.items():
        key, path = written.store, ("users", user, "store")
        if key is None or key in stores:
            continue
        if key not in reading.file.hosts:
            yield SiteProblem(
                path,
                "a store that the site does not have",
                got=quoted(key),
                want=f"a host with the role store: {', '.join(stores) or 'none yet'}",
                fix="correct the name, or add the host",
            )
        else:
            roles = ", ".join(sorted(reading.roles(key))) or "none"
            yield SiteProblem(
                path,
                "a store that keeps no mail",
                got=f"{key} with the roles {roles}",
                want=f"a host with the role store: {', '.join(stores) or 'none yet'}",
                fix=f"name another host, or add store to the roles of hosts.{key}",
            )


def judge_split_accounts(reading: Reading) -> Iterator[SiteProblem]:
    """Refuse system accounts where the mail roles are on several hosts."""
    carriers = _mail_hosts(reading)
    if reading.system_accounts and len(carriers) > 1:
        yield SiteProblem(
            ("accounts",),
            "system accounts on several mail hosts",
            got=f"mail roles on {', '.join(carriers)}",
            want="virtual accounts: a system account and its password are of one host alone",
            fix=f"use `accounts: virtual`, or give all mail roles to {carriers[0]}",
        )


def judge_split_size(reading: Reading) -> Iterator[SiteProblem]:
    """Refuse more users than text files are for, where the mail roles are on several hosts."""
    users, carriers = len(reading.file.users), _mail_hosts(reading)
    if users > USERS_IN_TEXT and len(carriers) > 1:
        yield SiteProblem(
            ("users",),
            "too many users for several mail hosts",
            got=f"{users} users, and mail roles on {', '.join(carriers)}",
            want=f"at most {USERS_IN_TEXT} users, or all mail roles on one host",
            fix=f"give all mail roles to {carriers[0]}",
            at_key=True,
        )


def judge_ports_between_stores(reading: Reading) -> Iterator[SiteProblem]:
    """Require the ports by which a store passes a login on to another store."""
    if len(reading.hosts_with(Role.STORE)) < 2:  # noqa: PLR2004 several
        return
    for name, written in (("imap", reading.file.imap), ("pop3", reading.file.pop3)):
        port = SERVICE_BY_NAME[name].port
        if written is not None and written.ports and port not in written.ports:
            yield SiteProblem(
                (name, "ports"),
                "stores that cannot pass logins on to each other",
                got=", ".join(map(str, written.ports)),
                want=f"{port} too: a store reaches the others there, always with TLS",
                fix=f"add {port}, or give the role store to one host",
            )


def _mail_hosts(reading: Reading) -> list[str]:
    return [key for key in reading.file.hosts if reading.roles(key) & MAIL_ROLES]

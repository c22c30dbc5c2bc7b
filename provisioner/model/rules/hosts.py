"""Rules about hosts, their roles, and who receives mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.diagnostics import quoted
from provisioner.model.file.people import WrittenMx
from provisioner.model.names import DomainName, HostKey
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.site import IPAddress, Role
from provisioner.model.values import InvalidValueError

_LISTED = ", ".join(Role)


def judge_roles(reading: Reading) -> Iterator[SiteProblem]:
    """Require a role for every host, and a host for every role."""
    if not reading.file.hosts:
        yield SiteProblem(
            ("hosts",),
            "a site without hosts",
            got="an empty map",
            want="one host at least",
            fix="add a host, like `mail: {address: 192.0.2.10}`",
        )
        return
    silent = False
    for key, host in reading.file.hosts.items():
        if host.roles is None and len(reading.file.hosts) > 1:
            silent = True
            yield SiteProblem(
                ("hosts", key),
                "a host without roles in a site of several hosts",
                got="no `roles`",
                want=f"some of {_LISTED}",
                fix=f"add `roles: [...]` to hosts.{key}",
                at_key=True,
            )
        elif host.roles == ():
            silent = True
            yield SiteProblem(
                ("hosts", key, "roles"),
                "a host that does nothing",
                got="an empty list",
                want=f"some of {_LISTED}",
                fix="name a role, or remove the host",
            )
    # With a host that says nothing the missing role may be its own.
    for role in Role if not silent else ():
        if not reading.hosts_with(role):
            yield SiteProblem(
                ("hosts",),
                f"no host with the role {role}",
                got=_roles_in_words(reading),
                want="every role on at least one host",
                fix=f"add {role} to the roles of a host",
                at_key=True,
            )


def judge_names(reading: Reading) -> Iterator[SiteProblem]:
    """Require valid and unique full names."""
    seen: dict[DomainName, str] = {}
    for key, host in reading.file.hosts.items():
        path = ("hosts", key) if host.fqdn is None else ("hosts", key, "fqdn")
        try:
            fqdn = reading.fqdn(key)
        except InvalidValueError as error:
            yield SiteProblem.of(path, error, quoted(f"{key}.{reading.file.domain}"))
            continue
        if fqdn in seen:
            yield SiteProblem(
                path,
                "two hosts of one name",
                got=f"{fqdn}, which is hosts.{seen[fqdn]} already",
                want="a full name for every host",
                fix="give one of them another `fqdn`",
                at_key=host.fqdn is None,
            )
        seen.setdefault(fqdn, key)


def judge_addresses(reading: Reading) -> Iterator[SiteProblem]:
    """Require that no address belongs to two hosts, or twice to one."""
    seen: dict[IPAddress, str] = {}
    for key, host in reading.file.hosts.items():
        if not host.address:
            yield SiteProblem(
                ("hosts", key, "address"),
                "a host without an address",
                got="an empty list",
                want="one address at least",
                fix="write the host's address",
            )
        for index, address in enumerate(host.address):
            if address in seen:
                yield SiteProblem(
                    ("hosts", key, "address", index),
                    "an address used twice",
                    got=f"{address}, which hosts.{seen[address]} has already",
                    want="an address for every host",
                    fix="correct one of the two",
                )
            seen.setdefault(address, key)
        yield from _judge_public(key, host.public_address)


def _judge_public(key: HostKey, written: Sequence[IPAddress] | None) -> Iterator[SiteProblem]:
    """Require each once; several hosts may be behind one."""
    if written is None:
        return
    path: KeyPath = ("hosts", key, "public_address")
    if not written:
        yield SiteProblem(
            path,
            "no public address",
            got="an empty list",
            want="one address at least",
            fix="write what the world reaches the host at, or leave the key out",
        )
    for index, address in enumerate(written):
        if address in written[:index]:
            yield SiteProblem(
                (*path, index),
                "an address named twice",
                got=str(address),
                want="every address once",
                fix="remove one of the two",
            )


def judge_connections(reading: Reading) -> Iterator[SiteProblem]:
    """Require that at most one host is this machine."""
    local = [key for key, host in reading.file.hosts.items() if host.connection == "local"]
    for key in local[1:]:
        yield SiteProblem(
            ("hosts", key, "connection"),
            "two hosts that are this machine",
            got=f"connection: local, as hosts.{local[0]}",
            want="at most one host with connection: local",
            fix="reach one of them by ssh",
        )


def judge_mx(reading: Reading) -> Iterator[SiteProblem]:
    """Require every `mx` to name hosts of the site that receive mail."""
    yield from _judge_one_mx(reading, reading.file.mx, ("mx",))
    for name, domain in reading.file.domains.items():
        yield from _judge_one_mx(reading, domain.mx, ("domains", name, "mx"))


def _judge_one_mx(
    reading: Reading, written: WrittenMx | None, path: KeyPath
) -> Iterator[SiteProblem]:
    if written is None:
        return
    if not written:
        yield SiteProblem(
            path,
            "a domain that nobody receives mail for",
            got="an empty list",
            want="hosts with the role mx",
            fix="name a host, or leave `mx` out: all hosts with the role are the default",
        )
    seen: set[str] = set()
    for index, key in enumerate(written):
        at_key = isinstance(written, dict)
        here: KeyPath = (*path, key) if at_key else (*path, index)
        if key not in reading.file.hosts:
            yield SiteProblem(
                here,
                "a host that the site does not have",
                got=quoted(key),
                want=f"a key of hosts: {', '.join(reading.file.hosts)}",
                fix="correct the name, or add the host",
                at_key=at_key,
            )
        elif Role.MX not in reading.roles(key):
            yield SiteProblem(
                here,
                "a host that does not receive mail",
                got=f"{key} with the roles {', '.join(sorted(reading.roles(key))) or 'none'}",
                want="a host with the role mx",
                fix=f"add mx to the roles of hosts.{key}, or remove it here",
                at_key=at_key,
            )
        if key in seen:
            yield SiteProblem(
                here,
                "a host named twice",
                got=quoted(key),
                want="every host once",
                fix="remove one of the two",
            )
        seen.add(key)


def _roles_in_words(reading: Reading) -> str:
    return "; ".join(
        f"{key}: {', '.join(role for role in Role if role in reading.roles(key)) or 'none'}"
        for key in reading.file.hosts
    )

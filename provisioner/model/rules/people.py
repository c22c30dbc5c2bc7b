"""Rules about domains, users, accounts and aliases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.diagnostics import quoted
from provisioner.model.logins import PROBE_NAME, SYSTEM_NAMES, check_login
from provisioner.model.names import MailAddress
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import BOUNCER, ReadAlias, Reading, next_sources
from provisioner.model.secrets import PasswordHash
from provisioner.model.values import InvalidValueError

_PROBER = f"{PROBE_NAME}@"


def judge_domains(reading: Reading) -> Iterator[SiteProblem]:
    """Require every domain once, however it is spelt."""
    seen = {reading.file.domain: "the primary domain"}
    for key in reading.file.domains:
        name = key.name
        if name in seen:
            yield SiteProblem(
                ("domains", key),
                "a domain given twice",
                got=f"{quoted(key)}, which is {seen[name]}",
                want="further domains, each once",
                fix="remove one of the two",
                at_key=True,
            )
        seen.setdefault(name, f"domains.{key}")


def judge_users(reading: Reading) -> Iterator[SiteProblem]:
    """Require users of the site's domains, each once, and none that is the probe."""
    primary, domains = reading.file.domain, set(reading.domains)
    if not reading.file.users:
        yield SiteProblem(
            ("users",),
            "a site without users: mail to postmaster could not be delivered",
            got="an empty map",
            want="one user at least",
            fix="add a user, like `alice: {password: {env: ALICE_PASSWORD}}`",
        )
    for key, address in reading.addresses.items():
        path = ("users", key)
        if key.bare:
            pass  # a name of the primary domain, as most are
        elif address.domain not in domains:
            yield SiteProblem(
                path,
                "a user of a domain that is not the site's",
                got=quoted(key),
                want=f"a domain of the site: {', '.join(reading.domains)}",
                fix=f"correct the address, or add {address.domain} under `domains`",
                at_key=True,
            )
        elif reading.system_accounts and address.domain != primary:
            yield SiteProblem(
                path,
                "a system account of a further domain",
                got=quoted(key),
                want=f"users of {primary} only: an account of the host has no domain",
                fix="use `accounts: virtual`, or make the address an alias",
                at_key=True,
            )
        if reading.users[address] != key:
            yield SiteProblem(
                path,
                "a user given twice",
                got=f"{quoted(key)}, which is users.{reading.users[address]} already",
                want="every user once",
                fix="remove one of the two",
                at_key=True,
            )
        if address.startswith(_PROBER):
            yield _probers_name(path, quoted(key), "rename the user", at_key=True)


def judge_system_accounts(reading: Reading) -> Iterator[SiteProblem]:
    """Require names and hashes that the host understands of system accounts."""
    if not reading.system_accounts:
        return
    for key, user in reading.file.users.items():
        try:
            check_login(reading.addresses[key].local)
        except InvalidValueError as error:
            yield SiteProblem(
                ("users", key), error.summary, quoted(key), error.want, error.fix, at_key=True
            )
        if isinstance(user.password, PasswordHash) and not user.password.crypt:
            yield SiteProblem(
                ("users", key, "password"),
                "a password scheme that a system account cannot have",
                got=f"{{{user.password.scheme}}}",
                want="a scheme of crypt(5): BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT",
                fix="make a hash with `doveadm pw -s BLF-CRYPT`",
            )


def judge_groups(reading: Reading) -> Iterator[SiteProblem]:
    """Require a group of the mailboxes that is nobody else's."""
    accounts = reading.file.accounts
    if accounts is not None and accounts.group in SYSTEM_NAMES:
        yield SiteProblem(
            ("accounts", "group"),
            "a group that the system itself uses",
            got=quoted(accounts.group or ""),
            want="a group for mailboxes alone",
            fix="remove `group`, or choose a name like mailusers",
        )


def judge_alias_sources(reading: Reading) -> Iterator[SiteProblem]:
    """Require aliases of the site's domains, each once, and none that is a user."""
    domains = set(reading.domains)
    seen: dict[MailAddress, ReadAlias] = {}
    for alias in reading.aliases:
        source = alias.source
        at_key = isinstance(alias.path[-1], str)
        if source.domain not in domains:
            yield SiteProblem(
                alias.path,
                "an alias of a domain that is not the site's",
                got=source,
                want=f"a domain of the site: {', '.join(reading.domains)}",
                fix=f"correct the address, or add {source.domain} under `domains`",
                at_key=at_key,
            )
        if source in reading.users:
            yield SiteProblem(
                alias.path,
                "an alias that is also a user",
                got=f"{source}, which is users.{reading.users[source]}",
                want="an address that no user has",
                fix="remove the alias, or the user",
                at_key=at_key,
            )
        if source.local == PROBE_NAME:
            yield _probers_name(alias.path, source, "rename the alias", at_key=at_key)
        if source in seen:
            first = ".".join(str(step) for step in seen[source].path)
            yield SiteProblem(
                alias.path,
                "an alias given twice",
                got=f"{source}, which is {first} already",
                want="every alias once",
                fix="put the targets into one list",
                at_key=at_key,
            )
        seen.setdefault(source, alias)


def judge_alias_targets(reading: Reading) -> Iterator[SiteProblem]:
    """Require every alias to lead to somebody."""
    domains = set(reading.domains)
    # What follows postmaster by itself is no target: postmaster could lead back to it.
    roles = {address for address in reading.implied_aliases if address.local != BOUNCER}
    known = {*reading.users, *reading.alias_sources, *roles}
    for alias in reading.aliases:
        if not alias.targets:
            yield SiteProblem(
                alias.path,
                "an alias that leads nowhere",
                got="an empty list",
                want="users or addresses",
                fix="name a target, or remove the alias",
            )
        for path, target in alias.targets:
            if target.domain in domains and target.base not in known:
                yield SiteProblem(
                    path,
                    "an alias that leads nowhere",
                    got=f"{target}, which is neither a user nor an alias",
                    want="a user or an alias of the site, or an address elsewhere",
                    fix="correct the name, or add the user",
                )


def judge_alias_loops(reading: Reading) -> Iterator[SiteProblem]:
    """Require that no alias leads back to itself; each circle is told once."""
    by_source = reading.aliases_by_source
    done: set[MailAddress] = set()
    for alias in reading.aliases:
        loop = _loop_from(alias.source, by_source, done)
        if loop:
            yield SiteProblem(
                by_source[loop[0]].path,
                "aliases that form a loop",
                got=" → ".join(loop),
                want="aliases that end at a user or at an address elsewhere",
                fix="point one of them at a user",
            )


def _loop_from(
    start: MailAddress, by_source: Mapping[MailAddress, ReadAlias], done: set[MailAddress]
) -> list[MailAddress]:
    """Return the first circle that can be reached from start; what was visited is in `done`.

    Depth-first without recursion: a chain of aliases may be as long as the file.
    """
    if start in done:
        return []
    way = {start: 0}
    pending = [next_sources(start, by_source)]
    while way:
        following = next(pending[-1], None)
        if following is None:
            done.add(way.popitem()[0])
            pending.pop()
        elif following in way:
            done.update(way)
            return [*list(way)[way[following] :], following]
        elif following not in done:
            way[following] = len(way)
            pending.append(next_sources(following, by_source))
    return []


def _probers_name(path: KeyPath, got: str, fix: str, *, at_key: bool) -> SiteProblem:
    what = "a name that `mailprov verify` uses for its own account"
    return SiteProblem(path, what, got, "any other name", fix, at_key=at_key)

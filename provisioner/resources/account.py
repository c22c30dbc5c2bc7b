"""Unix accounts: daemons', and people's with their passwords.

A person's account is made and kept as the site says; one that somebody else made is nobody's to
take over. Of whoever leaves, the account is locked, and the mail is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, as_root, quoted
from provisioner.model.names import HostKey
from provisioner.model.secrets import PasswordHash
from provisioner.remote.protocol import Answer, Asked, Section, Staged, each, fields
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.resources.kind import Due, Packing, ResourceKind, Row, Turn

EXPIRED = "1"
"""The expiry that a lock gives an account (accounts.sh): the second day of 1970, which no clock is
before; the first would be read as none (shadow(5))."""


@dataclass(frozen=True)
class Account:
    """A Unix account that has to exist.

    password: the hash for shadow(5) in crypt(3) form, None where no password is
    managed. locked: it receives mail and cannot log in. system: a daemon's account,
    not a person's. comment: the person's name for passwd(5); empty where the host's
    own is left alone.
    """

    name: str
    group: str
    home: str
    shell: str
    system: bool
    password: PasswordHash | None = field(default=None, repr=False)
    locked: bool = False
    comment: str = ""

    @property
    def shadow_text(self) -> str:
        """The password as shadow(5) has to hold it: behind `!` where the account is locked."""
        digest = self.password.digest if self.password else ""
        return f"!{digest}" if self.locked else digest


@dataclass(frozen=True)
class AccountState:
    """An account as passwd(5) and shadow(5) have it; password is crypt(3) text.

    expires: the day as which it is no longer valid, in days since 1970; empty for none.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str | None = field(default=None, repr=False)
    expires: str = ""
    comment: str = ""

    @property
    def is_shut(self) -> bool:
        """Whether nobody gets in, by a key neither: it is locked, and has expired."""
        return (self.password or "").startswith("!") and self.expires == EXPIRED


class WithAccounts(Protocol):
    """A generation, as far as its accounts go."""

    @property
    def host(self) -> HostKey:
        """The host's key."""

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that have to exist."""

    @property
    def accounts_by_name(self) -> Mapping[str, Account]:
        """The same by name."""

    @property
    def people(self) -> frozenset[str]:
        """Names of virtual users, who may have had an account of the host before."""


class LeftAccounts(Protocol):
    """A host's introduction, as far as accounts go."""

    @property
    def managed_accounts(self) -> frozenset[str]:
        """People's accounts of the last transaction."""

    @property
    def carriers(self) -> frozenset[str]:
        """Accounts that the connection, or its sudo, hangs on."""


class AccountsSeen(Protocol):
    """Facts of accounts."""

    @property
    def introduction(self) -> LeftAccounts:
        """What the host told first."""

    @property
    def accounts(self) -> Mapping[str, AccountState]:
        """Those asked for that exist, by name."""

    @property
    def groups(self) -> Mapping[str, int]:
        """The numbers of groups that exist."""


def read_accounts(told: Answer) -> Mapping[str, AccountState]:
    """Return the accounts of a host by name; MalformedError for another form than passwd(5)."""
    secrets = dict(each(Section.SHADOW, told.lines(Section.SHADOW), _shadow_row))

    def read(line: str) -> tuple[str, AccountState]:
        name, _, uid, gid, comment, home, shell = fields(line, 7, ":")
        password, expires = secrets.get(name, (None, ""))
        return name, AccountState(name, int(uid), int(gid), home, shell, password, expires, comment)

    return dict(each(Section.ACCOUNTS, told.lines(Section.ACCOUNTS), read))


def _shadow_row(line: str) -> tuple[str, tuple[str, str]]:
    name, password, *_, expires, _ = fields(line, 9, ":")
    return name, (password, expires)


def _changes(wanted: WithAccounts, facts: AccountsSeen) -> Iterator[Change]:
    changes: list[Change] = []
    refusals: list[Diagnostic] = []
    for account in wanted.accounts:
        state = facts.accounts.get(account.name)
        if state is not None and not account.system and not _is_ours(account, state, facts):
            refusals.append(_stranger(wanted, account, state, facts))
            continue
        if state is None:
            changes.append(_change("account", account.name, Action.CREATE, "missing"))
        elif account.system:
            continue
        elif reason := _difference(account, state, facts):
            changes.append(_change("account", account.name, Action.UPDATE, reason))
        changes += _password_change(account, state)
    changes += _departures(wanted, facts)
    refusals += _carrier_refusals(wanted, facts, changes)
    if refusals:
        raise MailprovError(refusals, ExitCode.REFUSED)
    yield from changes


def _change(word: str, name: str, action: Action, reason: str) -> Change:
    return Change(word, name, action, reason, plane=Plane.DIRECTORY)


def _departures(wanted: WithAccounts, facts: AccountsSeen) -> Iterator[Change]:
    named = {account.name for account in wanted.accounts}
    for name in sorted(facts.introduction.managed_accounts - named):
        state = facts.accounts.get(name)
        if state and not state.is_shut:
            yield _change("account", name, Action.LOCK, "no longer in the site; its mail is kept")


def _is_ours(account: Account, state: AccountState, facts: AccountsSeen) -> bool:
    if state.uid == 0:
        return False
    in_group = facts.groups.get(account.group) == state.gid
    return in_group or account.name in facts.introduction.managed_accounts


def _difference(account: Account, state: AccountState, facts: AccountsSeen) -> str:
    differences = []
    if facts.groups.get(account.group) != state.gid:
        differences.append(f"primary group is not {account.group}")
    if state.shell != account.shell:
        differences.append(f"login shell is {state.shell}")
    if account.comment and state.comment != account.comment:
        differences.append(f"name is {quoted(state.comment)}")
    return ", ".join(differences)


def _password_change(account: Account, state: AccountState | None) -> Iterator[Change]:
    if account.password is None and not account.locked:
        return
    if state is None or state.password != account.shadow_text:
        reason = "locked" if account.locked else "new" if state is None else "differs"
        yield _change("password", account.name, Action.UPDATE, reason)
    elif account.locked and state.expires != EXPIRED:
        reason = "locked, but SSH keys still work"
        yield _change("password", account.name, Action.UPDATE, reason)
    elif not account.locked and state.expires == EXPIRED:
        yield _change("password", account.name, Action.UPDATE, "the account has expired")


def _stranger(
    wanted: WithAccounts, account: Account, state: AccountState, facts: AccountsSeen
) -> Diagnostic:
    """Return what is told of an account that was there before and is no user's yet."""
    if state.uid == 0:
        return Diagnostic(
            summary=f"{account.name} is the administrator of the host and cannot be a user here",
            where=str(wanted.host),
            got="uid 0",
            want="a person's account",
            fix="choose another user name; `aliases: {root: …}` sets the target of mail to root",
        )
    if account.name in facts.introduction.carriers:
        return _carrier(wanted, account.name, ["mailprov would take it over as a mail account"])
    missing = account.group not in facts.groups
    making = as_root("groupadd", account.group) + " && " if missing else ""
    return Diagnostic(
        summary=f"the account {account.name} exists, but mailprov did not make it",
        where=str(wanted.host),
        got=f"uid {state.uid}, gid {state.gid}, home {state.home}",
        want=f"no account of that name, or one whose primary group is {account.group}",
        fix="choose another user name, or give the account to mailprov: "
        + making
        + as_root("usermod", "-g", account.group, account.name),
    )


def _carrier_refusals(
    wanted: WithAccounts, facts: AccountsSeen, changes: Iterable[Change]
) -> Iterator[Diagnostic]:
    """Yield what is told where accounts would change that mailprov's own connection hangs on.

    A new shell, password or lock would shut out mailprov, and whoever was to repair it.
    """
    told: dict[str, list[str]] = {}
    for change in changes:
        if change.name in facts.introduction.carriers:
            reason = f"{change.action.value} {change.kind}: {change.reason}"
            told.setdefault(change.name, []).append(reason)
    for name, reasons in told.items():
        yield _carrier(wanted, name, reasons)


def _carrier(wanted: WithAccounts, name: str, reasons: Iterable[str]) -> Diagnostic:
    return Diagnostic(
        summary=f"{name} carries this connection or its sudo, and mailprov would change it as a "
        "user of the site; nothing was changed",
        where=f"{wanted.host}: account {name}",
        got="\n".join(reasons),
        want="a login that is not a mail account",
        fix=f"use another login (hosts.{wanted.host}.ssh.user), or run mailprov on this "
        f"machine as another user; or keep the account of {name} as it is: set its "
        "shell as `accounts.shell` and its hash as the password",
    )


def _is_locked_later(change: Change) -> bool:
    return change.action is Action.LOCK and change.plane is Plane.CONFIGURATION


class UnixAccountKind(ResourceKind[WithAccounts, LeftAccounts, AccountsSeen]):
    """A daemon's account is made where it is missing; a person's follows the site."""

    name = "account"
    words = ("account", "password")
    turn = Turn.ACCOUNTS
    on_files = False

    def asked(self, wanted: WithAccounts, introduction: LeftAccounts) -> Iterator[Row]:
        """Ask for each, and for those whose passwords are compared: a daemon's has none."""
        names = {account.name for account in wanted.accounts}
        for name in sorted(names | introduction.managed_accounts):
            yield (Asked.ACCOUNT, name)
        people = {account.name for account in wanted.accounts if not account.system}
        for name in sorted(people | introduction.managed_accounts):
            yield (Asked.SHADOW, name)

    def changes(self, wanted: WithAccounts, facts: AccountsSeen) -> Iterator[Due]:
        """Yield accounts and passwords; MailprovError (refused) for an account of somebody's."""
        yield from (Due(change, self.turn) for change in _changes(wanted, facts))

    def declared(self, change: Change, packing: Packing[WithAccounts]) -> Iterator[Row]:
        """Yield which account is locked once the configuration is confirmed."""
        del packing
        if _is_locked_later(change):
            yield (Staged.LOCK_LATER, change.name)

    def steps(self, change: Change, packing: Packing[WithAccounts]) -> Iterator[Row]:
        """Yield the one that makes, changes or locks it, or sets its password."""
        if change.kind == "password":
            account = packing.wanted.accounts_by_name[change.name]
            number = packing.put(f"{account.name}:{account.shadow_text}\n".encode())
            yield ("password", account.name, number, "locked" if account.locked else "open")
        elif change.action is not Action.LOCK:
            account = packing.wanted.accounts_by_name[change.name]
            place = (account.group, account.home, account.shell)
            kind = "system" if account.system else "person"
            yield ("account", account.name, *place, kind, account.comment)
        elif not _is_locked_later(change):
            yield ("lock", change.name)

    def remembered(self, wanted: WithAccounts, plane: Plane) -> Iterator[Row]:
        """Yield people's by name."""
        if plane is Plane.DIRECTORY:
            yield from (("account", one.name) for one in wanted.accounts if not one.system)

    def listed(self, wanted: WithAccounts) -> Iterator[str]:
        """Yield them without their passwords: of people there may be thousands."""
        for one in wanted.accounts:
            kind = " of the system" if one.system else ""
            locked = ", locked" if one.locked else ""
            yield f"account {one.name}:{one.group} {one.home} {one.shell}{kind}{locked}"

    def reshaped(self, change: Change, wanted: WithAccounts) -> Change:
        """Return the lock of one who is a virtual user from now on as one of the configuration."""
        if change.action is not Action.LOCK or change.name not in wanted.people:
            return change
        # Still a user, who would be locked out where the configuration returns.
        reason = "its user is virtual from now on; locked once this is confirmed"
        return replace(change, reason=reason, plane=Plane.CONFIGURATION)


KIND = UnixAccountKind()

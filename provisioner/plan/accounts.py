"""What is told of a host's accounts: which no plan touches, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.diagnostics import Diagnostic, as_root
from provisioner.facts.host import AccountState, Facts
from provisioner.plan.change import Change
from provisioner.plan.generation import Generation
from provisioner.resources.declared import Account


def stranger(
    generation: Generation, account: Account, state: AccountState, facts: Facts
) -> Diagnostic:
    """Return what is told of an account that was there before and is no user's yet."""
    if state.uid == 0:
        return Diagnostic(
            summary=f"{account.name} is the administrator of the host and cannot be a user here",
            where=str(generation.host),
            got="uid 0",
            want="a person's account",
            fix="choose another user name; mail to root goes where `aliases: {root: …}` says",
        )
    if account.name in facts.introduction.carriers:
        return _carrier(generation, account.name, ["it would be taken over as a mail account"])
    missing = account.group not in facts.groups
    making = as_root("groupadd", account.group) + " && " if missing else ""
    return Diagnostic(
        summary=f"the account {account.name} exists and is not mailprov's",
        where=str(generation.host),
        got=f"uid {state.uid}, gid {state.gid}, home {state.home}",
        want=f"no account of that name, or one whose primary group is {account.group}",
        fix="choose another user name, or hand the account over: "
        + making
        + as_root("usermod", "-g", account.group, account.name),
    )


def spool_notices(generation: Generation, facts: Facts) -> Iterator[str]:
    """Yield what is told of mail that lies where no mailbox of the site does.

    A user's mailbox is in the home: what a server before delivered to /var/mail is not in it.
    """
    users = {account.name for account in generation.accounts if not account.system}
    for path, number in facts.spools.items():
        name = path.rpartition("/")[2]
        if name in users:
            messages = "1 message" if number == "1" else f"{number} messages"
            yield (
                f"{generation.host}: {path} has {messages} that {name} will not see, because the "
                "mailbox is in the home: bring them over (doveadm-import(1)), and move the file "
                "away"
            )


def carrier_refusals(
    generation: Generation, facts: Facts, changes: Iterable[Change]
) -> Iterator[Diagnostic]:
    """Yield what is told where accounts would change that mailprov's own connection hangs on.

    A new shell, password or lock would shut out mailprov, and whoever was to repair it.
    """
    told: dict[str, list[str]] = {}
    for change in changes:
        if change.name in facts.introduction.carriers and change.kind in {"account", "password"}:
            told.setdefault(change.name, []).append(
                f"{change.action.value} {change.kind}: {change.reason}"
            )
    for name, reasons in told.items():
        yield _carrier(generation, name, reasons)


def _carrier(generation: Generation, name: str, reasons: Iterable[str]) -> Diagnostic:
    return Diagnostic(
        summary=f"{name} carries this connection, or its sudo, and would be changed as a user "
        "of the site; nothing was changed",
        where=f"{generation.host}: account {name}",
        got="\n".join(reasons),
        want="a login for mailprov that is not a mail account",
        fix=f"name another login (hosts.{generation.host}.ssh.user), or on this machine run "
        f"mailprov from another one; or keep {name} a user as the account is: the shell by "
        "`accounts.shell`, and the hash that it has as the password",
    )

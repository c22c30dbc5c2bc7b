"""Files that have to change and cannot: immutable, mounted upon, or on a read-only mount."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.diagnostics import Diagnostic
from provisioner.facts.host import FixedFile, Hold
from provisioner.plan.change import Plan
from provisioner.render.resolver_view import RESOLV_CONF

_ACCOUNT_FILES = frozenset({"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"})
_OF_ACCOUNTS = frozenset({"account", "group", "password", "package"})
# What sets them free, by what holds them; run as root.
_FREES: dict[Hold, str] = {
    "immutable": "chattr -i",
    "mount": "umount",
    "read-only": "mount -o remount,rw",
}


def fixed_diagnostic(plan: Plan, fixed: Iterable[FixedFile]) -> Diagnostic | None:
    """Return which files a plan would have to replace and cannot, None if there are none."""
    files = {change.name for change in plan.changes if change.kind == "file"}
    accounts = any(change.kind in _OF_ACCOUNTS for change in plan.changes)
    stuck = [one for one in fixed if one.path in files or (accounts and one.path in _ACCOUNT_FILES)]
    if not stuck:
        return None
    host = plan.generation.host
    held = {hold: dict.fromkeys(one.held for one in stuck if one.hold == hold) for hold in _FREES}
    commands = [" ".join([command, *held[hold]]) for hold, command in _FREES.items() if held[hold]]
    fix = f"on {host}: `{' && '.join(commands)}`; then run the command again"
    if any(one.path == RESOLV_CONF for one in stuck):
        fix += (
            f". With `resolv_conf: keep` under hosts.{host}, mailprov leaves {RESOLV_CONF} as it is"
        )
    return Diagnostic(
        summary="mailprov cannot replace files that must change on this host; nothing was changed",
        where=str(host),
        got="\n".join(dict.fromkeys(_in_words(stuck))),
        want="files that root can replace",
        fix=fix,
    )


def _in_words(stuck: Iterable[FixedFile]) -> Iterator[str]:
    for one in stuck:
        if one.hold == "mount":
            yield f"{one.path} is a mount point"
        elif one.hold == "immutable":
            above = "" if one.held == one.path else f"{one.held}, above "
            yield f"{above}{one.path}: immutable (chattr +i)"
        else:
            yield f"{one.path} is on {one.held}, which is mounted read-only"

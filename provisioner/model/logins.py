"""Which names a mail user's account on a host may have.

useradd(8) of each release has its own idea of a name; what is accepted here is what all
of them accept. A name that the system or a daemon uses must not become a person's.
"""

from __future__ import annotations

import re

from provisioner.model.values import InvalidValueError

_LOGIN = re.compile(r"[a-z_][a-z0-9_-]*")
_LONGEST = 32

SYSTEM_NAMES = frozenset(
    """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats
    nobody nogroup adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator
    src shadow utmp video sasl plugdev staff users input sgx kvm render wheel lock halt shutdown
    ftp dbus messagebus polkitd avahi chrony ntp rpc rpcuser tss sshd ssh_keys _apt _ssh _chrony
    systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-journal crontab
    postfix postdrop dovecot dovenull unbound named bind opendkim rspamd clamav docker lxd adm
    apache nginx mysql postgres redis sssd utempter
    """.split()  # noqa: SIM905 a hundred names read best as a paragraph
)
"""Accounts and groups of the systems and daemons that hosts run."""

PROBE_NAME = "mailprov-probe"
"""The account that `verify` uses."""


def check_login(name: str) -> None:
    """Raise InvalidValueError unless name can be a person's login name on every release."""
    if not _LOGIN.fullmatch(name) or len(name) > _LONGEST:
        raise InvalidValueError(
            "not a login name, which a system account needs",
            want="a letter or _, then letters, digits, _ or -, at most 32 in all",
            fix="choose another name, or `accounts: virtual`",
        )
    if name in SYSTEM_NAMES:
        raise InvalidValueError(
            "a name that the system itself uses",
            want="a name that is no account or group of the system",
            fix="choose another name, or make it an alias",
        )

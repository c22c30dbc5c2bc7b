"""Why a program could not be started: what login shell or sudo said, explained.

sudo's messages are those of its C locale (sudo(8), "DIAGNOSTICS" and its source);
the start sets LC_ALL=C for that. What comes before sudo is the login's own: a shell that runs
nothing (nologin(8), bash(1) "RESTRICTED SHELL"), a password that has expired (sshd's session.c and
pam_unix(8)), or a command that stands in for ours (sshd_config(5) ForceCommand).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from provisioner.diagnostics import MailprovError
from provisioner.transport.failures import printable, unreachable
from provisioner.transport.program_start import ProgramStart


class _Cause(NamedTuple):
    said: tuple[bytes, ...]
    summary: str
    fix: str


_LOGIN_CAUSES = (
    _Cause(
        (b"account is currently not available", b"This account is not available"),
        "the login shell of {user} is nologin, which refuses every login",
        "log in as a user with a shell (hosts.{host}.ssh.user), or give {user} one on "
        "the host: /usr/sbin/usermod --shell /bin/sh {user}",
    ),
    _Cause(
        (b"password has expired", b"required to change your password", b"change required"),
        "the password of {user} has expired: sshd runs no program before it is changed",
        "log in to the host once and change it, or as root there: /usr/bin/passwd {user}",
    ),
    _Cause(
        (b"restricted",),
        "the login shell of {user} is restricted and does not run the given command",
        "log in as a user with a full shell (hosts.{host}.ssh.user), or give {user} "
        "one on the host: /usr/sbin/usermod --shell /bin/sh {user}",
    ),
)

_SUDO_CAUSES = (
    _Cause(
        (b"must have a tty", b"you must have a tty"),
        "sudo requires a terminal",
        "add `Defaults:{user} !requiretty` with visudo on the host",
    ),
    _Cause(
        (b"not in the sudoers file", b"NOT in sudoers", b"may not run sudo"),
        "{user} may not use sudo",
        "let {user} run all commands as root with visudo on the host",
    ),
    _Cause(
        (b"is not allowed to execute", b"command not allowed"),
        "sudo does not let {user} run sh as root",
        "let {user} run all commands as root with visudo on the host",
    ),
    _Cause(
        (b"account validation failure", b"Account or password is expired", b"Account expired"),
        "sudo reports that the account of {user} has expired",
        "renew the account or its password on the host",
    ),
    _Cause(
        (b"must be setuid", b"must be owned by uid 0", b"no new privileges"),
        "sudo on the host cannot become root",
        "repair the installation of sudo on the host",
    ),
    _Cause(
        (b"'sudo': No such file", b"sudo: not found", b"sudo: command not found"),
        "sudo is not installed on the host",
        "install sudo on the host, or log in as root (hosts.{host}.ssh.user)",
    ),
)

_SUDO_PASSWORD_WANTED = (b"a password is required", b"a terminal is required to read the password")
_SUDO_PASSWORD_REFUSED = (b"incorrect password attempt", b"Sorry, try again", b"no password was")


def explain_start_failure(
    start: ProgramStart, status: int | None, *, peer: LoginPeer
) -> MailprovError:
    """Return the error for a program that ended, or asked again, before it started."""
    said = start.said()
    if start.uid:
        return _explain_not_root(start.uid, peer)
    if start.logged_in and start.become != "none":
        return _explain_sudo(start, said, peer)
    if not start.logged_in and (cause := _cause_of(_LOGIN_CAUSES, said)):
        return _explained(cause, said, peer)
    ended = f" (status {status})" if status is not None else ""
    return unreachable(
        peer.where,
        f"the login of {peer.user} ended before the program started{ended}",
        got=printable(said) or "no output",
        want="a login shell that runs the given command, like /bin/sh",
        fix=f"look for a forced command (ForceCommand in sshd_config, command= in "
        f"authorized_keys of {peer.user}), and for the shell of {peer.user}: getent passwd "
        f"{peer.user}",
    )


class LoginPeer(NamedTuple):
    """Who is spoken to: `where` for diagnostics, host key of the site, login name."""

    where: str
    host: str
    user: str


def _explain_not_root(uid: int, peer: LoginPeer) -> MailprovError:
    return unreachable(
        peer.where,
        f"{peer.user} is not root on the host",
        got=f"user id {uid}",
        want="user id 0",
        fix=f"set `become: sudo` under hosts.{peer.host}.ssh, or log in as root",
    )


def _explain_sudo(start: ProgramStart, said: bytes, peer: LoginPeer) -> MailprovError:
    if start.prompts > 1 or _any_in(_SUDO_PASSWORD_REFUSED, said):
        return unreachable(
            peer.where,
            f"sudo refused the password of {peer.user}",
            want=f"the password that {peer.user} has on the host",
            fix=f"correct what hosts.{peer.host}.ssh.become_password refers to",
        )
    if cause := _cause_of(_SUDO_CAUSES, said):
        return _explained(cause, said, peer)
    if _any_in(_SUDO_PASSWORD_WANTED, said):
        return unreachable(
            peer.where,
            "sudo asks for a password, but the site file has none",
            fix=f"set hosts.{peer.host}.ssh.become_password to {{env: VAR}}, {{file: PATH}} or "
            f"{{command: [argv]}}, or give {peer.user} NOPASSWD with visudo on the host",
        )
    return unreachable(
        peer.where,
        f"sudo did not start the program for {peer.user}",
        got=printable(said),
        fix=f"try `sudo -S sh -c id` as {peer.user} on the host",
    )


def _cause_of(causes: Iterable[_Cause], said: bytes) -> _Cause | None:
    return next((cause for cause in causes if _any_in(cause.said, said)), None)


def _explained(cause: _Cause, said: bytes, peer: LoginPeer) -> MailprovError:
    names = {"user": peer.user, "host": peer.host}
    return unreachable(
        peer.where,
        cause.summary.format(**names),
        got=printable(said),
        fix=cause.fix.format(**names),
    )


def _any_in(needles: tuple[bytes, ...], text: bytes) -> bool:
    return any(needle in text for needle in needles)

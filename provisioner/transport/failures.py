"""Failures of a connection, in the one form that the user meets: exit code 4 and a diagnostic."""

from __future__ import annotations

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError


class ConnectionLostError(Exception):
    """The other end of a running program is gone; the text says how, if it is known."""


UNEXPLAINED = "Unable to open channel."
"""What paramiko says of a refused channel whose reason it told somebody else: of channels that are
refused at the same time only one learns why."""


class SessionRefusedError(MailprovError):
    """The host's sshd opens no further session now (MaxSessions, sshd_config(5))."""


def unreachable(
    where: str, summary: str, *, got: str = "", want: str = "", fix: str = ""
) -> MailprovError:
    """Return the error for a host that cannot be reached, or is not the host it was."""
    return MailprovError(
        Diagnostic(summary=summary, where=where, got=got, want=want, fix=fix),
        ExitCode.UNREACHABLE,
    )


def printable(data: bytes, limit: int = 500) -> str:
    """Return what a host printed as text that cannot rewrite the terminal which shows it."""
    text = data.decode("utf-8", "replace").strip()
    shown = "".join(
        character if character.isprintable() or character == "\n" else "�" for character in text
    )
    return shown if len(shown) <= limit else "… " + shown[-limit:]

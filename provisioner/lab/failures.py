"""How the lab says that it cannot go on: one error, with the cause and the remedy.

Everything a person can meet while a lab comes up, runs or goes down is a
`MailprovError` made here, so that the command line shows it like any other.
"""

from __future__ import annotations

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError


def lab_error(
    summary: str, *, where: str = "", got: str = "", want: str = "", fix: str = ""
) -> MailprovError:
    """Return (not raise) the error that tells `summary` and how to go on."""
    return MailprovError(
        Diagnostic(summary=summary, where=where, got=got, want=want, fix=fix),
        exit_code=ExitCode.FAILED,
    )

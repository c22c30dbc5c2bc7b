"""A secret from a person at a terminal, never shown while it is typed."""

from __future__ import annotations

import getpass
import warnings

import click

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, printable


def ask_hidden(prompt: str, *, undone: str, fix: str, exit_code: ExitCode) -> str:
    """Return what is typed behind the prompt, without echo.

    undone: what did not happen, fix and exit_code: for the MailprovError where the terminal
    cannot hide it. Raises click.Abort where a person gives up.
    """
    with warnings.catch_warnings():
        # Where the terminal cannot hide it, the secret would be shown.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(printable(prompt))
        except (EOFError, KeyboardInterrupt) as error:
            raise click.Abort from error
        except getpass.GetPassWarning as error:
            summary = f"the terminal cannot hide what is typed; {undone}"
            raise MailprovError(Diagnostic(summary=summary, fix=fix), exit_code) from error

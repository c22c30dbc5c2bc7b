"""The `mailprov` command.

Verbs are loaded when they are called: `mailprov --help` must not pay for SSH. Every
error that a person can meet ends here, as a message and an exit code; a traceback is
shown only with --debug.
"""

from __future__ import annotations

import gc
import io
import sys
import threading
from importlib import import_module

import click

from provisioner import __version__
from provisioner.cli.terminal import (
    give_up_output,
    show_diagnostics,
    write_line,
    write_lines,
    write_traceback,
)
from provisioner.diagnostics import ExitCode, MailprovError

_OBJECTS_BETWEEN_COLLECTIONS = 100_000

# verb: what `mailprov --help` says of it. Each is a module of this package.
_VERBS = {
    "validate": "Check a site file without connecting to any host.",
    "schema": "Print the JSON Schema of the site file for an editor.",
    "render": "Write the files of each host to a folder, offline.",
    "plan": "Show the changes that apply would make.",
    "apply": "Apply the site file to the hosts, then verify them.",
    "verify": "Test the running site from outside against the site file.",
    "send": "Send a test message and trace its delivery.",
    "status": "Show the state of each host and the mail in its queue.",
    "diagnose": "Read the hosts' mail logs and explain the failures.",
    "history": "List the past transactions of each host and their outcome.",
    "rollback": "Restore an earlier configuration.",
    "destroy": "Remove mailprov from the hosts.",
    "user": "Add, change and remove users in the site file.",
    "lab": "Run real test hosts on this machine.",
}


class Verbs(click.Group):
    """The verbs, each imported at its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        """Return the verbs in the order in which a site comes to life."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 click's signature
        """Return a verb's command, None if there is no such verb."""
        if cmd_name not in _VERBS:
            return None
        module = import_module(f"provisioner.cli.{cmd_name}_verb")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 click's signature
        """Write the list of verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailprov")
def mailprov() -> None:
    """Set up a mail site with Unbound, Postfix and Dovecot from one readable file.

    The site file is the argument after the verb; the default is ./site.yaml.
    """


def main() -> None:
    """Run the command line and leave with its exit code."""
    # What a run makes, it mostly needs to its end: looking for garbage after every 700
    # objects, as Python does by default, takes longer than reading a large site.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    threading.excepthook = _tell_of_thread
    sys.exit(run(sys.argv[1:]))


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Say what ended a thread; Python would write it as it is."""
    if ended.exc_value is not None:
        write_traceback(ended.exc_value)


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code and never raise."""
    try:
        code = mailprov.main(arguments, prog_name="mailprov", standalone_mode=False)
    except Exception as error:  # noqa: BLE001 the last line of defence: no traceback reaches a user
        return _tell(error, arguments)
    except KeyboardInterrupt:
        write_line("mailprov: interrupted", err=True)
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def _tell(error: Exception, arguments: list[str]) -> int:
    """Say what is wrong and return the exit code for it."""
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        write_lines(shown.getvalue().removesuffix("\n").split("\n"), err=True)
        return ExitCode.USAGE
    if isinstance(error, click.Abort):
        write_line("mailprov: interrupted", err=True)
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # The reader of our output has left, as `mailprov plan | head` does.
        give_up_output()
        return ExitCode.FAILED
    if "--debug" in arguments:
        write_traceback(error)
    if isinstance(error, MailprovError):
        show_diagnostics(error.diagnostics)
        return error.exit_code
    write_line(f"mailprov: internal error: {type(error).__name__}: {error}", err=True)
    write_line("  fix:  run the command again with --debug and report its output", err=True)
    return ExitCode.FAILED

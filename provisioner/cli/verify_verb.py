"""`mailprov verify`: prove that the site does what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_asker, open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome import error_rows, exit_code_of, verdict_lines
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode
from provisioner.verbs.verify import verify_site


@click.command("verify")
@host_options
@click.option("--all", "everything", is_flag=True, help="Name the probes that passed, too.")
def command(
    site_file: Path, limit: Sequence[str], *, as_json: bool, accept_new: bool, everything: bool
) -> int:
    """Prove that the site does what the file says: real sessions, real mail.

    Exit code 0 if every probe passed, 1 if one failed, 4 if a host cannot be reached.
    """
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json) as run:
        report = verify_site(run, open_asker)
    errors = tuple(report.errors.values())
    if as_json:
        document = {**report.verdict.as_json(), "errors": error_rows(errors)}
        write_json(document)
    else:
        write_lines(verdict_lines(report.verdict, everything=everything))
        show_errors(errors)
    if errors:
        return exit_code_of(errors)
    return ExitCode.OK if report.verdict.passed else ExitCode.FAILED

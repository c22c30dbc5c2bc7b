"""`mailprov verify`: prove that the site does what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_asker, open_runs
from provisioner.cli.options import several_sites_options
from provisioner.cli.outcome_view import error_rows, exit_code_of, verdict_lines
from provisioner.cli.several_sites import errors_shown, site_documents
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode
from provisioner.verbs.verify import VerifyReport, verify_sites


@click.command("verify")
@several_sites_options
@click.option("--all", "everything", is_flag=True, help="List passed and skipped probes, too.")
def command(
    site_files: Sequence[Path],
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    everything: bool,
) -> int:
    """Test the running site against the site file, with real sessions and real mail.

    The exit code is 0 if every probe passed, 1 if a probe failed, and 4 if a host is unreachable.
    """
    with open_runs(site_files, limit, accept_new=accept_new, quiet=as_json) as runs:
        reports = verify_sites(runs, open_asker)
    errors = {ref: error for report in reports.values() for ref, error in report.errors.items()}
    if as_json:
        write_json(site_documents(runs, lambda site: _as_json(reports[site])))
    else:
        for site, report in reports.items():
            told = site if runs.several else None
            write_lines(verdict_lines(report.verdict, told, everything=everything))
        show_errors(errors_shown(errors, runs.name))
    if errors:
        return exit_code_of(errors.values())
    passed = all(report.verdict.passed for report in reports.values())
    return ExitCode.OK if passed else ExitCode.FAILED


def _as_json(report: VerifyReport) -> dict[str, object]:
    return {**report.verdict.as_json(), "errors": error_rows(report.errors.values())}

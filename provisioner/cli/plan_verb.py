"""`mailprov plan`: what apply would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_runs
from provisioner.cli.options import several_sites_options
from provisioner.cli.outcome_view import exit_code_of
from provisioner.cli.plan_view import plan_json, plan_lines
from provisioner.cli.several_sites import errors_shown, site_documents
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode
from provisioner.platforms.records import platform_named
from provisioner.verbs.plan import plan_sites


@click.command("plan")
@several_sites_options
@click.option(
    "--platform",
    default="",
    metavar="NAME",
    help="Plan as if the hosts already ran this release, before an upgrade.",
)
@click.option("--concise", is_flag=True, help="Show one line for each change, without diffs.")
def command(  # noqa: PLR0913 click hands over every option
    site_files: Sequence[Path],
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    platform: str,
    concise: bool,
) -> int:
    """Show the changes that apply would make as unified diffs, and write nothing.

    The exit code is 0 if there is nothing to change, and 2 if there are changes or a gate is waited
    for. Secrets are never shown.
    """
    if platform:
        platform_named(platform)  # refused before any host is asked
    with open_runs(site_files, limit, accept_new=accept_new, quiet=as_json) as runs:
        for run in runs.runs:
            run.compiler.ahead = platform
        survey = plan_sites(runs)
    if as_json:
        write_json(site_documents(runs, lambda site: plan_json(survey.of(site))))
    else:
        write_lines(plan_lines(survey, runs.name, concise=concise))
        show_errors(errors_shown(survey.errors, runs.name))
    if survey.errors:
        return exit_code_of(survey.errors.values())
    return ExitCode.OK if survey.is_empty else ExitCode.CHANGES_PENDING

"""`mailprov plan`: what apply would change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome import error_rows, exit_code_of
from provisioner.cli.terminal import CROWD, coloured, show_errors
from provisioner.diagnostics import ExitCode
from provisioner.plan.change import Change, Plan
from provisioner.platforms.records import platform_named
from provisioner.workflow.plan import SitePlan, plan_site


@click.command("plan")
@host_options
@click.option(
    "--platform",
    default="",
    metavar="NAME",
    help="Plan for a release that the hosts are to be upgraded to, as if they ran it.",
)
def command(
    site_file: Path, limit: Sequence[str], *, as_json: bool, accept_new: bool, platform: str
) -> int:
    """Show what apply would change, as unified diffs; nothing is written.

    Exit code 0 if there is nothing to change, 2 if there is. Secrets are never shown.
    """
    if platform:
        platform_named(platform)  # refused before any host is asked
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json) as run:
        run.compiler.ahead = platform
        survey = plan_site(run)
    if as_json:
        click.echo(json.dumps(_as_json(survey), indent=2, ensure_ascii=False))
    else:
        for line in _lines(survey):
            click.echo(line)
        show_errors(survey.errors.values())
    if survey.errors:
        return exit_code_of(survey.errors.values())
    return ExitCode.OK if survey.is_empty else ExitCode.CHANGES_PENDING


def _as_json(survey: SitePlan) -> dict[str, object]:
    hosts = {
        host: {
            "generation": plan.generation.id,
            "changes": [change.as_json() for change in plan.changes],
            "notices": list(plan.generation.notices),
        }
        for host, plan in survey.plans.items()
    }
    return {"hosts": hosts, "errors": error_rows(survey.errors.values())}


def _lines(survey: SitePlan) -> Iterator[str]:
    notices = [notice for plan in survey.plans.values() for notice in plan.generation.notices]
    for notice in dict.fromkeys(notices):
        yield f"note: {notice}"
    for host, plan in survey.plans.items():
        if plan.pending:
            yield f"note: {host}: what {plan.pending.owner} applied is not confirmed yet"
        if plan.changes or len(survey.plans) <= CROWD:
            yield from _host_lines(host, plan)
    if not survey.plans:
        return
    total = sum(len(plan.changes) for plan in survey.plans.values())
    hosts = len(survey.plans)
    yield f"{total} change{'' if total == 1 else 's'} on {hosts} host{'' if hosts == 1 else 's'}"
    if any(plan.drift for plan in survey.plans.values()):
        yield (
            "files were edited on the host since the last apply: apply refuses to undo that "
            "without --overwrite-drift, and leaves them alone with --keep-drift"
        )


def _host_lines(host: str, plan: Plan) -> Iterator[str]:
    if not plan.changes:
        yield f"{host}: nothing to change"
        return
    yield f"{host}: {plan.generation.platform.title}"
    packages = plan.missing_packages
    if packages:
        yield f"  {coloured('install', 'create')} {' '.join(packages)}"
    for change in plan.transaction:
        if change.drift:
            what = f"{change.name} was edited on the host: {change.drift.what}"
            yield f"  {coloured('drift', 'warning')} {what}"
            yield from _diff_lines(change.drift.diff)
        yield f"  {coloured(change.action.value, change.action.value)} {_named(change)}"
        yield from _diff_lines(change.diff)


def _diff_lines(diff: str) -> Iterator[str]:
    for row in diff.splitlines():
        yield "    " + _coloured_row(row)


def _named(change: Change) -> str:
    return f"{change.kind} {change.name}: {change.reason}"


def _coloured_row(row: str) -> str:
    word = {"+": "create", "-": "remove"}.get(row[:1], "")
    return coloured(row, word)

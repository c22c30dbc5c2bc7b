"""`mailprov apply`: bring the hosts to what the site file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.cli.change_options import change_options, drift_decision
from provisioner.cli.composition import open_asker, open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome import (
    anything_changed,
    error_rows,
    exit_code_of,
    outcome_json,
    outcome_table,
    verdict_lines,
)
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.plan.transaction import is_checked
from provisioner.probes.finding import Verdict
from provisioner.probes.leaving import spare_the_world
from provisioner.site.secrets import Need
from provisioner.verbs.apply import ApplyOptions, HostOutcome, apply_site
from provisioner.verbs.verify import verify_site


@click.command("apply")
@host_options
@change_options
@click.option(
    "--replace-mail-server",
    "replace_server",
    is_flag=True,
    help="A mail server that you set up on a host before may end; `plan` shows what ends.",
)
def command(  # noqa: PLR0913 click hands over every option
    site_file: Path,
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    overwrite_drift: bool,
    keep_drift: bool,
    within: int,
    replace_server: bool,
) -> int:
    """Bring every host to what the site file says, then verify it.

    Nothing live is touched before the new configuration has passed the daemons' own
    checks. With nothing to change, nothing is written and nothing is probed. Files that
    were edited on a host since the last apply are not overwritten unless you say so. A new
    configuration has to prove itself with real mail; else each host returns to the old one.
    """
    drift = drift_decision(overwrite=overwrite_drift, keep=keep_drift)
    options = ApplyOptions(drift, within, replace_server)
    verdict: Verdict | None = None
    unverified: tuple[MailprovError, ...] = ()
    opened = open_run(site_file, limit, accept_new=accept_new, quiet=as_json, need=Need.UNKNOWN)
    with opened as run:
        outcomes = apply_site(run, open_asker, options)
        errors = tuple(outcome.error for outcome in outcomes if outcome.error)
        if not errors and anything_changed(outcomes):
            kept = {outcome.host: outcome.kept for outcome in outcomes}
            checked = [one.host for one in outcomes if is_checked(one.changes)]
            report = verify_site(run, open_asker, kept, checked)
            verdict = Verdict(tuple(spare_the_world(report.verdict.findings)))
            unverified = tuple(report.errors.values())
    errors += unverified
    if as_json:
        write_json(_as_json(outcomes, verdict, errors))
    else:
        _show(outcomes, verdict, errors)
    if errors:
        return exit_code_of(errors)
    return ExitCode.FAILED if verdict and not verdict.passed else ExitCode.OK


def _as_json(
    outcomes: Sequence[HostOutcome], verdict: Verdict | None, errors: Sequence[MailprovError]
) -> dict[str, object]:
    return {
        "hosts": {outcome.host.host: outcome_json(outcome) for outcome in outcomes},
        "changes": sum(len(outcome.changes) for outcome in outcomes),
        "verify": verdict.as_json() if verdict else None,
        "errors": error_rows(errors),
    }


def _show(
    outcomes: Sequence[HostOutcome], verdict: Verdict | None, errors: Sequence[MailprovError]
) -> None:
    notices = dict.fromkeys(notice for outcome in outcomes for notice in outcome.notices)
    write_lines(f"note: {notice}" for notice in notices)
    write_lines(outcome_table(outcomes))
    if verdict:
        write_lines(verdict_lines(verdict, everything=False))
    show_errors(errors)

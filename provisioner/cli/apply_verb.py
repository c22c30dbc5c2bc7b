"""`mailprov apply`: bring the hosts to what the site file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from provisioner.cli.change_options import change_options, drift_decision
from provisioner.cli.composition import open_asker, open_runs
from provisioner.cli.options import several_sites_options
from provisioner.cli.outcome_view import (
    anything_changed,
    error_rows,
    exit_code_of,
    outcome_json,
    outcome_table,
    verdict_lines,
)
from provisioner.cli.several_sites import errors_shown, note_of, site_documents
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.probes.finding import Verdict
from provisioner.probes.way_out_findings import spare_the_world
from provisioner.site.secrets import Need
from provisioner.verbs.apply import ApplyOptions, apply_sites
from provisioner.verbs.outcome import HostOutcome
from provisioner.verbs.runs import Runs
from provisioner.verbs.verify import VerifyReport, verify_sites


@click.command("apply")
@several_sites_options
@change_options
@click.option(
    "--replace-mail-server",
    "replace_server",
    is_flag=True,
    help="Replace a mail server that already works on a host; `plan` lists it.",
)
def command(  # noqa: PLR0913 click hands over every option
    site_files: Sequence[Path],
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    overwrite_drift: bool,
    keep_drift: bool,
    within: int,
    replace_server: bool,
) -> int:
    """Apply the site file to every host, then verify the hosts.

    A new configuration must pass the daemons' own checks before it is activated. Then it must pass
    a test with real mail, or each host returns to the old one. If there is nothing to change,
    nothing is written and nothing is probed. Files that were edited on a host since the last apply
    are not overwritten without --overwrite-drift.
    """
    drift = drift_decision(overwrite=overwrite_drift, keep=keep_drift)
    options = ApplyOptions(drift, within, replace_server)
    need = Need.UNKNOWN
    with open_runs(site_files, limit, accept_new=accept_new, quiet=as_json, need=need) as runs:
        outcomes = apply_sites(runs, open_asker, options)
        results = _results(outcomes, _verified(runs, outcomes))
    if as_json:
        write_json(site_documents(runs, lambda site: results[site].as_json()))
    else:
        _show(runs, results)
    if errors := [error for one in results.values() for error in one.errors.values()]:
        return exit_code_of(errors)
    passed = all(one.verdict is None or one.verdict.passed for one in results.values())
    return ExitCode.OK if passed else ExitCode.FAILED


@dataclass(frozen=True)
class _Result:
    """What became of one site. verdict: None where nothing was verified."""

    outcomes: tuple[HostOutcome, ...]
    verdict: Verdict | None
    errors: Mapping[HostRef, MailprovError]

    def as_json(self) -> dict[str, object]:
        return {
            "hosts": {outcome.host.host: outcome_json(outcome) for outcome in self.outcomes},
            "changes": sum(len(outcome.changes) for outcome in self.outcomes),
            "verify": self.verdict.as_json() if self.verdict else None,
            "errors": error_rows(self.errors.values()),
        }


def _verified(runs: Runs, outcomes: Sequence[HostOutcome]) -> Mapping[DomainName, VerifyReport]:
    """Verify the sites where hosts were changed and nothing went wrong."""
    failed = {one.host.site for one in outcomes if one.error}
    changed = {one.host.site for one in outcomes if anything_changed([one])}
    if not changed - failed:
        return {}
    kept = {outcome.host: outcome.kept for outcome in outcomes}
    checked = {one.host: one.checked for one in outcomes if one.checked}
    return verify_sites(runs.within(changed - failed), open_asker, kept, checked)


def _results(
    outcomes: Sequence[HostOutcome], reports: Mapping[DomainName, VerifyReport]
) -> dict[DomainName, _Result]:
    results: dict[DomainName, _Result] = {}
    for site in dict.fromkeys(outcome.host.site for outcome in outcomes):
        its = tuple(outcome for outcome in outcomes if outcome.host.site == site)
        errors = {outcome.host: outcome.error for outcome in its if outcome.error}
        verdict: Verdict | None = None
        if report := reports.get(site):
            verdict = Verdict(tuple(spare_the_world(report.verdict.findings)))
            errors.update(report.errors)
        results[site] = _Result(its, verdict, errors)
    return results


def _show(runs: Runs, results: Mapping[DomainName, _Result]) -> None:
    outcomes = [outcome for one in results.values() for outcome in one.outcomes]
    notices = [
        note_of(outcome.host.site, notice, runs.name)
        for outcome in outcomes
        for notice in outcome.notices
    ]
    write_lines(dict.fromkeys(notices))
    write_lines(outcome_table(outcomes, runs.name))
    for site, one in results.items():
        if one.verdict:
            told = site if runs.several else None
            write_lines(verdict_lines(one.verdict, told, everything=False))
    errors = {ref: error for one in results.values() for ref, error in one.errors.items()}
    show_errors(errors_shown(errors, runs.name))

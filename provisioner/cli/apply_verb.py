"""`mailprov apply`: bring the hosts to what the site file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
from provisioner.cli.phase_view import phase_outcome_json, phase_outcome_lines
from provisioner.cli.several_sites import errors_shown, note_of, site_documents
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.durations import read_duration
from provisioner.model.names import DomainName, HostRef
from provisioner.plan.site_phases import PhaseOutcome
from provisioner.probes.finding import Verdict
from provisioner.probes.way_out_findings import spare_the_world
from provisioner.site.secrets import Need
from provisioner.verbs.apply import Applied, ApplyOptions, apply_sites
from provisioner.verbs.gates import Patience
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
@click.option(
    "--wait",
    is_flag=False,
    flag_value="",
    metavar="[DURATION]",
    help="Wait at closed gates, at most so long (3h, 30m). Without a time, until they pass.",
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
    wait: str | None,
) -> int:
    """Apply the site file to every host, then verify the hosts.

    A new configuration must pass the daemons' own checks before it is activated. Then it must pass
    a test with real mail, or each host returns to the old one. If there is nothing to change,
    nothing is written and nothing is probed. Files that were edited on a host since the last apply
    are not overwritten without --overwrite-drift.

    A gate waits for something that the world needs time for. A closed gate ends the run with exit
    code 6 and says when to come back; the next apply continues there. --wait waits instead.
    """
    drift = drift_decision(overwrite=overwrite_drift, keep=keep_drift)
    options = ApplyOptions(drift, within, replace_server, Patience(_longest(wait)))
    need = Need.UNKNOWN
    with open_runs(site_files, limit, accept_new=accept_new, quiet=as_json, need=need) as runs:
        applied = apply_sites(runs, open_asker, options)
        results = _results(applied, _verified(runs, applied.hosts))
    if as_json:
        write_json(site_documents(runs, lambda site: results[site].as_json()))
    else:
        _show(runs, results)
    code = exit_code_of(error for one in results.values() for error in one.all_errors)
    passed = all(one.verdict is None or one.verdict.passed for one in results.values())
    # A probe that failed is to be looked at first, and waiting does not help it.
    unproven = code in {ExitCode.OK, ExitCode.GATE_CLOSED} and not passed
    return ExitCode.FAILED if unproven else code


def _longest(wait: str | None) -> timedelta | None:
    """Return how long closed gates are waited for: not at all, so long, or (None) until they pass.

    Raises click.UsageError for what is no time.
    """
    if wait is None:
        return timedelta()
    longest = read_duration(wait) if wait else None
    if wait and longest is None:
        raise click.UsageError(
            "--wait is no time: write it like 30m or 3h, or write --wait behind the site file"
        )
    return longest


@dataclass(frozen=True)
class _Result:
    """What became of one site. verdict: None where nothing was verified."""

    outcomes: tuple[HostOutcome, ...]
    phases: tuple[PhaseOutcome, ...]
    verdict: Verdict | None
    errors: Mapping[HostRef, MailprovError]

    @property
    def all_errors(self) -> tuple[MailprovError, ...]:
        """Return what went wrong on hosts, and then at actions and gates."""
        return (*self.errors.values(), *(one.error for one in self.phases if one.error))

    def as_json(self) -> dict[str, object]:
        return {
            "hosts": {outcome.host.host: outcome_json(outcome) for outcome in self.outcomes},
            "changes": sum(len(outcome.changes) for outcome in self.outcomes),
            "phases": [phase_outcome_json(one) for one in self.phases],
            "verify": self.verdict.as_json() if self.verdict else None,
            "errors": error_rows(self.all_errors),
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
    applied: Applied, reports: Mapping[DomainName, VerifyReport]
) -> dict[DomainName, _Result]:
    results: dict[DomainName, _Result] = {}
    for site in dict.fromkeys(outcome.host.site for outcome in applied.hosts):
        its = tuple(outcome for outcome in applied.hosts if outcome.host.site == site)
        phases = tuple(one for one in applied.phases if one.site == site)
        errors = {outcome.host: outcome.error for outcome in its if outcome.error}
        verdict: Verdict | None = None
        if report := reports.get(site):
            verdict = Verdict(tuple(spare_the_world(report.verdict.findings)))
            errors.update(report.errors)
        results[site] = _Result(its, phases, verdict, errors)
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
    phases = [phase for one in results.values() for phase in one.phases]
    write_lines(phase_outcome_lines(phases, runs.name))
    for site, one in results.items():
        if one.verdict:
            told = site if runs.several else None
            write_lines(verdict_lines(one.verdict, told, everything=False))
    errors = {ref: error for one in results.values() for ref, error in one.errors.items()}
    show_errors(errors_shown(errors, runs.name))
    for phase in phases:
        if phase.error:
            show_errors(errors_shown({phase.hosts[0]: phase.error}, runs.name))

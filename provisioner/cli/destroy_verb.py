"""`mailprov destroy`: take mailprov's own files off the hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from provisioner.cli.change_options import change_options, drift_decision
from provisioner.cli.composition import open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome_view import error_rows, exit_code_of, outcome_json
from provisioner.cli.rollback_verb import show_outcomes
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode
from provisioner.verbs.apply import ApplyOptions
from provisioner.verbs.destroy import destroy_site, survey_destruction
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.run import Run

_KEPT = "mailboxes, people's accounts and packages stay on the hosts"


@click.command("destroy")
@host_options
@click.option(
    "--yes-destroy",
    "agreed",
    is_flag=True,
    help="Remove mailprov; without this option nothing changes.",
)
@change_options
def command(  # noqa: PLR0913 click hands over every option
    site_file: Path,
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    overwrite_drift: bool,
    keep_drift: bool,
    within: int,
    agreed: bool,
) -> int:
    """Remove mailprov from the hosts: mail stops there.

    The files of mailprov are removed, or replaced by the files found at the first apply. Services
    return to the state in which they were found. Mailboxes, people's accounts and packages stay.
    Without --yes-destroy the command only lists the changes, and ends with exit code 5. After an
    interruption, run it again to continue.
    """
    options = ApplyOptions(drift_decision(overwrite=overwrite_drift, keep=keep_drift), within)
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json, passwords=False) as run:
        if not agreed:
            return _tell(run, options, as_json=as_json)
        outcomes = destroy_site(run, options)
    errors = tuple(outcome.error for outcome in outcomes if outcome.error)
    if as_json:
        hosts = {outcome.host.host: outcome_json(outcome) for outcome in outcomes}
        document = {"hosts": hosts, "errors": error_rows(errors)}
        write_json(document)
    else:
        show_outcomes(outcomes, _KEPT)
    return exit_code_of(errors)


def _tell(run: Run, options: ApplyOptions, *, as_json: bool) -> int:
    survey = survey_destruction(run, options)
    errors = tuple(survey.errors.values())
    if as_json:
        hosts = {
            ref.host: {"changes": [change.as_json() for change in plan.changes]}
            for ref, plan in survey.plans.items()
        }
        document = {"hosts": hosts, "errors": error_rows(errors)}
        write_json(document)
    else:
        write_lines(destruction_lines(survey))
        show_errors(errors)
    return exit_code_of(errors) if errors else ExitCode.REFUSED


def destruction_lines(survey: SitePlan) -> Iterator[str]:
    """Yield what a destroy would do, host by host."""
    for ref, plan in survey.plans.items():
        yield f"{ref.host}: would be restored as found"
        for change in plan.changes:
            if change.kind != "record":
                yield f"  {change.action.value} {change.kind} {change.name}: {change.reason}"
        yield "  remove users' files, the prober's account and mailbox, and keys made on the host"
        yield "  remove /var/lib/mailprov with all earlier generations"
    yield f"note: {_KEPT}; the hosts no longer serve mail"
    yield "nothing was changed; run the command again with --yes-destroy to remove mailprov"

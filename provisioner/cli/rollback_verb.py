"""`mailprov rollback`: bring an earlier configuration, or earlier users, back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.cli.change_options import change_options, drift_decision
from provisioner.cli.composition import open_asker, open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome_view import (
    anything_changed,
    error_rows,
    exit_code_of,
    outcome_json,
    outcome_table,
)
from provisioner.cli.terminal import show_errors, write_json, write_line, write_lines
from provisioner.plan.history import check_wanted
from provisioner.verbs.apply import ApplyOptions
from provisioner.verbs.outcome import HostOutcome
from provisioner.verbs.restore import restore_directory
from provisioner.verbs.rollback import rollback_site

_USERS_STAY = (
    "users, aliases, passwords and keys did not change; `mailprov plan` shows what the "
    "site file would change again"
)
_USERS_RETURN = (
    "users, aliases and passwords are as transaction {0} left them, including users removed later "
    "and old passwords; `mailprov plan` shows what the site file would change again"
)


@click.command("rollback")
@host_options
@click.option(
    "--to",
    "wanted",
    metavar="GENERATION",
    help="Generation, or its first 4 or more digits; 0 is the host as found. "
    "Default: the previous one.",
)
@click.option(
    "--directory",
    is_flag=True,
    help="Restore the users, aliases and passwords of transaction --to instead.",
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
    wanted: str | None,
    directory: bool,
) -> int:
    """Restore an earlier configuration, as safely as apply installs a new one.

    Users, aliases, passwords and keys stay as they are: no removed user and no old password comes
    back. Mail in the queue is put on hold if the earlier configuration does not have its domain.
    """
    drift = drift_decision(overwrite=overwrite_drift, keep=keep_drift)
    options = ApplyOptions(drift, within)
    _check(wanted, directory=directory)
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json, passwords=False) as run:
        if directory:
            outcomes = restore_directory(run, drift, wanted or "")
        else:
            outcomes = rollback_site(run, open_asker, options, wanted)
    note = _USERS_RETURN.format(wanted) if directory else _USERS_STAY
    errors = tuple(outcome.error for outcome in outcomes if outcome.error)
    if as_json:
        document = {
            "hosts": {outcome.host.host: outcome_json(outcome) for outcome in outcomes},
            "changes": sum(len(outcome.changes) for outcome in outcomes),
            "errors": error_rows(errors),
        }
        write_json(document)
    else:
        show_outcomes(outcomes, note if anything_changed(outcomes) else "")
    return exit_code_of(errors)


def _check(wanted: str | None, *, directory: bool) -> None:
    if not directory:
        if wanted is not None:
            check_wanted(wanted)
        return
    if wanted is None or not (wanted.isascii() and wanted.isdigit()) or wanted.startswith("0"):
        raise click.UsageError(
            "--directory needs --to with the number of a transaction (`mailprov history`)"
        )


def show_outcomes(outcomes: Sequence[HostOutcome], note: str) -> None:
    """Print what became of hosts: notes, the table, and errors to standard error."""
    notices = [notice for outcome in outcomes for notice in outcome.notices]
    for notice in dict.fromkeys([*notices, *([note] if note else [])]):
        write_line(f"note: {notice}")
    write_lines(outcome_table(outcomes))
    show_errors(outcome.error for outcome in outcomes if outcome.error)

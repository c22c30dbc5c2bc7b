"""Options of the verbs that bring another configuration to hosts."""

from __future__ import annotations

import click

from provisioner.cli.options import Command
from provisioner.verbs.apply import CONFIRM_WITHIN
from provisioner.verbs.plan import DriftDecision

_within_option = click.option(
    "--confirm-within",
    "within",
    type=click.IntRange(10, 3600),
    default=CONFIRM_WITHIN,
    show_default=True,
    metavar="SECONDS",
    help="Time until the host returns by itself from an unconfirmed configuration.",
)


def change_options(command: Command) -> Command:
    """Add what every verb takes that brings another configuration to hosts."""
    for option in (
        click.option(
            "--keep-drift", is_flag=True, help="Keep files that were edited on the hosts."
        ),
        _within_option,
        click.option(
            "--overwrite-drift", is_flag=True, help="Overwrite files that were edited on the hosts."
        ),
    ):
        command = option(command)
    return command


def drift_decision(*, overwrite: bool, keep: bool) -> DriftDecision:
    """Return what becomes of edited files; click.UsageError where both options are given."""
    if overwrite and keep:
        raise click.UsageError("--overwrite-drift and --keep-drift are mutually exclusive")
    if overwrite:
        return DriftDecision.OVERWRITE
    return DriftDecision.KEEP if keep else DriftDecision.REFUSE

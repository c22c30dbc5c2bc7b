"""`mailprov status`: how the hosts are right now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_runs
from provisioner.cli.options import several_sites_options
from provisioner.cli.outcome_view import exit_code_of
from provisioner.cli.several_sites import errors_shown, site_documents
from provisioner.cli.status_view import condition_lines, status_json
from provisioner.cli.terminal import Shown, show_errors, write_json, write_lines
from provisioner.diagnostics import ExitCode
from provisioner.verbs.run import Naming
from provisioner.verbs.status import SiteStatus, status_sites


@click.command("status")
@several_sites_options
def command(
    site_files: Sequence[Path], limit: Sequence[str], *, as_json: bool, accept_new: bool
) -> int:
    """Show each host's generation, services, files, certificate, disk and waiting mail.

    Nothing is written and nothing is probed; `verify` does that. The exit code is 0 if all services
    are up, all files are as applied, and all certificates are valid for 14 days or more. Also, no
    mail may have waited longer than `queue_warning` of the site. Otherwise it is 1.
    """
    with open_runs(site_files, limit, accept_new=accept_new, quiet=as_json) as runs:
        status = status_sites(runs)
    if as_json:
        write_json(site_documents(runs, lambda site: status_json(status.of(site))))
    else:
        write_lines(_lines(status, runs.name))
        show_errors(errors_shown(status.errors, runs.name))
    if status.errors:
        return exit_code_of(status.errors.values())
    return ExitCode.OK if status.is_healthy else ExitCode.FAILED


def _lines(status: SiteStatus, name: Naming) -> Iterator[Shown]:
    for position, (ref, condition) in enumerate(status.conditions.items()):
        if position:
            yield ""
        yield from condition_lines(condition, name(ref))

"""`mailprov diagnose`: what the hosts' mail logs say, explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner.cli.composition import open_run
from provisioner.cli.diagnosis_text import diagnosis_lines
from provisioner.cli.options import host_options
from provisioner.cli.outcome import error_rows, exit_code_of
from provisioner.cli.since import parse_since
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnosis.report import counts_of, host_as_json
from provisioner.diagnostics import ExitCode
from provisioner.site.catalogue_files import read_catalogue
from provisioner.verbs.diagnose import SiteDiagnosis, diagnose_site


@click.command("diagnose")
@host_options
@click.option(
    "--since",
    "since",
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Start: 30m, 12h or 2d ago, or a time like 2026-11-24T10:00.",
)
@click.option("--all", "everything", is_flag=True, help="Show failures that are over, too.")
@click.option(
    "--catalogue",
    "catalogues",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file with entries of your own; repeatable.",
)
def command(  # noqa: PLR0913 one parameter an option is click's way
    site_file: Path,
    limit: Sequence[str],
    since: str,
    catalogues: Sequence[Path],
    *,
    as_json: bool,
    accept_new: bool,
    everything: bool,
) -> int:
    """Read the mail log of each host and explain the failures; write nothing.

    The exit code is 0 if there was nothing worse than a warning. It is 1 for an error or an
    unexplained line, and 4 if a host is unreachable.
    """
    moment = parse_since(since, datetime.now(UTC))
    catalogue = read_catalogue(catalogues)
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json, passwords=False) as run:
        report = diagnose_site(run, catalogue, moment)
    errors = tuple(report.errors.values())
    if as_json:
        write_json(_as_json(report, everything=everything))
    else:
        write_lines(diagnosis_lines(report.hosts.values(), since, everything=everything))
        show_errors(errors)
    if errors:
        return exit_code_of(errors)
    counts = counts_of(report.hosts.values())
    return ExitCode.FAILED if counts["error"] or counts["unknown"] else ExitCode.OK


def _as_json(report: SiteDiagnosis, *, everything: bool) -> dict[str, object]:
    return {
        "counts": counts_of(report.hosts.values()),
        "hosts": {
            str(ref.host): host_as_json(host, everything=everything)
            for ref, host in report.hosts.items()
        },
        "errors": error_rows(report.errors.values()),
    }

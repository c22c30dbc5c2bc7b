"""`mailprov diagnose`: what the hosts' mail logs say, explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from provisioner.cli.composition import open_run
from provisioner.cli.diagnosis_view import counts_of, diagnosis_lines, host_as_json
from provisioner.cli.options import host_options
from provisioner.cli.outcome_view import error_rows, exit_code_of
from provisioner.cli.terminal import show_errors, write_json, write_lines
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.model.durations import read_duration
from provisioner.site.catalogue_files import read_catalogue
from provisioner.verbs.diagnose import SiteDiagnosis, diagnose_site

_LONGEST = 3660 * 86400.0  # ten years, in seconds: no host's log reaches further


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
@click.option("--all", "everything", is_flag=True, help="Show resolved failures, too.")
@click.option(
    "--catalogue",
    "catalogues",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file with your own entries; repeatable.",
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


def parse_since(text: str, now: datetime) -> datetime | float:
    """Return a number of seconds before now, or a moment (aware).

    now: aware. A moment without a zone is in the zone of this machine. Raises MailprovError
    (wrong usage), also for the future and for what is longer ago than ten years.
    """
    ago = read_duration(text)
    if ago is not None:
        seconds = ago.total_seconds()
        _check_range(text, seconds)
        return seconds
    moment = _moment(text)
    _check_range(text, (now - moment).total_seconds())
    return moment


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        problem = Diagnostic(
            summary="--since is not a time",
            got=quoted(text, 60),
            want="30m, 12h, 2d, or a time like 2026-11-24T10:00 (with Z or +02:00 if not local)",
            fix="write it in one of these forms",
        )
        raise MailprovError(problem, ExitCode.USAGE) from error


def _check_range(text: str, seconds: float) -> None:
    if 0 <= seconds <= _LONGEST:
        return
    problem = Diagnostic(
        summary="--since is in the future" if seconds < 0 else "--since is too long ago",
        got=quoted(text, 60),
        want="a time in the past, at most ten years ago",
        fix="a time without a zone is in this machine's zone; add Z or +02:00 for another"
        if seconds < 0
        else "give a later time, like 30d",
    )
    raise MailprovError(problem, ExitCode.USAGE)

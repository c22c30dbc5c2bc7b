"""`mailprov history`: what became of each apply, and what can be brought back."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import click

from provisioner.cli.composition import open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome_view import error_rows, exit_code_of
from provisioner.cli.terminal import output_columns, show_errors, table, write_json, write_lines
from provisioner.diagnostics import ExitCode, printable
from provisioner.model.names import HostRef
from provisioner.plan.history import Event, History
from provisioner.render.artifact import Plane
from provisioner.verbs.history import SiteHistory, read_site_history

_HEAD = ("HOST", "NUMBER", "WHEN", "GENERATION", "PLANE", "BACK", "OUTCOME", "WHO")
_BRIEF = 4  # columns that each terminal has room for
_INDENT = "    "


@click.command("history")
@host_options
def command(site_file: Path, limit: Sequence[str], *, as_json: bool, accept_new: bool) -> int:
    """List the past transactions of each host and their outcome; write nothing.

    A star marks the state in force. BACK shows the options that bring a line back with `mailprov
    rollback`: a generation of the configuration, or --directory with a number for the users.
    """
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json, passwords=False) as run:
        site = read_site_history(run)
    if as_json:
        write_json(_as_json(site))
    else:
        write_lines(history_lines(site.histories, output_columns()))
        show_errors(site.errors.values())
    return exit_code_of(site.errors.values()) if site.errors else ExitCode.OK


def history_lines(histories: Mapping[HostRef, History], columns: int | None) -> list[str]:
    """Return the lines of every host's history.

    columns: of the terminal, None where it is none. A row that does not fit is told in lines.
    """
    rows = list(_rows(histories))
    shown = table(_HEAD, rows)
    if columns is None or all(len(line) <= columns for line in shown):
        return shown
    head, *brief = table(_HEAD[:_BRIEF], [row[:_BRIEF] for row in rows])
    told = ([first, *_rest(row, columns)] for first, row in zip(brief, rows, strict=True))
    return [head, *chain.from_iterable(told)]


def _rest(row: Sequence[str], columns: int) -> list[str]:
    """Return what a brief row leaves out, in lines that fit."""
    plane, back, outcome, who = row[_BRIEF:]
    parts = (plane, outcome, f"by {who}", "" if back == "-" else f"back with {back}")
    text = "; ".join(part for part in parts if part not in {"", "-", "by -"})
    width = max(columns - len(_INDENT), 1)
    return [
        _INDENT + line for line in textwrap.wrap(printable(text), width, break_on_hyphens=False)
    ]


def _rows(histories: Mapping[HostRef, History]) -> Iterator[tuple[str, ...]]:
    for ref, history in histories.items():
        for event in history.events:
            current = history.is_current(event)
            yield (
                ref.host,
                f"{event.serial}{' *' if current else ''}",
                event.when,
                event.generation or "-",
                event.plane.value,
                _way_back(history, event, current=current),
                event.outcome,
                event.who,
            )
        if not history.events:
            yield (ref.host, "-", "-", "-", "-", "-", "mailprov has never changed this host", "-")


def _way_back(history: History, event: Event, *, current: bool) -> str:
    if current or not history.can_return_to(event):
        return "-"
    if event.plane is Plane.DIRECTORY:
        return f"--directory --to {event.serial}"
    return f"--to {event.generation[:8]}"


def _as_json(site: SiteHistory) -> dict[str, object]:
    hosts = {ref.host: history_json(history) for ref, history in site.histories.items()}
    return {"hosts": hosts, "errors": error_rows(site.errors.values())}


def history_json(history: History) -> dict[str, object]:
    """Return one host's history as a JSON object."""
    return {
        "generation": history.current,
        "generations": sorted(history.generations),
        "snapshots": sorted(map(int, history.snapshots)),
        "events": [
            {
                "number": int(event.serial),
                "when": event.when,
                "plane": event.plane.value,
                "generation": event.generation,
                "who": event.who,
                "outcome": event.outcome,
                "in_force": history.is_current(event),
                "available": history.can_return_to(event),
            }
            for event in history.events
        ],
    }

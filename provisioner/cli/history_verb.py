"""`mailprov history`: what became of each apply, and what can be brought back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from provisioner.cli.composition import open_run
from provisioner.cli.options import host_options
from provisioner.cli.outcome import error_rows, exit_code_of
from provisioner.cli.terminal import show_errors, table
from provisioner.diagnostics import ExitCode
from provisioner.model.names import HostKey
from provisioner.plan.history import Event, History
from provisioner.render.artifact import Plane
from provisioner.workflow.history import SiteHistory, read_site_history

_HEAD = ("HOST", "NUMBER", "WHEN", "PLANE", "GENERATION", "BACK", "OUTCOME", "WHO")


@click.command("history")
@host_options
def command(site_file: Path, limit: Sequence[str], *, as_json: bool, accept_new: bool) -> int:
    """Show what became of each transaction, host by host; nothing is written.

    What is in force is marked with a star. BACK says what `mailprov rollback` can bring back:
    a generation of the configuration, or with --directory the users of a number.
    """
    with open_run(site_file, limit, accept_new=accept_new, quiet=as_json, passwords=False) as run:
        site = read_site_history(run)
    if as_json:
        click.echo(json.dumps(_as_json(site), indent=2, ensure_ascii=False))
    else:
        click.echo(table(_HEAD, list(_rows(site.histories))))
        show_errors(site.errors.values())
    return exit_code_of(site.errors.values()) if site.errors else ExitCode.OK


def _rows(histories: Mapping[HostKey, History]) -> Iterator[tuple[str, ...]]:
    for host, history in histories.items():
        for event in history.events:
            current = history.is_current(event)
            yield (
                host,
                f"{event.serial}{' *' if current else ''}",
                event.when,
                event.plane.value,
                event.generation or "-",
                _way_back(history, event, current=current),
                event.outcome,
                event.who,
            )
        if not history.events:
            yield (host, "-", "-", "-", "-", "-", "mailprov never changed this host", "-")


def _way_back(history: History, event: Event, *, current: bool) -> str:
    if current or not history.can_return_to(event):
        return "-"
    if event.plane is Plane.DIRECTORY:
        return f"--directory --to {event.serial}"
    return f"--to {event.generation[:8]}"


def _as_json(site: SiteHistory) -> dict[str, object]:
    hosts = {host: history_json(history) for host, history in site.histories.items()}
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

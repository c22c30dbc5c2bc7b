"""Arguments and options that several verbs share; each means the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]

site_argument = click.argument(
    "site_file", metavar="[SITE]", default="site.yaml", type=click.Path(path_type=Path)
)

sites_argument = click.argument(
    "site_files",
    metavar="[SITE]...",
    nargs=-1,
    default=("site.yaml",),
    type=click.Path(path_type=Path),
)

limit_option = click.option(
    "--limit",
    "limit",
    multiple=True,
    metavar="HOST",
    help="Work on this host only; repeatable.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

debug_option = click.option(
    "--debug", is_flag=True, help="Show the traceback of an error.", expose_value=False
)

accept_option = click.option(
    "--accept-new-host-keys",
    "accept_new",
    is_flag=True,
    help="Add unknown host keys to ~/.ssh/known_hosts; changed ones are never accepted.",
)


def host_options(command: Command) -> Command:
    """Add what every verb takes that talks to the hosts of one site."""
    return _with_host_options(site_argument(command))


def several_sites_options(command: Command) -> Command:
    """Add what every verb takes that talks to the hosts of one or several sites."""
    return _with_host_options(sites_argument(command))


def _with_host_options(command: Command) -> Command:
    for option in (debug_option, accept_option, json_option, limit_option):
        command = option(command)
    return command

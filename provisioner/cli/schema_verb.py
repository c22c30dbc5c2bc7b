"""`mailprov schema`: the site file's JSON Schema."""

from __future__ import annotations

import click

from provisioner.cli.options import debug_option
from provisioner.cli.terminal import write_json


@click.command("schema")
@debug_option
def command() -> None:
    """Print the JSON Schema of the site file.

    An editor that supports YAML schemas completes and checks the file with it.
    """
    from provisioner.model.schema import site_schema  # noqa: PLC0415 slow to import

    write_json(site_schema())

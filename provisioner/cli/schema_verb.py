"""`mailprov schema`: the site file's JSON Schema."""

from __future__ import annotations

import json

import click

from provisioner.cli.options import debug_option


@click.command("schema")
@debug_option
def command() -> None:
    """Print the JSON Schema of the site file.

    Editors that know YAML schemas complete and check the file with it.
    """
    from provisioner.model.schema import site_schema  # noqa: PLC0415 slow to import

    click.echo(json.dumps(site_schema(), indent=2, ensure_ascii=False))

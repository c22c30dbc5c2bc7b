"""`mailprov validate`: check the site file, taken alone."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli.options import debug_option, json_option, site_argument
from provisioner.cli.site_opening import check_expressible
from provisioner.cli.terminal import show_diagnostics, write_json, write_line
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.directory.inline import directory_of
from provisioner.model.site import Site
from provisioner.site.load import load_site


@click.command("validate")
@site_argument
@json_option
@debug_option
def command(site_file: Path, *, as_json: bool) -> int:
    """Check a site file without connecting to a host or reading a secret.

    The exit code is 0 if the file is valid, and 3 if not. Every error gives location, found
    value, expected value and fix.
    """
    try:
        loaded = load_site(site_file)
        check_expressible(loaded.site)
    except MailprovError as error:
        if not as_json:
            raise
        rows = [diagnostic.as_json() for diagnostic in error.diagnostics]
        write_json({"valid": False, "errors": rows, "warnings": []})
        return error.exit_code
    if as_json:
        rows = [diagnostic.as_json() for diagnostic in loaded.warnings]
        write_json({"valid": True, "errors": [], "warnings": rows})
    else:
        show_diagnostics(loaded.warnings)
        write_line(f"{site_file}: valid: {_in_words(loaded.site)}")
    return ExitCode.OK


def _in_words(site: Site) -> str:
    directory = directory_of(site)
    counts = (
        (len(site.hosts), "host"),
        (len(site.domains), "domain"),
        (len(directory.users), "user"),
        (len(directory.aliases), "alias"),
    )
    return f"{site.domain}, " + ", ".join(
        f"{number} {_plural(word) if number != 1 else word}" for number, word in counts
    )


def _plural(word: str) -> str:
    return f"{word}es" if word.endswith("s") else f"{word}s"

"""`mailprov lab`: real hosts on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from provisioner.cli.options import debug_option
from provisioner.cli.terminal import table, write_line, write_lines
from provisioner.diagnostics import ExitCode


@click.group("lab")
def command() -> None:
    """Run test hosts on this machine: Debian servers with systemd and a network; needs root.

    The hosts have no route out. `mailprov lab demo` sets up a complete site on them.
    """


@command.command("install")
@debug_option
def install() -> None:
    """Install the Debian packages that the lab needs."""
    from provisioner.lab import install_requirements  # noqa: PLC0415 not for --help

    installed = install_requirements()
    write_line(f"installed: {' '.join(installed)}" if installed else "nothing is missing")


@command.command("up")
@click.argument("name")
@click.argument(
    "site_files", metavar="SITE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--release",
    default="debian-12",
    show_default=True,
    metavar="NAME",
    help="Release on the hosts: debian-12, debian-13, or el-9 (layout only).",
)
@debug_option
def up(name: str, site_files: tuple[Path, ...], release: str) -> None:
    """Boot hosts with the names and addresses of site files made for the lab.

    Several sites share one lab and its internet. That internet knows the public records of each.
    """
    from provisioner.cli.site_opening import load_and_warn  # noqa: PLC0415 not for --help
    from provisioner.lab.sites import LabSite, bring_up_sites  # noqa: PLC0415 not for --help

    sites = [
        LabSite(path, load_and_warn(path).site, path.read_text(encoding="utf-8"))
        for path in site_files
    ]
    lab, copies = bring_up_sites(name, sites, release)
    what = "the site" if len(copies) == 1 else "the sites"
    write_line(f"lab {name} is up; apply {what} to it with")
    for copy in copies:
        write_line(f"  HOME={lab.home} mailprov apply {copy}")


@command.command("down")
@click.argument("name")
@click.option("--purge", is_flag=True, help="Remove the cached root trees as well.")
@debug_option
def down(name: str, *, purge: bool) -> None:
    """Remove the hosts, network and files of a lab, in any state."""
    from provisioner.lab import take_down  # noqa: PLC0415 not for --help

    take_down(name, purge=purge)
    write_line(f"lab {name} is down")


@command.command("status")
@debug_option
def status() -> None:
    """List the labs of this machine and their hosts."""
    from provisioner.lab import Lab, list_states  # noqa: PLC0415 not for --help

    rows = [
        (name, host.name, ", ".join(host.addresses), "up" if host.running else "down")
        for name in list_states()
        for host in Lab.attach(name).status().hosts
    ]
    write_lines(table(("LAB", "HOST", "ADDRESSES", "STATE"), rows) if rows else ["no lab is up"])


@command.command("shell")
@click.argument("name")
@click.argument("host")
@debug_option
def shell(name: str, host: str) -> None:
    """Open a root shell on a lab host; this needs no network."""
    from provisioner.lab import Lab  # noqa: PLC0415 not for --help

    arguments = Lab.attach(name).host(host).shell_argv()
    os.execvp(arguments[0], arguments)  # noqa: S606 becomes the shell the user asked for


@command.command("demo")
@click.argument("site_file", metavar="SITE", type=click.Path(path_type=Path))
@debug_option
def demo(site_file: Path) -> int:
    """Set up a site in the lab `demo`, and send and read a message there."""
    from provisioner.lab import install_requirements  # noqa: PLC0415 not for --help
    from provisioner.lab.demo import run_demo  # noqa: PLC0415 not for --help

    begun = time.monotonic()
    install_requirements()
    run_demo(site_file, lambda lines: write_lines(["", *lines]))
    write_lines(["", f"{time.monotonic() - begun:.0f} s in total"])
    return ExitCode.OK

"""`mailprov render`: the files of each host, offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from provisioner.cli.options import debug_option, limit_option, site_argument
from provisioner.cli.site_opening import DEFAULT_PLATFORM, limited_hosts, load_and_warn
from provisioner.cli.terminal import write_line
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.directory.inline import directory_of
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Site
from provisioner.plan.compile import compile_generation
from provisioner.plan.listing import host_listing
from provisioner.platforms.records import known_platforms, platform_named
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import ShardedTable
from provisioner.render.nature import Nature

_RECORD = ".mailprov-render"
_LISTING = "HOST"
"""What a host should be beside files, in a file beside these."""


@click.command("render")
@site_argument
@limit_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for HOST/PATH: a new or empty one, or the output of an earlier render.",
)
@click.option(
    "--platform",
    default=DEFAULT_PLATFORM,
    show_default=True,
    help="Platform of hosts without one in the site file.",
)
@debug_option
def command(site_file: Path, limit: Sequence[str], output: Path, platform: str) -> int:
    """Write the files of each host to a folder, without connecting to any host.

    HOST/HOST lists the packages, accounts, services and ports beside them.

    Passwords and keys that the site file gives by reference are not read. The files contain
    placeholders instead, which match no password.
    """
    site = load_and_warn(site_file).site
    (hosts,) = limited_hosts([site], limit)
    files = dict(_rendered(site, hosts, platform))
    _write(output, files)
    write_line(f"{len(files)} files of {len(hosts)} hosts written to {output}")
    return ExitCode.OK


def _rendered(
    site: Site, hosts: Sequence[Host], default_platform: str
) -> Iterator[tuple[str, Artifact]]:
    passwords = directory_of(site).hashes()
    for host in hosts:
        name = host.platform or default_platform
        if name not in {platform.name for platform in known_platforms()}:
            known = ", ".join(platform.name for platform in known_platforms())
            raise MailprovError(
                Diagnostic("unknown platform", str(host.key), name, f"one of {known}"),
                ExitCode.REFUSED,
            )
        nature = Nature(platform_named(name))
        generation = compile_generation(site, host, nature, SiteSecrets(passwords), {})
        yield f"{host.key}/{_LISTING}", Artifact(f"/{_LISTING}", host_listing(generation))
        for artifact in generation.artifacts:
            for path, content in _contents(artifact):
                yield f"{host.key}{path}", replace(artifact, content=content)


def _contents(artifact: Artifact) -> Iterator[tuple[str, bytes]]:
    if isinstance(artifact, ShardedTable):
        for name, content in artifact.shards.items():
            yield f"{artifact.path}/shards/{name}", content
    else:
        yield artifact.path, artifact.content


def _refuse_outside(folder: Path, name: str) -> None:
    """Raise MailprovError for a record or a link that leads out of the folder."""
    parent = (folder / name).parent.resolve()
    if not parent.is_relative_to(folder.resolve()):
        raise MailprovError(
            Diagnostic(
                summary="the folder contains a link to another place",
                where=str(folder),
                got=quoted(name),
                want="only files below the folder",
                fix="name another folder with -o",
            )
        )


def _write(folder: Path, files: dict[str, Artifact]) -> None:
    record = folder / _RECORD
    try:
        earlier = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        if folder.exists() and not record.exists() and any(folder.iterdir()):
            raise MailprovError(
                Diagnostic(
                    summary="the folder contains files that render did not write",
                    where=str(folder),
                    want="a new or empty folder, or one from an earlier render",
                    fix="name another folder with -o",
                )
            )
        for name in (*sorted(set(earlier) - set(files)), *files):
            _refuse_outside(folder, name)
            (folder / name).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name, artifact in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # A secret must not be readable for an instant either.
            path.touch(mode=0o600 if artifact.secret else 0o644)
            path.write_bytes(artifact.content)
        record.write_text("".join(f"{name}\n" for name in sorted(files)), encoding="utf-8")
    except OSError as problem:
        raise MailprovError(
            Diagnostic(
                summary="mailprov could not write the rendered files",
                where=str(folder),
                got=str(problem),
                fix="name a writable folder with -o",
            )
        ) from problem
